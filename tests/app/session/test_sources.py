"""Tests of the sources that are files, in virtual time, and of the resampler of live sound."""

from pathlib import Path

import numpy as np
import pytest

import liveface.app.session.sources
from liveface.app.session.sources import FileSource, PromptResampler
from liveface.app.session.stats import Stats
from liveface.engine.errors import AudioError
from tests.app.fakes import VirtualClock, write_sound


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 16_000)).astype(np.float32)
    return write_sound(tmp_path / "a.wav", wave, 16_000)


def everything(source: FileSource, timeout: float = 1.0) -> list[np.ndarray]:
    blocks = []
    while (block := source.read(timeout)) is not None:
        blocks.append(block)
    return blocks


def test_a_file_comes_as_fast_as_it_can_be_read(speech: Path) -> None:
    clock = VirtualClock(1)
    before = clock.now()
    source = FileSource(speech, clock, Stats(), live=False)
    assert source.open() == 0
    assert sum(len(block) for block in everything(source)) == 16_000
    assert clock.now() == before
    source.close()
    source.close()


def test_a_live_file_brings_each_block_when_its_last_sample_has_been_spoken(speech: Path) -> None:
    clock = VirtualClock(1)
    source = FileSource(speech, clock, Stats(), live=True)
    source.open()
    start = clock.now()
    for number in range(1, 51):
        block = source.read(1.0)
        assert block is not None
        assert len(block) == 320
        assert clock.now() == pytest.approx(start + number * 0.02)
    assert source.read(1.0) is None


def test_a_live_file_waits_no_longer_than_asked(speech: Path) -> None:
    clock = VirtualClock(1)
    source = FileSource(speech, clock, Stats(), live=True)
    source.open()
    start = clock.now()
    block = source.read(0.005)
    assert block is not None
    assert len(block) == 0
    assert clock.now() == pytest.approx(start + 0.005)


def test_sound_that_waited_more_than_200_ms_becomes_silence_and_is_counted(speech: Path) -> None:
    clock, stats = VirtualClock(1), Stats()
    source = FileSource(speech, clock, stats, live=True)
    source.open()
    source.read(1.0)
    liveface.app.session.sources.sleep_until(clock, clock.now() + 0.51)
    pcm = source.read(0.0)
    assert pcm is not None
    assert len(pcm) == 25 * 320
    assert not pcm[: 15 * 320].any()
    assert pcm[15 * 320 :].any()
    assert stats.report().lost_ms == pytest.approx(300)


def test_a_file_in_a_loop_has_no_end(speech: Path) -> None:
    source = FileSource(speech, VirtualClock(1), Stats(), live=True, loop=True)
    source.open()
    blocks = [source.read(1.0) for _ in range(120)]
    np.testing.assert_array_equal(blocks[0], blocks[50])
    np.testing.assert_array_equal(blocks[7], blocks[107])


def test_a_broken_file_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        FileSource(tmp_path / "missing.wav", VirtualClock(1), Stats(), live=True).open()


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000, 96_000])
def test_the_prompt_resampler_keeps_speech_removes_aliases_and_holds_back_less_than_a_millisecond(rate: int) -> None:
    def converted(frequency: float) -> np.ndarray:
        wave = np.sin(2 * np.pi * frequency * np.arange(rate) / rate).astype(np.float32)
        resampler = PromptResampler(rate)
        return np.concatenate([resampler.feed(wave[start : start + 441]) for start in range(0, rate, 441)])

    speech = converted(1000)
    assert abs(len(speech) - 16_000) < 16
    assert np.abs(speech[1000:]).max() == pytest.approx(1, abs=0.03)
    lags = np.arange(0, 16)
    time = np.arange(2000, 10_000)
    likeness = [speech[time] @ np.sin(2 * np.pi * 1000 * (time - lag) / 16_000) for lag in lags]
    assert lags[int(np.argmax(likeness))] <= 12
    assert np.abs(converted(10_500)[1000:]).max() < 0.1


@pytest.mark.parametrize("rate", [8_000, 12_000, 24_000, 32_000, 48_000])
def test_the_prompt_resampler_adds_no_noise_and_no_drift_where_the_rates_divide(rate: int) -> None:
    frequency = 3000
    wave = np.sin(2 * np.pi * frequency * np.arange(10 * rate) / rate).astype(np.float32)
    resampler = PromptResampler(rate)
    speech = np.concatenate([resampler.feed(block) for block in np.array_split(wave, 777)])
    assert abs(len(speech) - 160_000) <= 1
    phase = 2 * np.pi * frequency * np.arange(1000, 159_000) / 16_000
    parts = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    heard = speech[1000:159_000]
    rest = heard - parts @ np.linalg.lstsq(parts, heard)[0]
    assert np.hypot(*np.linalg.lstsq(parts, heard)[0]) == pytest.approx(1, abs=0.03)
    assert rest.std() < 0.002


@pytest.mark.parametrize("rate", [22_050, 24_000, 44_100, 48_000])
def test_a_high_tone_of_any_usual_rate_stays_a_tone(rate: int) -> None:
    tone = np.sin(2 * np.pi * 6000 * np.arange(rate) / rate).astype(np.float32)
    heard = PromptResampler(rate).feed(tone)[2000:14_000]
    moments = 2 * np.pi * 6000 * np.arange(len(heard)) / 16_000
    parts = np.stack([np.sin(moments), np.cos(moments)], axis=1)
    rest = heard - parts @ np.linalg.lstsq(parts, heard, rcond=None)[0]
    assert np.sqrt(np.mean(rest**2)) < 0.006 * np.sqrt(np.mean(heard**2))
