"""The mouth of a photo: closed at rest, never crossed, and maps that agree with its landmarks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveface.engine.face import face_space, mouth
from liveface.engine.face.avatar import Avatar
from tests import faces

CODES = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).normal(0, 3, face_space.CODE_SIZE).astype(np.float32)
)
UPPER, LOWER = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415]), np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])


def rolled(points: face_space.Array, angle: float) -> face_space.Array:
    """Mesh (468, 3) turned in the picture about (160, 160)."""
    result = points.copy()
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    result[:, :2] = (points[:, :2] - 160) @ turn.T + 160
    return result


def opening(points: face_space.Array, shape: mouth.Mouth) -> np.ndarray:
    """Gap of every pair of inner lip points along the face, (9,) IOD."""
    across = face_space.between_eyes(points)
    down = np.array([-across[1], across[0]]) / np.hypot(*across)
    return (points[LOWER] - points[UPPER]) @ down / shape.photo_iod


@pytest.mark.parametrize("angle", [0.0, 0.5, -0.3])
@pytest.mark.parametrize("gap", [0.0, 0.05, 0.4])
def test_an_open_mouth_is_closed_whichever_way_the_head_leans(angle: float, gap: float) -> None:
    shape = mouth.measure(rolled(faces.mesh(gap=gap), angle))
    assert opening(shape.points, shape).max() == pytest.approx(gap, rel=0.4, abs=0.01)
    np.testing.assert_allclose(opening(shape.closed, shape), 0, atol=1e-3)


def test_closing_moves_neither_eyes_nor_nose_and_lifts_the_chin() -> None:
    shape = mouth.measure(faces.mesh(gap=0.4))
    upper_face = faces.mesh()[:, 1] < faces.mesh()[2, 1] - 1
    np.testing.assert_array_equal(shape.closed[upper_face], shape.points[upper_face])
    assert shape.closed[face_space.CHIN, 1] < shape.points[face_space.CHIN, 1] - 0.1 * shape.photo_iod


def test_closing_folds_no_skin_over() -> None:
    shape = mouth.measure(faces.mesh(gap=0.5))
    column = np.array([2, 164, 0, 11, 12, 15, 16, 17, 18, 200, 199, 175, 152])  # down the middle of the face
    assert (np.diff(shape.closed[column, 1]) > -0.01 * shape.photo_iod).all()


def test_a_closed_mouth_stays_as_it_is() -> None:
    shape = mouth.measure(faces.mesh())
    np.testing.assert_allclose(shape.closed, shape.points, atol=1e-3)
    np.testing.assert_allclose(shape.source, shape.points, atol=1e-3)


def test_a_real_smile_is_closed(portrait: Avatar) -> None:
    shape = mouth.measure(portrait.points)
    assert opening(shape.points, shape).max() > 0.05
    np.testing.assert_allclose(opening(shape.closed, shape), 0, atol=1e-3)


@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_the_zero_code_is_the_closed_mouth(gap: float) -> None:
    shape = mouth.measure(faces.mesh(gap=gap))
    rest = face_space.basis().decode(np.zeros(face_space.CODE_SIZE, np.float32))
    np.testing.assert_allclose(shape.landmarks(rest), shape.closed, atol=1e-3)


@settings(max_examples=40)
@given(CODES, st.floats(-0.6, 0.6))
def test_the_lips_never_cross(code: np.ndarray, angle: float) -> None:
    shape = mouth.measure(rolled(faces.mesh(gap=0.1), angle))
    assert opening(shape.landmarks(face_space.basis().decode(code)), shape).min() > -1e-3


def test_displacement_and_landmarks_are_inverse() -> None:
    shape = mouth.measure(faces.mesh(gap=0.1))
    code = (face_space.basis().gap_weights() * 40).astype(np.float32)
    landmarks = shape.landmarks(face_space.basis().decode(code))
    assert np.abs(landmarks - shape.closed).max() > 5
    np.testing.assert_allclose(shape.landmarks(shape.displacement(landmarks)), landmarks, atol=0.01)


def test_a_displacement_of_one_unit_is_one_eye_distance_in_the_photo() -> None:
    shape = mouth.measure(faces.mesh(iod=73.0))
    moved = np.zeros((468, 3), np.float32)
    moved[:] = [1.0, 0.0, 0.0]
    np.testing.assert_allclose(shape.landmarks(moved) - shape.closed, np.broadcast_to([73.0, 0.0], (468, 2)), atol=0.1)
    assert shape.photo_iod == pytest.approx(73.0, rel=1e-3)
    assert shape.iod == pytest.approx(mouth.CROP_SIZE[0] / face_space.CROP_WIDTH, rel=0.1)


def test_the_crop_holds_the_whole_open_mouth() -> None:
    shape = mouth.measure(faces.mesh())
    lips = shape.to_crop(faces.mesh(gap=0.3)[face_space.LIPS, :2])
    assert (lips > 3).all()
    assert (lips < np.subtract(mouth.CROP_SIZE, 3)).all()


def test_the_inside_of_the_mouth_is_empty_in_the_dead_zone_and_grows_with_the_gap() -> None:
    areas = []
    for gap in (0.0, 0.015, 0.035, 0.1, 0.2, 0.4):
        shape = mouth.measure(faces.mesh())
        areas.append(mouth.inner_mask(shape.to_crop(faces.mesh(gap=gap)[:, :2]), shape.iod).sum())
    assert areas[0] == areas[1] == 0.0
    assert areas[2] > 0.0
    assert (np.diff(areas[1:]) > 0).all()


def test_a_large_photo_is_shrunk_without_aliasing() -> None:
    points = faces.mesh(iod=600.0, middle=(900, 700))
    stripes = np.zeros((1800, 1800, 3), np.uint8)
    stripes[:, ::2] = 255
    shape = mouth.measure(points)
    crop = mouth.reference_crop(stripes, shape)
    assert np.abs(crop.astype(int) - 127).max() < 40
