"""Tests of the noise gate and the automatic gain, with noise, tones and shipped speech."""

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveface.engine.hearing.voice_gate import SILENCE_DB, VoiceGate, VoiceSettings
from liveface.engine.media import SAMPLE_RATE, Samples

SPEECH = Path(__file__).resolve().parents[3] / "assets" / "audio" / "speech.wav"

OPEN = VoiceSettings(threshold=None, has_gain=False)
GATE_ONLY = VoiceSettings(has_gain=False)
GAIN_ONLY = VoiceSettings(threshold=None)


def noise(decibels: float, seconds: float = 1.0) -> Samples:
    wave = np.random.default_rng(1).standard_normal(round(seconds * SAMPLE_RATE))
    return (wave * 10 ** (decibels / 20)).astype(np.float32)


def loudness(pcm: Samples) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(pcm, dtype=np.float64))) + 1e-12))


def speech_at(decibels: float, repeats: int = 2) -> Samples:
    with wave.open(str(SPEECH)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE, 1, 2)
        speech = np.tile(np.frombuffer(file.readframes(10 * SAMPLE_RATE), "<i2") / 32768, repeats)
    return (speech * 10 ** ((decibels - loudness(speech)) / 20)).astype(np.float32)


def test_with_everything_off_sound_passes_unchanged() -> None:
    pcm = noise(-20)
    np.testing.assert_allclose(VoiceGate(OPEN).feed(pcm), pcm, atol=1e-6)


def test_noise_below_the_threshold_is_turned_down_by_30_db() -> None:
    quiet = noise(-75)
    assert loudness(VoiceGate(GATE_ONLY).feed(quiet)) == pytest.approx(-105, abs=1)


def test_the_gate_opens_at_the_first_loud_sample_and_leaves_speech_as_it_is() -> None:
    tone = 0.3 * np.cos(2 * np.pi * 200 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    pcm = np.concatenate([noise(-80), tone])
    after = VoiceGate(GATE_ONLY).feed(pcm)
    np.testing.assert_allclose(after[SAMPLE_RATE:], tone, atol=1e-5)
    speech = speech_at(-25, 1)
    assert loudness(VoiceGate(GATE_ONLY).feed(speech) - speech) < loudness(speech) - 30


def test_the_gate_closes_gently_after_a_word() -> None:
    tone = 0.3 * np.cos(2 * np.pi * 200 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    hum = noise(-66)
    after = VoiceGate(GATE_ONLY).feed(np.concatenate([tone, hum]))[SAMPLE_RATE:]
    assert loudness(after[:800]) > -68
    assert loudness(after[-800:]) < -72


@pytest.mark.parametrize("level", [-38.0, -30.0, -18.0, -14.0])
def test_speech_of_any_usual_level_comes_to_the_same_loudness(level: float) -> None:
    pcm = speech_at(level, 2)
    after = VoiceGate(GAIN_ONLY).feed(pcm)
    assert loudness(after[len(pcm) // 2 :]) == pytest.approx(-24, abs=3)


def test_noise_alone_is_never_turned_up() -> None:
    after = VoiceGate().feed(noise(-50, 6))
    assert loudness(after[-SAMPLE_RATE:]) < -49


def test_nothing_passes_the_ceiling_even_after_a_long_whisper() -> None:
    gate = VoiceGate(GAIN_ONLY)
    gate.feed(speech_at(-40))
    assert np.abs(gate.feed(noise(-3))).max() <= 0.9 + 1e-6


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 1500), min_size=1, max_size=12))
def test_any_chunking_gives_the_same_and_as_many_samples_at_once(sizes: list[int]) -> None:
    pcm = speech_at(-35, 1)[: SAMPLE_RATE * 2]
    whole, parts = VoiceGate().feed(pcm), VoiceGate()
    pieces, start = [], 0
    for size in [*sizes, len(pcm)]:
        chunk = pcm[start : start + size]
        pieces.append(parts.feed(chunk))
        assert len(pieces[-1]) == len(chunk)
        start += size
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-6)


def test_a_reset_equals_a_new_gate() -> None:
    gate = VoiceGate()
    gate.feed(speech_at(-40, 1))
    gate.reset()
    np.testing.assert_array_equal(gate.feed(noise(-30)), VoiceGate().feed(noise(-30)))


def test_the_level_follows_the_sound_for_the_meter() -> None:
    gate = VoiceGate()
    assert gate.level == SILENCE_DB
    gate.feed(np.full(320, 0.5, np.float32))
    assert gate.level == pytest.approx(-6, abs=0.1)
    gate.feed(np.zeros(SAMPLE_RATE, np.float32))
    assert gate.level == SILENCE_DB


def test_settings_may_change_while_it_runs() -> None:
    gate = VoiceGate(OPEN)
    assert loudness(gate.feed(noise(-75))) == pytest.approx(-75, abs=0.5)
    gate.settings = GATE_ONLY
    assert loudness(gate.feed(noise(-75))) < -100
