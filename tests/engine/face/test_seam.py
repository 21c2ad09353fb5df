"""Lips on their seam: a dark line is found where it lies, and corners where it ends; nothing else moves."""

import cv2
import numpy as np
import pytest

from liveface.engine.face import face_space, lips, seam
from liveface.engine.media import Picture
from tests import faces

IOD = 120.0
SIZE, MIDDLE = 600, (300.0, 240.0)
SKIN, LIP, LINE = (205, 160, 140), (170, 95, 95), (70, 30, 30)
Array = face_space.Array


def leaning(points: Array, angle: float) -> Array:
    result = points.copy()
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    result[:, :2] = (points[:, :2] - SIZE / 2) @ turn.T + SIZE / 2
    return result


def face(angle: float = 0.0, gap: float = 0.0) -> Array:
    return leaning(faces.mesh(IOD, MIDDLE, gap), angle)


def drawn(points: Array, lower: float = 0.0, beyond: float = 0.0, *, has_line: bool = True) -> Picture:
    """A closed mouth whose dark line lies `lower` IOD below the mesh's seam and goes on `beyond` IOD past its ends."""
    right, down, iod = lips.axes(points)
    photo = np.full((SIZE, SIZE, 3), SKIN, np.uint8)
    shift = lower * iod * down
    outline = points[face_space.OUTER_LIPS, :2] + shift
    cv2.fillPoly(photo, [np.rint(outline * 16).astype(np.int32)], LIP, cv2.LINE_AA, 4)
    if has_line:
        line = lips.curve((points[lips.UPPER_EDGE, :2] + points[lips.LOWER_EDGE, :2]) / 2) + shift
        ends = line[[0, -1]] + beyond * iod * np.stack([-right, right])
        whole = np.concatenate([ends[:1], line, ends[1:]]) if beyond else line
        cv2.polylines(photo, [np.rint(whole * 16).astype(np.int32)], False, LINE, round(0.02 * iod), cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), 1.0), np.uint8)


def moved(before: Array, after: Array) -> tuple[Array, Array]:
    """How far each point went to the right and down of the face, IOD."""
    right, down, iod = lips.axes(before)
    change = (after - before)[:, :2] / iod
    return change @ right, change @ down


@pytest.mark.parametrize("angle", [0.0, 0.25])
@pytest.mark.parametrize("lower", [0.02, -0.02])
def test_the_lips_snap_onto_a_dark_line_beside_them(lower: float, angle: float) -> None:
    points = face(angle)
    found = seam.snapped(drawn(points, lower), points)
    across, down = moved(points, found)
    for edge in (lips.UPPER_EDGE, lips.LOWER_EDGE):
        np.testing.assert_allclose(down[edge[2:-2]], lower, atol=0.006)
        np.testing.assert_allclose(across[edge[2:-2]], 0.0, atol=0.01)
    np.testing.assert_allclose(found[lips.UPPER_EDGE, :2], found[lips.LOWER_EDGE, :2], atol=1e-3)


def test_a_seam_that_fits_stays_where_it_is() -> None:
    points = face()
    across, down = moved(points, seam.snapped(drawn(points), points))
    assert np.abs(down[lips.EVERY]).max() < 0.006
    assert np.abs(across[lips.UPPER_EDGE[2:-2]]).max() < 0.01


@pytest.mark.parametrize("beyond", [0.04, 0.06])
def test_corners_move_outwards_to_the_end_of_the_line(beyond: float) -> None:
    points = face()
    across, down = moved(points, seam.snapped(drawn(points, beyond=beyond), points))
    for corner, sign in ((lips.RIGHT_CORNER, -1.0), (lips.LEFT_CORNER, 1.0)):
        np.testing.assert_allclose(sign * across[corner], beyond, atol=0.015)
        assert np.ptp(across[corner]) < 1e-4, "the corner moves in one piece"
        np.testing.assert_allclose(down[corner], 0.0, atol=0.012)


def test_a_line_that_never_ends_is_no_mouth_s() -> None:
    points = face()
    across, _ = moved(points, seam.snapped(drawn(points, beyond=0.4), points))
    assert np.abs(across[lips.CORNERS]).max() < 1e-3


def test_nothing_moves_but_the_lips() -> None:
    points = face()
    found = seam.snapped(drawn(points, 0.02, 0.05), points)
    still = ~np.isin(np.arange(len(points)), lips.EVERY)
    np.testing.assert_array_equal(found[still], points[still])
    outer = np.concatenate([lips.UPPER_COLUMNS[1:-1, 0], lips.LOWER_COLUMNS[1:-1, 0]])
    np.testing.assert_array_equal(found[outer], points[outer])
    np.testing.assert_array_equal(found[:, 2], points[:, 2])


def test_without_a_line_the_mesh_is_kept() -> None:
    points = face()
    flat = np.full((SIZE, SIZE, 3), SKIN, np.uint8)
    _, down = moved(points, seam.snapped(flat, points))
    assert np.abs(down).max() < 0.005


def test_an_open_mouth_is_not_pressed_together() -> None:
    points = face(gap=0.25)
    photo = drawn(points, has_line=False)
    cv2.fillPoly(photo, [np.rint(points[face_space.INNER_LIPS, :2]).astype(np.int32)], (40, 15, 15))
    found = seam.snapped(photo, points)
    middle = np.concatenate([lips.UPPER_COLUMNS[1:-1].ravel(), lips.LOWER_COLUMNS[1:-1].ravel()])
    np.testing.assert_array_equal(found[middle], points[middle])


@pytest.mark.parametrize("is_dark", [True, False], ids=["an opening", "lip"])
def test_a_narrow_gap_of_the_mesh_is_shut_only_if_the_photo_shows_lip_there(is_dark: bool) -> None:
    points = face(gap=0.045)
    photo = drawn(points, has_line=not is_dark)
    if is_dark:
        cv2.fillPoly(photo, [np.rint(points[face_space.INNER_LIPS, :2] * 16).astype(np.int32)], (30, 12, 12), 8, 4)
    found = seam.snapped(photo, points)
    gap = float(face_space.mouth_gap(found)) / IOD
    assert gap > 0.035 if is_dark else gap < 1e-3


def test_what_was_given_is_not_changed() -> None:
    points = face()
    photo = drawn(points, 0.02, 0.05)
    before, shown = points.copy(), photo.copy()
    seam.snapped(photo, points)
    np.testing.assert_array_equal(points, before)
    np.testing.assert_array_equal(photo, shown)
