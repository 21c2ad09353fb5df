"""Action Units from the mesh: each answers to its own motion, at rest all are zero."""

import numpy as np
import pytest

from liveface.engine.face import action_units, face_space
from liveface.engine.face.action_units import ACTION_UNITS, MAXIMUM, PRESENT

DIMPLER = ACTION_UNITS.index(14)
MEASURED = [index for index in range(len(ACTION_UNITS)) if index != DIMPLER]


def displaced(points: list[int] | np.ndarray, by: tuple[float, float, float]) -> face_space.Array:
    result = np.zeros((468, 3), np.float32)
    result[points] = by
    return result


def intensity(displacement: face_space.Array, unit: int) -> float:
    return float(action_units.from_landmarks(displacement)[ACTION_UNITS.index(unit)])


def test_a_face_at_rest_shows_no_unit_and_the_dimpler_is_never_measured() -> None:
    units = action_units.from_landmarks(np.zeros((5, 468, 3), np.float32))
    assert units.shape == (5, len(ACTION_UNITS))
    assert units.dtype == np.float32
    assert np.isnan(units[:, DIMPLER]).all()
    assert not units[:, MEASURED].any()


@pytest.mark.parametrize(
    ("unit", "displacement"),
    [
        (10, displaced([37, 0, 267], (0.0, -0.03, 0.0))),
        (18, displaced([0, 13, 14, 17], (0.0, 0.0, -0.05))),
        (25, displaced(face_space.INNER_LOWER, (0.0, 0.15, 0.0))),
        (26, displaced([face_space.CHIN], (0.0, 0.15, 0.0))),
        (20, displaced([face_space.CORNER_LEFT], (0.04, 0.0, 0.0))),
        (24, displaced([37, 0, 267], (0.0, 0.01, 0.0))),
    ],
    ids=["upper lip raised", "lips pushed out", "lips parted", "jaw dropped", "lips stretched", "lips pressed"],
)
def test_a_motion_raises_its_own_unit(unit: int, displacement: face_space.Array) -> None:
    assert intensity(displacement, unit) > PRESENT
    assert intensity(displacement / 4, unit) < intensity(displacement, unit)


def test_intensities_stay_on_the_scale() -> None:
    random = np.random.default_rng(0).normal(0, 1, (50, 468, 3)).astype(np.float32)
    units = action_units.from_landmarks(random)[:, MEASURED]
    assert units.min() == 0.0
    assert units.max() == MAXIMUM


def test_a_smile_is_not_a_stretch() -> None:
    corners = np.zeros((468, 3), np.float32)
    corners[face_space.CORNER_RIGHT] = [-0.03, -0.06, 0.0]
    corners[face_space.CORNER_LEFT] = [0.03, -0.06, 0.0]
    level = corners * [1, 0, 1]
    assert intensity(corners, 20) == 0.0
    assert intensity(level.astype(np.float32), 20) > PRESENT


def test_open_lips_are_not_pressed() -> None:
    thin = displaced([37, 0, 267], (0.0, 0.01, 0.0))
    thin[face_space.INNER_LOWER] = [0.0, 0.1, 0.0]
    thin[[84, 17, 314]] = [0.0, 0.1, 0.0]
    assert intensity(thin, 24) == 0.0


def test_an_unseen_frame_has_no_units() -> None:
    clip = np.zeros((2, 468, 3), np.float32)
    clip[1] = np.nan
    units = action_units.from_landmarks(clip)
    assert np.isfinite(units[0, MEASURED]).all()
    assert np.isnan(units[1]).all()
