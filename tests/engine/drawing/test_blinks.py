"""Blinks come as often as people's, and where phrases end."""

from random import Random

import numpy as np
import pytest

from liveface.engine.drawing.blinks import Blinks
from liveface.engine.media import FPS

MINUTES = 4


def closures(seed: int, ends: frozenset[int] = frozenset()) -> np.ndarray:
    blinks = Blinks(Random(seed))
    return np.array([blinks.next(frame in ends) for frame in range(MINUTES * 60 * FPS)])


def starts(closure: np.ndarray) -> np.ndarray:
    return np.flatnonzero((closure[1:] > 0) & (closure[:-1] == 0)) + 1


@pytest.mark.parametrize("seed", [0, 1, 2, 12345])
def test_eyes_blink_as_often_as_people_do(seed: int) -> None:
    closure = closures(seed)
    assert closure.min() == 0
    assert closure.max() == 1
    begun = starts(closure)
    assert 8 <= len(begun) / MINUTES <= 30
    between = np.diff(begun) / FPS
    assert between.min() >= 2
    assert between.max() <= 6
    assert between.std() > 0.5
    assert 3 <= (closure > 0).sum() / len(begun) <= 4


def test_most_phrases_end_in_a_blink_where_one_may_be() -> None:
    ends = frozenset(range(75, MINUTES * 60 * FPS, 75))  # every three seconds
    begun = starts(closures(0, ends))
    assert np.isin(begun, list(ends)).mean() > 0.6
    assert np.diff(begun).min() >= 2 * FPS
