"""The mouth at rest: closed, without a smile, and exactly as it was where neither was there."""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from liveface.engine.errors import CheckpointError
from liveface.engine.face import face_space, lips, rest_mouth
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.rest_mouth import MouthShape, at_rest, foretold
from tests import faces

Array = face_space.Array


def smiling(wider: float = 0.14, right: float = 0.12, left: float = 0.12, gap: float = 0.0) -> Array:
    """The average face with its mouth `wider` IOD and its corners up by so much, IOD; the skin follows."""
    points = faces.mesh(gap=gap)
    iod = float(face_space.inter_ocular(points[:, :2]))
    middle = points[[face_space.CORNER_RIGHT, face_space.CORNER_LEFT], :2].mean(axis=0)
    half = float(np.ptp(points[[face_space.CORNER_RIGHT, face_space.CORNER_LEFT], 0])) / 2
    x, y = ((points[:, :2] - middle) / half).T
    near = np.exp(-np.maximum(np.hypot(x, y * 1.6) - 1.0, 0.0) ** 2 / 0.05)
    points[:, 0] += near * wider / 2 * iod * np.clip(x, -1.2, 1.2)
    points[:, 1] -= near * iod * np.where(x < 0, right, left) * np.clip(np.abs(x), 0, 1.2) ** 2
    return points


def off(points: Array, wanted: MouthShape) -> tuple[float, float]:
    """How far width and rise are from what is wanted, IOD."""
    shape = MouthShape.of(points)
    return abs(shape.width - wanted.width), abs(shape.rise - wanted.rise)


def test_a_neutral_mouth_is_left_alone_exactly() -> None:
    points = faces.mesh()
    np.testing.assert_array_equal(at_rest(points), points[:, :2])


@pytest.mark.parametrize("gap", [0.0, 0.15])
def test_a_smile_is_taken_back_towards_what_the_face_foretells(gap: float) -> None:
    points = smiling(gap=gap)
    wanted = foretold(points)
    kept, rest = at_rest(points, 0.0), at_rest(points)
    before, after = off(kept, wanted), off(rest, wanted)
    assert before[0] > 0.1
    assert before[1] > 0.08
    assert after[0] < 0.7 * before[0]
    assert after[1] < 0.55 * before[1]
    assert MouthShape.of(rest).width > wanted.width - 0.02, "not more than the smile is taken back"
    assert MouthShape.of(rest).rise > wanted.rise - 0.02


def test_how_much_is_taken_back_is_as_asked() -> None:
    points = smiling()
    rises = np.array([MouthShape.of(at_rest(points, share)).rise for share in (0.0, 0.25, 0.5, 1.0)])
    assert rises[0] > rises[3] + 0.05
    np.testing.assert_allclose((rises[0] - rises) / (rises[0] - rises[3]), [0.0, 0.25, 0.5, 1.0], atol=0.02)
    np.testing.assert_allclose(at_rest(points, 0.0), points[:, :2], atol=1e-3)


def test_a_lopsided_smile_becomes_even() -> None:
    points = smiling(0.08, 0.04, 0.16)
    corners = [face_space.CORNER_RIGHT, face_space.CORNER_LEFT]
    before, after = (np.ptp(mesh[corners, 1]) for mesh in (points[:, :2], at_rest(points)))
    assert before > 6.0
    assert after < 0.5 * before


def test_a_wide_mouth_that_does_not_smile_is_the_person_s_own() -> None:
    points = smiling(0.16, 0.0, 0.0)
    assert MouthShape.of(points).width > foretold(points).width + 0.1
    np.testing.assert_allclose(at_rest(points), points[:, :2], atol=1e-3)


def test_no_smile_taken_back_moves_eyes_or_nose() -> None:
    points = smiling(gap=0.1)
    upper_face = points[:, 1] < points[4, 1]
    np.testing.assert_array_equal(at_rest(points)[upper_face], points[upper_face, :2])


def test_lips_stay_closed_and_in_order_when_a_smile_is_taken_back() -> None:
    rest = at_rest(smiling(gap=0.2))
    upper, lower = rest[lips.UPPER_EDGE], rest[lips.LOWER_EDGE]
    assert (np.diff(upper[:, 0]) > 0).all()
    assert (np.diff(lower[:, 0]) > 0).all()
    np.testing.assert_allclose(np.interp(lower[:, 0], *upper.T), lower[:, 1], atol=0.6)
    for columns, sign in ((lips.UPPER_COLUMNS, 1.0), (lips.LOWER_COLUMNS, -1.0)):
        assert (sign * np.diff(rest[columns[2:7], 1], axis=1) > 0).all()


@pytest.mark.parametrize("gap", [0.0, 0.2])
def test_what_is_foretold_does_not_depend_on_the_mouth_nor_on_the_picture(gap: float) -> None:
    usual = astuple(foretold(faces.mesh()))
    np.testing.assert_allclose(astuple(foretold(smiling(gap=gap))), usual, atol=0.02)
    elsewhere = faces.mesh(31.0, (700.0, 500.0), gap)
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]], np.float32)
    elsewhere[:, :2] = elsewhere[:, :2] @ turn.T
    np.testing.assert_allclose(astuple(foretold(elsewhere)), usual, atol=0.02)


def test_the_shape_is_measured_in_iod_whichever_way_the_face_leans() -> None:
    points = smiling()
    shape = MouthShape.of(points)
    turn = np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]], np.float32)
    turned = points.copy()
    turned[:, :2] = 2.5 * points[:, :2] @ turn.T
    np.testing.assert_allclose(astuple(MouthShape.of(turned)), astuple(shape), atol=1e-4)
    neutral = MouthShape.of(faces.mesh())
    assert shape.width - neutral.width == pytest.approx(0.14, abs=0.01)
    assert shape.rise - neutral.rise == pytest.approx(0.12, abs=0.01)


def test_a_real_smile_is_taken_back(portrait: Avatar) -> None:
    wanted = foretold(portrait.points)
    before, after = off(at_rest(portrait.points, 0.0), wanted), off(at_rest(portrait.points), wanted)
    assert before[0] > 0.1
    assert after[0] < 0.75 * before[0]
    assert after[1] < 0.6 * before[1]


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_mouth, "ASSET", tmp_path / "rest_mouth.npz")
    rest_mouth._ridge.cache_clear()
    with pytest.raises(CheckpointError, match=r"rest_mouth\.npz is missing"):
        foretold(faces.mesh())
