"""The teeth of a photo: its own where it shows them, else drawn ones in its light, in a patch as fine as the photo."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from liveface.engine.drawing.teeth import Patch, Teeth
from liveface.engine.face import face_space, lips, mouth
from liveface.engine.face.mouth import Mouth
from liveface.engine.media import Picture
from tests import faces

SKIN, LIP, CAVITY, TOOTH = (200, 150, 130), (180, 80, 80), (50, 20, 20), (150, 235, 215)
IOD, SIZE, MIDDLE = 120.0, 600, (300.0, 240.0)
Array = face_space.Array


def smiling(gap: float, tooth_share: float, light: float = 1.0) -> tuple[Teeth, Mouth]:
    """The teeth of a photo whose mouth is open by `gap` IOD and shows greenish teeth in the upper part of it."""
    points = faces.mesh(IOD, MIDDLE, gap)
    shape = mouth.measure(points)
    photo = np.full((SIZE, SIZE, 3), SKIN, np.uint8)
    for ring, colour in ((face_space.OUTER_LIPS, LIP), (face_space.INNER_LIPS, CAVITY)):
        cv2.fillPoly(photo, [np.rint(points[ring, :2]).astype(np.int32)], colour)
    inside = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(points[face_space.INNER_LIPS, :2]).astype(np.int32)], 1)
    inside[round(points[13, 1] + tooth_share * (points[14, 1] - points[13, 1])) :] = 0
    photo[inside > 0] = TOOTH
    return Teeth.of((photo * light).astype(np.uint8), shape), shape


def grey_photo() -> Picture:
    return np.full((SIZE, SIZE, 3), SKIN, np.uint8)


def edge(row: Array, column: int) -> int:
    """The lowest patch pixel of a row in a column."""
    return int(np.flatnonzero(row[:, column, 3] > 0.5).max())


def top(row: Array, column: int) -> int:
    return int(np.flatnonzero(row[:, column, 3] > 0.5).min())


def middle_of(teeth: Teeth, points: Array) -> np.ndarray:
    """The middle of the inner lips in the patch: column, upper and lower row."""
    placed = teeth.patch.place(points)
    return np.array([placed[13, 0], placed[13, 1], placed[14, 1]])


@pytest.mark.parametrize(("iod", "expected"), [(40.0, 80.0), (150.0, 150.0), (600.0, 320.0)])
def test_a_patch_is_as_fine_as_the_photo_within_limits(iod: float, expected: float) -> None:
    shape = mouth.measure(faces.mesh(iod, (4 * iod, 3 * iod)))
    patch = Patch.of(shape)
    assert patch.iod == pytest.approx(expected, rel=1e-2)
    placed = patch.place(shape.rest[lips.EVERY])
    assert (placed > 0).all()
    assert (placed < patch.size).all()
    width = np.hypot(*(patch.place(shape.rest[[61]]) - patch.place(shape.rest[[291]]))[0]) / patch.iod
    assert width == pytest.approx(np.hypot(*(shape.rest[61] - shape.rest[291])) / iod, rel=1e-2)


def test_a_patch_is_cut_where_it_lies() -> None:
    points = faces.mesh(IOD, MIDDLE)
    patch = Patch.of(mouth.measure(points))
    photo = grey_photo()
    cv2.circle(photo, tuple(np.rint(points[0, :2]).astype(int).tolist()), 4, (10, 250, 10), -1)
    cut = patch.cut(photo)
    assert cut.shape == (*patch.size[::-1], 3)
    assert cut.max() <= 1.01
    place = np.argwhere(cut[..., 1] - cut[..., 0] > 0.5).mean(axis=0)[::-1]
    np.testing.assert_allclose(place, patch.place(points[0, :2]), atol=1.0)
    assert patch.filled(points[face_space.OUTER_LIPS, :2])[round(place[1]) + 3, round(place[0])]


def test_a_photo_s_own_teeth_are_found_from_the_upper_lip_to_their_edge() -> None:
    teeth, shape = smiling(0.3, 0.5)
    assert teeth.is_own
    column, upper, lower = middle_of(teeth, shape.points)
    middle = round(column)
    assert top(teeth.upper, middle) < upper, "teeth go on under the lip"
    assert edge(teeth.upper, middle) == pytest.approx(upper + 0.5 * (lower - upper), abs=3.5)
    seen = teeth.upper[round(upper + 0.25 * (lower - upper)), middle, :3]
    np.testing.assert_allclose(seen * 255, TOOTH, atol=12)


@pytest.mark.parametrize(("gap", "tooth_share"), [(0.3, 0.0), (0.03, 0.9), (0.0, 0.0)])
def test_teeth_are_drawn_where_the_photo_shows_none(gap: float, tooth_share: float) -> None:
    teeth, _ = smiling(gap, tooth_share)
    assert not teeth.is_own
    assert teeth.upper[..., 3].max() > 0.95
    colour = teeth.upper[teeth.upper[..., 3] > 0.9].mean(axis=0)
    assert colour[0] > colour[1] > colour[2] > 0.2, "ivory, and no colour of the photo's"


def test_drawn_teeth_take_the_light_of_the_face() -> None:
    dark, dim, bright = (smiling(0.0, 0.0, light)[0].upper[..., 1].max() for light in (0.15, 0.5, 1.0))
    assert dark < 0.8 * dim < 0.8 * bright
    assert bright > 0.55


def test_drawn_teeth_take_half_of_the_light_s_colour() -> None:
    shape = mouth.measure(faces.mesh(IOD, MIDDLE))
    ratios = []
    for colour in (SKIN, (150, 155, 200)):
        teeth = Teeth.of(np.full((SIZE, SIZE, 3), colour, np.uint8), shape)
        seen = teeth.upper[teeth.upper[..., 3] > 0.9].mean(axis=0)
        ratios.append(float(seen[2] / seen[0]))
    assert 1.04 * ratios[0] < ratios[1] < 1.0


def test_both_rows_have_their_edges_at_the_lips_and_grow_away_from_them() -> None:
    teeth, shape = smiling(0.0, 0.0)
    column, seam, _ = middle_of(teeth, shape.rest)
    beside = round(column + 0.06 * teeth.patch.iod)
    iod = teeth.patch.iod
    assert edge(teeth.upper, beside) == pytest.approx(seam + 0.043 * iod, abs=0.03 * iod)
    assert top(teeth.upper, beside) < seam - 0.1 * iod
    assert top(teeth.lower, beside) == pytest.approx(seam + 0.03 * iod, abs=0.03 * iod)
    assert edge(teeth.lower, beside) > seam + 0.15 * iod


def test_drawn_rows_are_even_on_both_sides_and_no_wider_than_the_mouth() -> None:
    teeth, shape = smiling(0.0, 0.0)
    column, _, _ = middle_of(teeth, shape.rest)
    corners = teeth.patch.place(shape.rest[[78, 308]])[:, 0]
    for row in (teeth.upper, teeth.lower):
        shown = np.flatnonzero((row[..., 3] > 0.5).any(axis=0))
        assert (shown[0] + shown[-1]) / 2 == pytest.approx(column, abs=1.5)
        assert np.ptp(shown) < 1.45 * np.ptp(corners)
        assert np.ptp(shown) > 0.7 * np.ptp(corners)


def test_a_narrow_mouth_has_narrow_rows() -> None:
    shape = mouth.measure(faces.mesh(IOD, MIDDLE))
    narrow = shape.rest.copy()
    narrow[lips.EVERY, 0] = MIDDLE[0] + 0.6 * (shape.rest[lips.EVERY, 0] - MIDDLE[0])
    usual, small = (
        np.flatnonzero((Teeth.of(grey_photo(), one).upper[..., 3] > 0.5).any(axis=0))
        for one in (shape, replace(shape, rest=narrow))
    )
    assert np.ptp(small) < 0.8 * np.ptp(usual)


def test_drawn_teeth_follow_the_curve_of_a_smile_but_do_not_lean() -> None:
    _, shape = smiling(0.0, 0.0)
    corners = [face_space.CORNER_RIGHT, face_space.CORNER_LEFT, 78, 308]
    steps, leans = [], []
    for right, left in ((0.0, 0.0), (0.1, 0.1), (0.0, 0.1)):
        smile = shape.rest.copy()
        smile[corners, 1] -= np.array([right, left, right, left]) * IOD
        row = Teeth.of(grey_photo(), replace(shape, rest=smile)).upper
        patch = Patch.of(replace(shape, rest=smile))
        column = float(patch.place(smile[[13]])[0, 0])
        far = 0.17 * patch.iod
        edges = [edge(row, round(column + side * far)) for side in (-1, 1)]
        near = edge(row, round(column + 0.06 * patch.iod))
        steps.append(near - np.mean(edges))
        leans.append(abs(edges[1] - edges[0]))
    assert steps[1] > steps[0] + 1, "the side's teeth stand higher"
    assert leans[2] <= 2
