"""Tests of the downmix, on numbers."""

import numpy as np
import pytest

from liveface.app.files.downmix import Downmix

RATE = 16_000
STEREO = ["FL", "FR"]


def noise(seconds: float, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (round(seconds * RATE), channels)).astype(np.float32)


def fed(downmix: Downmix, sound: np.ndarray, block: int = 320) -> np.ndarray:
    return np.concatenate([downmix.feed(sound[start : start + block]) for start in range(0, len(sound), block)])


def test_one_channel_of_a_stereo_file_is_the_mean() -> None:
    sound = noise(1, 2)
    np.testing.assert_allclose(fed(Downmix(STEREO, RATE, 1), sound)[:, 0], sound.mean(axis=1), atol=1e-6)


def test_as_many_channels_as_are_wanted_stay_as_they_are() -> None:
    sound = noise(1, 2)
    np.testing.assert_array_equal(fed(Downmix(STEREO, RATE, 2), sound), sound)


def test_one_channel_becomes_two_equal_ones() -> None:
    sound = noise(1)
    np.testing.assert_array_equal(fed(Downmix(["FC"], RATE, 2), sound), np.repeat(sound, 2, axis=1))


def test_where_the_sides_begin_to_cancel_out_one_is_heard_without_a_click_and_back() -> None:
    time = np.arange(6 * RATE) / RATE
    voice = 0.5 * np.sin(2 * np.pi * 200 * time).astype(np.float32)
    other = voice.copy()
    other[2 * RATE : 4 * RATE] *= -1
    other[2 * RATE - 200 : 2 * RATE + 200] = 0
    other[4 * RATE - 200 : 4 * RATE + 200] = 0
    mixed = fed(Downmix(STEREO, RATE, 1), np.stack([voice, other], axis=1))[:, 0]
    for begin in (0, 3, 5):
        assert np.abs(mixed[begin * RATE : (begin + 1) * RATE]).max() == pytest.approx(0.5, abs=0.01)
    steps = np.abs(np.diff(mixed))
    assert steps[2 * RATE + 400 : 4 * RATE - 400].max() < 0.06  # the voice's own are 0.04


def test_silence_after_a_voice_on_one_side_changes_nothing() -> None:
    sound = noise(2, 2)
    sound[RATE:] = 0
    mixed = fed(Downmix(STEREO, RATE, 1), sound)[:, 0]
    np.testing.assert_allclose(mixed, sound.mean(axis=1), atol=1e-6)


def test_two_voices_on_two_of_thirty_two_channels_are_both_heard() -> None:
    sound = np.zeros((RATE, 32), np.float32)
    sound[:, [4, 20]] = noise(1, 2)
    mixed = fed(Downmix([f"AUX{index}" for index in range(32)], RATE, 1), sound)[:, 0]
    np.testing.assert_allclose(mixed[320:], sound[320:, [4, 20]].mean(axis=1), atol=1e-6)


def test_the_deep_channel_is_never_the_one_that_is_heard() -> None:
    sound = np.zeros((RATE, 6), np.float32)
    sound[:, 3] = 0.9
    mixed = fed(Downmix(["FL", "FR", "FC", "LFE", "BL", "BR"], RATE, 1), sound)
    np.testing.assert_array_equal(mixed, 0)
