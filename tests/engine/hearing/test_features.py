"""Features are causal, independent of chunks and of gain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveface.engine.errors import AudioError
from liveface.engine.hearing.features import (
    FLOOR_DBFS,
    FRAME_HISTORY,
    HOPS_PER_FRAME,
    MEL_BINS,
    FeatureExtractor,
    FeatureState,
    LevelTracker,
    log_mel,
    normalised_features,
)
from liveface.engine.media import FPS, HOP, SAMPLE_RATE, Samples


def syllables(frames: int = 50, peak: float = 0.5, seed: int = 0) -> Samples:
    """Harmonics and hiss that swell and die a few times a second, above very faint noise."""
    random = np.random.default_rng(seed)
    time = np.arange(frames * HOP) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 130 * n * time) / n for n in range(1, 30))
    swell = np.clip(np.sin(2 * np.pi * 3 * time), 0, None)
    pcm = swell * voice + 0.2 * np.roll(swell, 1500) * random.normal(size=time.size)
    return np.asarray(peak * pcm / np.abs(pcm).max() + 1e-4 * random.normal(size=time.size), np.float32)


def test_log_mel_is_the_textbook_transform_of_each_hop() -> None:
    pcm = np.random.default_rng(0).normal(0, 0.1, FRAME_HISTORY + 3 * HOP).astype(np.float32)
    features = log_mel(pcm)
    assert features.shape == (3 * HOPS_PER_FRAME, MEL_BINS)
    assert features.dtype == np.float32
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    lowest, highest = (2595 * np.log10(1 + hertz / 700) for hertz in (60, 7600))
    centres = 700 * (10 ** (np.linspace(lowest, highest, MEL_BINS + 2) / 2595) - 1)
    for hop in (0, 5, 11):
        spectrum = np.abs(np.fft.rfft(pcm[160 * hop : 160 * hop + 400] * window, 512)) ** 2
        for band in (45, 60, 79):  # wide ones: there the mean over an FFT bin is close to the value at its centre
            triangle = np.interp(np.arange(257) * 31.25, centres[band : band + 3], (0, 1, 0))
            assert features[hop, band] == pytest.approx(np.log(triangle @ spectrum + 1e-6), abs=0.15)


def test_every_band_hears_its_own_frequency() -> None:
    edges = 700 * (10 ** (np.linspace(np.log10(1 + 60 / 700), np.log10(1 + 7600 / 700), MEL_BINS + 2)) - 1)
    time = np.arange(FRAME_HISTORY + HOP) / SAMPLE_RATE
    for band in range(10, MEL_BINS):  # below, a tone is wider than a band
        tone = np.sin(2 * np.pi * edges[band + 1] * time).astype(np.float32)
        assert abs(int(log_mel(tone)[1].argmax()) - band) <= 1


@given(chunks=st.lists(st.integers(1, 7), min_size=1, max_size=8))
def test_any_number_of_frames_at_a_time_gives_identical_features(chunks: list[int]) -> None:
    pcm = syllables(sum(chunks))
    extractor = FeatureExtractor()
    ends = np.cumsum(chunks)
    pieces = [extractor.feed(pcm[HOP * (end - n) : HOP * end]) for n, end in zip(chunks, ends, strict=True)]
    np.testing.assert_array_equal(np.concatenate(pieces), normalised_features(pcm))


@given(frame=st.integers(0, 19), seed=st.integers(0, 5))
def test_a_frame_hears_nothing_after_its_end(frame: int, seed: int) -> None:
    pcm = syllables(20)
    changed = pcm.copy()
    changed[HOP * (frame + 1) :] = np.random.default_rng(seed).normal(size=changed[HOP * (frame + 1) :].size)
    end = HOPS_PER_FRAME * (frame + 1)
    np.testing.assert_array_equal(normalised_features(changed)[:end], normalised_features(pcm)[:end])


def test_a_gain_of_a_power_of_two_changes_no_bit_above_the_floor() -> None:
    pcm = syllables()
    loud = slice(4 * HOPS_PER_FRAME, None)  # from the first syllable on
    np.testing.assert_array_equal(normalised_features(pcm / 16)[loud], normalised_features(pcm)[loud])


@pytest.mark.parametrize("decibels", [-30, -20, -6, 5])
def test_any_gain_changes_nothing_but_rounding(decibels: float) -> None:
    pcm = syllables()
    loud = slice(4 * HOPS_PER_FRAME, None)
    scaled = (pcm * 10 ** (decibels / 20)).astype(np.float32)
    np.testing.assert_allclose(normalised_features(scaled)[loud], normalised_features(pcm)[loud], atol=2e-3)


def test_the_level_rises_at_once_and_falls_by_three_decibels_a_second() -> None:
    tracker = LevelTracker.heard(-30).follow(LevelTracker.heard(-10).level)
    assert tracker.level == LevelTracker.heard(-10).level
    for _ in range(FPS):
        tracker = tracker.follow(0.0)
    assert tracker.level == pytest.approx(LevelTracker.heard(-13).level)
    for _ in range(60 * FPS):
        tracker = tracker.follow(0.0)
    assert tracker.level == LevelTracker.heard(FLOOR_DBFS).level


def test_noise_at_the_level_has_features_about_zero() -> None:
    noise = np.random.default_rng(0).normal(0, 10 ** (-20 / 20), 100 * HOP).astype(np.float32)
    tracker = FeatureExtractor()
    features = tracker.feed(noise)
    assert abs(float(np.log(np.exp(features).mean()))) < 0.3
    assert tracker.state.tracker.level == pytest.approx(LevelTracker.heard(-20).level, rel=0.15)


def test_noise_below_the_floor_is_not_raised_to_speech() -> None:
    noise = np.random.default_rng(0).normal(0, 10 ** (-80 / 20), 20 * HOP).astype(np.float32)
    assert normalised_features(noise).max() < -4


def test_digital_silence_gives_the_lowest_features() -> None:
    np.testing.assert_allclose(normalised_features(np.zeros(5 * HOP, np.float32)), np.log(1e-6), rtol=1e-6)


def test_the_state_is_a_value_that_can_be_put_back() -> None:
    pcm = syllables(20)
    extractor = FeatureExtractor()
    extractor.feed(pcm[: 10 * HOP])
    kept = extractor.state
    first = extractor.feed(pcm[10 * HOP :])
    np.testing.assert_array_equal(FeatureExtractor(kept).feed(pcm[10 * HOP :]), first)
    extractor.reset()
    np.testing.assert_array_equal(extractor.feed(pcm), normalised_features(pcm))


def test_a_level_heard_before_lowers_the_features_of_what_follows() -> None:
    pcm = syllables(10, peak=0.05)
    assert normalised_features(pcm, LevelTracker.heard(-5)).mean() < normalised_features(pcm).mean() - 1
    assert FeatureState().tracker == LevelTracker()


def test_no_frames_give_no_features() -> None:
    assert normalised_features(np.zeros(0, np.float32)).shape == (0, MEL_BINS)


@pytest.mark.parametrize("shape", [(639,), (2, 640)])
def test_anything_but_whole_frames_of_one_channel_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AudioError, match="640"):
        normalised_features(np.zeros(shape, np.float32))
