"""Tests of other voices: what each treatment does to sound and features."""

import numpy as np
import pytest

pytest.importorskip("soxr")

from liveface.engine.hearing.features import MEL_BINS, normalised_features
from liveface.engine.media import SAMPLE_RATE
from liveface.engine.train.voices import Voice, coloured_noise, formant_matrix


def tone(frequency: float, seconds: float = 1.2) -> np.ndarray:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def strongest(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum)) * SAMPLE_RATE / len(sound)


def test_the_plain_voice_changes_nothing() -> None:
    sound = tone(300)
    np.testing.assert_array_equal(Voice().speak(sound, np.random.default_rng(0)), sound)
    mel = normalised_features(sound[: 640 * 20])
    np.testing.assert_array_equal(Voice().colour_features(mel), mel)


def test_speed_raises_the_pitch_and_shortens_the_recording() -> None:
    fast = Voice(speed=1.25).speak(tone(400), np.random.default_rng(0))
    assert abs(len(fast) - 1.2 * SAMPLE_RATE / 1.25) <= 2
    assert strongest(fast) == pytest.approx(500, abs=3)


def test_formants_move_along_the_mel_axis() -> None:
    mel = normalised_features(tone(1500)[: 640 * 20])
    peak = int(mel[40].argmax())
    assert int(Voice(formants=1.2).colour_features(mel)[40].argmax()) > peak + 2
    assert int(Voice(formants=0.8).colour_features(mel)[40].argmax()) < peak - 2


def test_the_formant_matrix_keeps_constants() -> None:
    for factor in (0.8, 1.0, 1.25):
        np.testing.assert_allclose(np.ones(MEL_BINS) @ formant_matrix(factor), 1.0, atol=1e-6)
    np.testing.assert_allclose(formant_matrix(1.0), np.eye(MEL_BINS), atol=1e-4)


def test_noise_is_as_loud_as_asked() -> None:
    sound = tone(400)
    noise = Voice(noise=20.0).speak(sound, np.random.default_rng(0)) - sound
    assert 20 * np.log10(sound.std() / noise.std()) == pytest.approx(20, abs=0.5)


def test_coloured_noise_falls_with_frequency() -> None:
    spectrum = np.abs(np.fft.rfft(coloured_noise(16_000, 1.0, np.random.default_rng(0)))) ** 2
    assert spectrum[1000:2000].mean() / spectrum[4000:8000].mean() > 8


def test_a_telephone_passes_only_its_band() -> None:
    voice = Voice(band=(300.0, 3400.0))
    generator = np.random.default_rng(0)
    assert voice.speak(tone(6000), generator).std() < 0.01
    assert voice.speak(tone(1000), generator).std() == pytest.approx(tone(1000).std(), rel=0.05)


def test_a_room_makes_sound_last_longer() -> None:
    click = np.zeros(8000, np.float32)
    click[100] = 1.0
    wet = Voice(reverberation=0.4).speak(click, np.random.default_rng(0))
    assert wet.shape == click.shape
    assert np.abs(wet[1000:3000]).max() > 1e-4


def test_coarse_steps_stay_near_the_sound() -> None:
    sound = tone(500)
    coarse = Voice(coarse=True).speak(sound, np.random.default_rng(0))
    assert 0 < np.abs(coarse - sound).max() < 0.02
    assert len(np.unique(coarse)) < 256


def test_a_random_voice_repeats_with_its_seed_and_leaves_finite_sound() -> None:
    for seed in range(20):
        voice = Voice.random(np.random.default_rng(seed))
        assert voice == Voice.random(np.random.default_rng(seed))
        sound = voice.speak(tone(200), np.random.default_rng(seed))
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
        mel = voice.colour_features(normalised_features(sound[: 640 * 20]))
        assert mel.dtype == np.float32
        assert np.isfinite(mel).all()
