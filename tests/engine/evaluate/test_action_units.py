"""Action unit scores on constructed intensities."""

import math

import numpy as np
import pytest

from liveface.engine.evaluate.action_units import unit_scores


def test_perfect_intensities_score_one_without_error() -> None:
    clip = np.array([[0.0], [2.0], [3.0], [0.5]], np.float32)
    (scores,) = unit_scores([clip], [clip])
    assert (scores.f1, scores.base_rate, scores.error, scores.frames) == (1.0, 0.5, 0.0, 4)
    assert scores.correlation == pytest.approx(1.0)
    assert scores.chance_f1 == pytest.approx(2 / 3)


def test_f1_counts_presence_from_one_on() -> None:
    true = np.array([[1.0], [2.0], [0.9], [0.0]], np.float32)
    predicted = np.array([[1.0], [0.9], [1.5], [0.0]], np.float32)
    (scores,) = unit_scores([true], [predicted])
    assert scores.f1 == pytest.approx(0.5)


def test_unlabelled_units_and_frames_do_not_count() -> None:
    true = np.array([[np.nan, 2.0], [np.nan, np.nan], [np.nan, 0.0]], np.float32)
    never, sometimes = unit_scores([true], [np.full((3, 2), 2.0, np.float32)])
    assert never.frames == 0
    assert math.isnan(never.f1)
    assert sometimes.frames == 2
    assert sometimes.error == pytest.approx(2.0)


def test_correlation_is_the_mean_over_clips() -> None:
    rise = np.arange(10, dtype=np.float32)[:, None]
    (scores,) = unit_scores([rise, rise], [rise, -rise])
    assert scores.correlation == pytest.approx(0.0)
