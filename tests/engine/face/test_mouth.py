"""The mouth of a photo: closed at rest, never crossed, and maps that agree with its landmarks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveface.engine.face import face_space, lips, mouth
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
    np.testing.assert_allclose(opening(shape.rest, shape), 0, atol=1e-3)


def test_closing_moves_neither_eyes_nor_nose_and_lifts_the_chin() -> None:
    shape = mouth.measure(faces.mesh(gap=0.4))
    upper_face = faces.mesh()[:, 1] < faces.mesh()[2, 1] - 1
    np.testing.assert_array_equal(shape.rest[upper_face], shape.points[upper_face])
    assert shape.rest[face_space.CHIN, 1] < shape.points[face_space.CHIN, 1] - 0.1 * shape.photo_iod


def test_closing_folds_no_skin_over() -> None:
    shape = mouth.measure(faces.mesh(gap=0.5))
    column = np.array([2, 164, 0, 11, 12, 15, 16, 17, 18, 200, 199, 175, 152])  # down the middle of the face
    assert (np.diff(shape.rest[column, 1]) > -0.01 * shape.photo_iod).all()


def test_a_closed_mouth_stays_as_it_is() -> None:
    shape = mouth.measure(faces.mesh())
    np.testing.assert_array_equal(shape.rest, shape.points)
    np.testing.assert_allclose(shape.source, shape.points, atol=1e-3)


def test_the_edges_of_an_open_mouth_lie_in_its_lips() -> None:
    shape = mouth.measure(faces.mesh(gap=0.25))
    for edge, outer, sign in ((UPPER, lips.UPPER_COLUMNS[:, 0], -1.0), (LOWER, lips.LOWER_COLUMNS[:, 0], 1.0)):
        shift = sign * (shape.source[edge[2:7]] - shape.points[edge[2:7]])[:, 1] / shape.photo_iod
        assert (shift > 0.005).all()
        assert (shift < 0.02).all()
        assert (sign * (shape.points[outer] - shape.source[edge])[2:7, 1] > 0).all(), "and not beyond them"
    inner_corners = [lips.RIGHT_CORNER[-1], lips.LEFT_CORNER[-1]]
    outwards = (shape.source[inner_corners] - shape.points[inner_corners])[:, 0] / shape.photo_iod * (-1, 1)
    assert (outwards > 0.005).all()
    assert (outwards <= 0.0201).all()
    others = ~np.isin(np.arange(468), [*UPPER, *LOWER, *inner_corners])
    np.testing.assert_array_equal(shape.source[others], shape.points[others])


def test_how_much_of_a_smile_is_taken_back_is_the_caller_s(portrait: Avatar) -> None:
    corners = [face_space.CORNER_RIGHT, face_space.CORNER_LEFT]
    kept, half, usual = (
        float(np.hypot(*np.subtract(*mouth.measure(portrait.points, share).rest[corners]))) for share in (0.0, 0.4, 0.8)
    )
    assert usual < half < kept
    assert usual == pytest.approx(float(np.hypot(*np.subtract(*mouth.measure(portrait.points).rest[corners]))))


def test_a_real_smile_is_closed(portrait: Avatar) -> None:
    shape = mouth.measure(portrait.points)
    assert opening(shape.points, shape).max() > 0.05
    right, down, iod = lips.axes(portrait.points)
    upper, lower = (shape.rest[edge] @ np.stack([right, down], axis=1) / iod for edge in (UPPER, LOWER))
    np.testing.assert_allclose(np.interp(lower[:, 0], *upper.T)[1:-1], lower[1:-1, 1], atol=7e-3)


@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_the_zero_code_is_the_closed_mouth(gap: float) -> None:
    shape = mouth.measure(faces.mesh(gap=gap))
    nothing = face_space.basis().decode(np.zeros(face_space.CODE_SIZE, np.float32))
    np.testing.assert_allclose(shape.landmarks(nothing), shape.rest, atol=1e-3)


@settings(max_examples=40)
@given(CODES, st.floats(-0.6, 0.6))
def test_the_lips_never_cross(code: np.ndarray, angle: float) -> None:
    shape = mouth.measure(rolled(faces.mesh(gap=0.1), angle))
    assert opening(shape.landmarks(face_space.basis().decode(code)), shape).min() > -1e-3


def test_displacement_and_landmarks_are_inverse() -> None:
    shape = mouth.measure(faces.mesh(gap=0.1))
    landmarks = shape.rest.copy()
    middle = landmarks[[61, 291]].mean(axis=0)
    landmarks[lips.EVERY, 0] += 0.15 * (middle[0] - landmarks[lips.EVERY, 0])  # rounded lips, a little lower
    landmarks[lips.EVERY, 1] += 3.0
    assert np.abs(landmarks - shape.rest).max() > 3
    np.testing.assert_allclose(shape.landmarks(shape.displacement(landmarks)), landmarks, atol=0.02)


@pytest.mark.parametrize("angle", [0.0, 0.4])
@pytest.mark.parametrize("gap", [0.1, 0.2, 0.3])
def test_lips_do_not_swell_when_they_open(gap: float, angle: float) -> None:
    shape = mouth.measure(rolled(faces.mesh(), angle))
    weights = face_space.basis().gap_weights()
    landmarks = shape.landmarks(face_space.basis().decode((weights * gap / (weights @ weights)).astype(np.float32)))
    assert opening(landmarks, shape).max() > 0.9 * gap
    down = lips.axes(shape.points)[1]
    for columns in (lips.UPPER_COLUMNS, lips.LOWER_COLUMNS):
        now, still = (np.abs((mesh[columns[:, -1]] - mesh[columns[:, 0]]) @ down) for mesh in (landmarks, shape.rest))
        assert (now[2:7] < still[2:7] + 0.012 * shape.photo_iod).all()
        assert now[2:7].mean() < still[2:7].mean()
        assert now[2:7].mean() > 0.7 * still[2:7].mean(), "they do not vanish either"


def test_an_open_lower_lip_has_an_even_edge() -> None:
    points = faces.mesh()
    points[[86, 87, 88, 178, 317, 402, 318], 1] += np.array([0, 2, -2, 2, 2, 0, -2])  # marks pressed into the lip
    points[UPPER] = points[LOWER]
    shape = mouth.measure(points)
    weights = face_space.basis().gap_weights()

    def roughness(gap: float) -> float:
        code = (weights * gap / (weights @ weights)).astype(np.float32)
        edge = shape.landmarks(face_space.basis().decode(code))[LOWER]
        return float(np.abs(np.diff(edge[1:-1, 1], n=3)).mean())

    assert roughness(0.3) < 0.5 * roughness(0.0)


def test_a_crop_elsewhere_measures_the_same_mouth_there() -> None:
    shape = mouth.measure(faces.mesh(gap=0.25))
    half = np.diag([0.5, 0.5]) @ shape.crop + np.array([[0, 0, 10.0], [0, 0, 20.0]])
    again = mouth.measure_again(shape, half)
    assert again.iod == pytest.approx(shape.iod / 2)
    np.testing.assert_allclose(
        again.to_crop(shape.points), shape.to_crop(shape.points) / 2 + np.array([10, 20]), atol=1e-3
    )
    assert again.inner.astype(float).sum() == pytest.approx(shape.inner.astype(float).sum() / 4, rel=0.1)
    assert again.photo_iod == shape.photo_iod
    np.testing.assert_array_equal(again.rest, shape.rest)


def test_a_displacement_of_one_unit_is_one_eye_distance_in_the_photo() -> None:
    shape = mouth.measure(faces.mesh(iod=73.0))
    moved = np.zeros((468, 3), np.float32)
    moved[:] = [1.0, 0.0, 0.0]
    np.testing.assert_allclose(shape.landmarks(moved) - shape.rest, np.broadcast_to([73.0, 0.0], (468, 2)), atol=0.1)
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
    crop = mouth.cut(stripes, shape.crop)
    assert crop.shape == (*mouth.CROP_SIZE[::-1], 3)
    assert np.abs(crop.astype(int) - 127).max() < 40


def test_the_identity_s_picture_is_the_photo_s_mouth_as_it_is() -> None:
    points = faces.mesh(gap=0.25)
    shape = mouth.measure(points)
    photo = faces.wall(320, 300)
    seen = mouth.identity_input(photo, shape)
    assert seen.shape == (*mouth.CROP_SIZE[::-1], mouth.IDENTITY_CHANNELS)
    np.testing.assert_allclose(seen[..., :3] * 255, mouth.cut(photo, shape.crop), atol=1e-3)
    column, row = np.rint(shape.to_crop(points[[13, 14], :2]).mean(axis=0)).astype(int)
    assert seen[row, column, 3] > 0.95
    assert not mouth.identity_input(photo, mouth.measure(faces.mesh()))[..., 3].any()
