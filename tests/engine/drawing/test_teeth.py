"""The teeth of a photo: its own where it shows them, else drawn ones, fixed to skull and chin."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from liveface.engine.drawing.teeth import Row, Teeth
from liveface.engine.face import face_space, mouth
from liveface.engine.face.mouth import CORNERS, CROP_SIZE, Mouth
from tests import faces

SKIN, LIP, CAVITY, TOOTH = (200, 150, 130), (180, 80, 80), (50, 20, 20), (150, 235, 215)


def smiling(gap: float, tooth_share: float, light: float = 1.0) -> tuple[Teeth, Mouth]:
    """The teeth of a photo whose mouth is open by `gap` IOD and shows greenish teeth in the upper part of it."""
    points = faces.mesh(gap=gap)
    shape = mouth.measure(points)
    photo = np.full((320, 320, 3), SKIN, np.uint8)
    for ring, colour in ((face_space.OUTER_LIPS, LIP), (face_space.INNER_LIPS, CAVITY)):
        cv2.fillPoly(photo, [np.rint(points[ring, :2]).astype(np.int32)], colour)
    inside = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(points[face_space.INNER_LIPS, :2]).astype(np.int32)], 1)
    inside[round(points[13, 1] + tooth_share * (points[14, 1] - points[13, 1])) :] = 0
    photo[inside > 0] = TOOTH
    return Teeth.of(mouth.reference_crop((photo * light).astype(np.uint8), shape), shape), shape


def is_own(teeth: Teeth) -> bool:
    """Whether the upper row has the colour of the photo's teeth, which no drawn tooth has."""
    colour = teeth.upper.layer[teeth.upper.layer[..., 3] > 0.9].mean(axis=0)
    return bool(colour[1] > 1.2 * colour[0])


def edge(row: Row, column: int) -> int:
    """The lowest crop pixel of a row in a column."""
    return int(np.flatnonzero(row.layer[:, column, 3] > 0.5).max())


def test_a_photo_s_own_teeth_are_found_from_the_upper_lip_to_their_edge() -> None:
    teeth, shape = smiling(0.3, 0.5)
    assert is_own(teeth)
    lips = shape.to_crop(shape.points)
    middle, top, bottom = round(float(lips[13, 0])), float(lips[13, 1]), float(lips[14, 1])
    cover = teeth.upper.layer[:, middle, 3]
    assert np.flatnonzero(cover > 0.5)[0] < top, "teeth go on under the lip"
    assert edge(teeth.upper, middle) == pytest.approx(top + 0.5 * (bottom - top), abs=2.5)
    seen = teeth.upper.layer[round(top + 0.25 * (bottom - top)), middle, :3]
    np.testing.assert_allclose(seen * 255, TOOTH, atol=12)


@pytest.mark.parametrize(("gap", "tooth_share"), [(0.3, 0.0), (0.03, 0.9), (0.0, 0.0)])
def test_teeth_are_drawn_where_the_photo_shows_none(gap: float, tooth_share: float) -> None:
    teeth, _ = smiling(gap, tooth_share)
    assert not is_own(teeth)
    assert teeth.upper.layer[..., 3].max() > 0.95


def test_drawn_teeth_take_the_light_of_the_face() -> None:
    dark, bright = (smiling(0.0, 0.0, light)[0].upper.layer[..., 1].max() for light in (0.25, 1.0))
    assert dark < 0.4 < 0.7 < bright


def test_the_upper_row_stays_with_the_skull_and_the_lower_follows_the_chin() -> None:
    teeth, shape = smiling(0.0, 0.0)
    dropped = teeth.dropped(np.array([0.0, 12.0], np.float32), shape.iod)
    assert dropped.upper is teeth.upper
    np.testing.assert_allclose(dropped.lower.layer[12:], teeth.lower.layer[:-12], atol=1e-5)
    rows = np.arange(CROP_SIZE[1])
    height = [(row.guide.sum(axis=1) @ rows) / row.guide.sum() for row in (teeth.upper, teeth.lower)]
    assert height[0] < shape.to_crop(shape.closed)[14, 1] < height[1]


def test_the_lower_row_hides_behind_the_upper_one_until_the_chin_drops() -> None:
    teeth, shape = smiling(0.0, 0.0)
    covers = [teeth.dropped(np.array([0.0, drop * shape.iod]), shape.iod).lower.layer[..., 3] for drop in (0.0, 0.2)]
    assert not covers[0].any()
    assert covers[1].max() > 0.9


def test_drawn_teeth_follow_the_curve_of_a_smile() -> None:
    _, shape = smiling(0.0, 0.0)
    reference = mouth.reference_crop(np.full((320, 320, 3), SKIN, np.uint8), shape)
    steps = []
    for lift in (0.0, 8.0):
        smile = shape.closed.copy()
        smile[CORNERS, 1] -= lift / shape.iod * shape.photo_iod
        row = Teeth.of(reference, replace(shape, closed=smile)).upper
        lips = shape.to_crop(smile)
        middle, side = round(float(lips[13, 0])), round(float(lips[13, 0] + lips[308, 0]) / 2)
        steps.append(edge(row, middle + 4) - edge(row, side + 4))
    assert steps[1] >= steps[0] + 1, "the side's teeth stand higher"


def test_teeth_are_laid_over_the_painted_mouth_and_darker_beside_the_lips() -> None:
    teeth, _ = smiling(0.3, 0.5)
    painted = np.zeros((*CROP_SIZE[::-1], 3), np.float32)
    wide, barely = (teeth.over(painted, np.full(CROP_SIZE[::-1], inner, np.float32)) for inner in (1.0, 0.1))
    is_upper = teeth.upper.layer[..., 3] == 1.0
    np.testing.assert_allclose(wide[is_upper], teeth.upper.layer[is_upper][:, :3], atol=1e-5)
    assert wide[is_upper].mean() > 1.2 * barely[is_upper].mean() > 0.0
    is_elsewhere = (teeth.upper.layer[..., 3] == 0.0) & (teeth.lower.layer[..., 3] == 0.0)
    assert not wide[is_elsewhere].any()


def test_nothing_is_laid_into_a_closed_mouth() -> None:
    teeth, _ = smiling(0.3, 0.5)
    painted = np.zeros((*CROP_SIZE[::-1], 3), np.float32)
    assert not teeth.over(painted, painted[..., 0]).any()
