"""Idle motion is alive, slight, smooth and repeatable."""

import numpy as np
import pytest

from liveface.engine.drawing.liveliness import LARGEST_PITCH, LARGEST_ROLL, LARGEST_YAW, REST, IdleMotion
from liveface.engine.errors import ConfigurationError
from liveface.engine.media import FPS

MINUTES = 4
SEEDS = (0, 1, 2, 12345)


def angles(seed: int) -> np.ndarray:
    idle = IdleMotion(seed)
    moments = [idle.at(index) for index in range(MINUTES * 60 * FPS)]
    return np.array([(moment.yaw, moment.pitch, moment.roll) for moment in moments])


def test_equal_seeds_move_equally_in_any_order() -> None:
    forward, backward = IdleMotion(7), IdleMotion(7)
    moments = [forward.at(index) for index in range(500)]
    assert moments == [backward.at(index) for index in reversed(range(500))][::-1]
    assert moments != [IdleMotion(8).at(index) for index in range(500)]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_frame_is_at_rest(seed: int) -> None:
    assert IdleMotion(seed).at(0) == REST


@pytest.mark.parametrize("seed", SEEDS)
def test_the_head_sways_slightly_and_smoothly(seed: int) -> None:
    sway = angles(seed)
    assert np.all(np.abs(sway).max(axis=0) <= (LARGEST_YAW, LARGEST_PITCH, LARGEST_ROLL))
    assert np.all(sway.std(axis=0) > (0.5, 0.4, 0.3))
    assert np.all(sway.std(axis=0) < 1.5)
    assert np.abs(np.diff(sway, axis=0)).max() < 0.15  # degrees a frame
    assert np.abs(np.diff(sway, 2, axis=0)).max() < 0.03


@pytest.mark.parametrize("seed", SEEDS)
def test_eyes_blink_as_often_as_people_do(seed: int) -> None:
    idle = IdleMotion(seed)
    closure = np.array([idle.at(index).blink for index in range(MINUTES * 60 * FPS)])
    assert closure.min() == 0
    assert closure.max() == 1
    starts = np.flatnonzero((closure[1:] > 0) & (closure[:-1] == 0))
    assert 8 <= len(starts) / MINUTES <= 30
    between = np.diff(starts) / FPS
    assert between.min() >= 2
    assert between.max() <= 6
    assert between.std() > 0.5
    assert 3 <= (closure > 0).sum() / len(starts) <= 4


def test_breath_goes_slowly_from_out_to_in() -> None:
    breath = np.array([IdleMotion(0).at(index).breath for index in range(60 * FPS)])
    assert 0 <= breath.min() < 0.01
    assert 0.99 < breath.max() <= 1
    assert np.abs(np.diff(breath)).max() < 0.05


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="-1"):
        IdleMotion(-1)
