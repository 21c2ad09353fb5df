"""Lip synchrony on mouths whose scores are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveface.engine.evaluate import lipsync
from liveface.engine.face.face_space import LIPS


def speech_gap(frames: int = 75, seed: int = 0) -> lipsync.Floats:
    """A smooth, never periodic opening of 0 to 0.15 IOD."""
    values = np.random.default_rng(seed).normal(size=frames + 4)
    smooth = np.convolve(values, np.ones(5) / 5, mode="valid")
    return np.clip(0.05 + 0.08 * smooth, 0.0, None).astype(np.float32)


def mesh(frames: int = 10) -> lipsync.Floats:
    return np.random.default_rng(5).normal(size=(frames, 468, 3)).astype(np.float32)


def test_the_lip_points_are_forty_and_different() -> None:
    assert len(set(LIPS.tolist())) == 40


def test_the_true_mouth_scores_perfectly() -> None:
    gap, points = speech_gap(), mesh()
    assert lipsync.mouth_correlation(gap, gap) == pytest.approx(1.0)
    assert lipsync.best_lag(gap, gap) == 0
    assert lipsync.landmark_distance(points, points) == 0.0
    assert lipsync.first_opening_delay(gap, gap) == 0.0 or math.isnan(lipsync.first_opening_delay(gap, gap))


def test_correlation_ignores_scale_and_unseen_frames() -> None:
    gap = speech_gap()
    scaled = 2 * gap + 1
    scaled[10] = np.nan
    assert lipsync.mouth_correlation(gap, scaled) == pytest.approx(1.0)
    assert lipsync.mouth_correlation(gap, -gap) == pytest.approx(-1.0)


def test_a_still_prediction_scores_zero_and_a_still_truth_nothing() -> None:
    gap, still = speech_gap(), np.zeros(75, np.float32)
    assert lipsync.mouth_correlation(gap, still) == 0.0
    assert math.isnan(lipsync.mouth_correlation(still, gap))
    assert lipsync.best_lag(gap, still) == 0


@given(lag=st.integers(-lipsync.MAXIMUM_LAG, lipsync.MAXIMUM_LAG), seed=st.integers(0, 50))
def test_best_lag_finds_a_known_delay(lag: int, seed: int) -> None:
    long = speech_gap(95, seed)
    true, late = long[10:85], long[10 - lag : 85 - lag]
    assert lipsync.best_lag(true, late) == lag


def test_landmark_distance_is_a_mean_in_percent_and_ignores_position() -> None:
    true = mesh()
    moved = true + np.array([3.0, -2.0, 9.0], np.float32)
    assert lipsync.landmark_distance(true, moved) == pytest.approx(0.0, abs=1e-4)
    opened = true.copy()
    opened[:, LIPS[:20], 1] -= 2.0  # half of the points by 2: all by 1 about the mean
    assert lipsync.landmark_distance(true, opened, inter_ocular=50.0) == pytest.approx(100.0 * 1.0 / 50.0, rel=1e-4)


def test_landmark_distance_takes_lip_points_alone_and_leaves_out_unseen_frames() -> None:
    true, predicted = mesh(), mesh() * 1.1
    whole = lipsync.landmark_distance(true, predicted)
    assert lipsync.landmark_distance(lipsync.lips(true), lipsync.lips(predicted)) == pytest.approx(whole)
    true[3] = np.nan
    assert math.isfinite(lipsync.landmark_distance(true, predicted))


def test_landmark_distance_in_space_counts_depth_and_place() -> None:
    true = mesh()
    moved = true + np.array([2.0, 3.0, 6.0], np.float32)
    assert lipsync.landmark_distance_in_space(true, moved, inter_ocular=100.0) == pytest.approx(7.0, rel=1e-4)
    true[2] = np.nan
    assert lipsync.landmark_distance_in_space(true, moved, inter_ocular=100.0) == pytest.approx(7.0, rel=1e-4)


def test_closures_between_openings_are_counted_once_each() -> None:
    true = np.full(60, 0.08, np.float32)
    true[20:23] = true[40:43] = 0.0
    predicted = np.full(60, 0.08, np.float32)
    predicted[23] = 0.0  # one frame late, still a hit
    predicted[30] = 0.0  # one of the open frames
    recall, false_rate = lipsync.closure_scores(true, predicted)
    assert recall == 0.5
    assert false_rate == pytest.approx(1 / 50)
    assert lipsync.closure_scores(true, true) == (1.0, 0.0)


def test_pauses_and_edges_are_no_closures_unless_a_bilabial_is_spoken() -> None:
    true = np.full(60, 0.08, np.float32)
    true[:5] = true[20:40] = 0.0
    assert lipsync.closure_counts(true, true)[1] == 0
    spoken = np.zeros(60, bool)
    spoken[3:6] = True
    assert lipsync.closure_counts(true, true, spoken).tolist()[:2] == [1, 1]
    assert math.isnan(lipsync.closure_scores(true, true)[0])


def test_an_always_shut_mouth_has_full_recall_and_only_false_closures() -> None:
    true = np.full(60, 0.08, np.float32)
    true[20:23] = 0.0
    assert lipsync.closure_scores(true, np.zeros(60, np.float32)) == (1.0, 1.0)


def test_opening_delay_is_measured_between_frames() -> None:
    true = np.array([0, 0, 0.04, 0.08, 0.08, 0.08], np.float32)
    late = np.array([0, 0, 0.02, 0.06, 0.08, 0.08], np.float32)
    assert lipsync.first_opening_delay(true, late) == pytest.approx(0.5, abs=1e-3)
    assert math.isnan(lipsync.first_opening_delay(true, np.zeros(6, np.float32)))


def test_motion_per_frame_is_in_percent() -> None:
    still = np.ones((5, 468, 3), np.float32)
    moving = still + np.arange(5, dtype=np.float32)[:, None, None] * np.array([3.0, 4.0, 7.0], np.float32)
    assert lipsync.motion_per_frame(still) == 0.0
    assert lipsync.motion_per_frame(moving, inter_ocular=100.0) == pytest.approx(5.0)


@given(offset=st.integers(-15, 15))
def test_sync_distances_find_a_known_offset(offset: int) -> None:
    long = np.random.default_rng(0).normal(size=(140, 16)).astype(np.float32)
    audio, video = long[20:120], long[20 + offset : 120 + offset]
    distance, confidence, found = lipsync.sync_distances(audio, video)
    assert found == offset
    assert distance == pytest.approx(0.0, abs=1e-6)
    assert confidence > 4.0


def test_unrelated_embeddings_have_no_confidence() -> None:
    random = np.random.default_rng(0)
    _, confidence, _ = lipsync.sync_distances(random.normal(size=(75, 32)), random.normal(size=(75, 32)))
    assert confidence < 0.5


def test_sequences_of_different_length_are_refused() -> None:
    with pytest.raises(AssertionError, match="length"):
        lipsync.mouth_correlation(np.zeros(3, np.float32), np.zeros(4, np.float32))
