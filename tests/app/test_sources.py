"""Tests of the sources: files in virtual time, the microphone with a sound library that is made up here."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import app.devices
import app.sources
from app.sources import FileSource, Microphone, PromptResampler
from app.stats import Stats
from engine.errors import AudioError, DeviceError
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
    app.sources.sleep_until(clock, clock.now() + 0.51)
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


class FakeStream:
    latency = 0.03

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.is_closed = False

    def start(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True

    def record(self, *pcm: float) -> None:
        buffer = np.array(pcm, np.float32)[:, None]
        self.settings["callback"](buffer, len(buffer), None, None)
        buffer[:] = -9  # PortAudio reuses its memory


class FakeLibrary(ModuleType):
    """One microphone, which maybe does not offer 16 kHz."""

    class PortAudioError(Exception):
        pass

    def __init__(self, rate: int = 16_000, devices: int = 1, refusal: str = "") -> None:
        super().__init__("sounddevice")
        self.rate = rate
        self.devices = devices
        self.refusal = refusal
        self.default = SimpleNamespace(device=(0, -1))

    def query_devices(self) -> list[dict[str, Any]]:
        one = {"name": "Desk", "max_input_channels": 1, "max_output_channels": 0, "default_samplerate": self.rate}
        return [one] * self.devices

    def check_input_settings(self, device: int, channels: int, dtype: str, extra: None, rate: int) -> None:
        if rate != self.rate:
            raise self.PortAudioError("Invalid sample rate")

    def InputStream(self, **settings: Any) -> FakeStream:  # noqa: N802
        if self.refusal:
            raise self.PortAudioError(self.refusal)
        self.stream = FakeStream(**settings)
        return self.stream


Install = Callable[[FakeLibrary], FakeLibrary]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    def install(library: FakeLibrary) -> FakeLibrary:
        for module in (app.devices, app.sources):
            monkeypatch.setattr(module, "portaudio", lambda: library)
        return library

    return install


def test_a_microphone_gives_what_its_callback_copied(install: Install) -> None:
    library = install(FakeLibrary())
    microphone = Microphone(None, VirtualClock(1), Stats())
    assert microphone.open() == pytest.approx(0.01)
    library.stream.record(0.1, 0.2)
    library.stream.record(0.3, float("nan"))
    np.testing.assert_allclose(microphone.read(0.0), [0.1, 0.2, 0.3, 0.0])  # type: ignore[arg-type]
    assert (library.stream.settings["blocksize"], library.stream.settings["latency"]) == (320, 0.02)
    microphone.close()
    microphone.close()
    assert library.stream.is_closed


def test_a_microphone_of_another_rate_is_converted_at_once(install: Install) -> None:
    library = install(FakeLibrary(rate=48_000))
    microphone = Microphone("Desk", VirtualClock(1), Stats())
    microphone.open()
    library.stream.record(*[0.25] * 960)
    pcm = microphone.read(0.0)
    assert pcm is not None
    assert len(pcm) == pytest.approx(320, abs=2)
    assert pcm[-1] == pytest.approx(0.25, abs=0.01)


def test_sound_of_a_microphone_that_nobody_read_is_counted(install: Install) -> None:
    stats = Stats()
    library = install(FakeLibrary())
    microphone = Microphone(None, VirtualClock(1), stats)
    microphone.open()
    for _ in range(15):
        library.stream.record(*[0.5] * 320)
    pcm = microphone.read(0.0)
    assert pcm is not None
    assert len(pcm) == 4800
    assert not pcm[:1600].any()
    assert pcm[1600:].all()
    assert stats.report().lost_ms == pytest.approx(100)


def test_a_machine_without_a_microphone_is_told_what_to_do(install: Install) -> None:
    install(FakeLibrary(devices=0))
    with pytest.raises(DeviceError, match="No microphone was found"):
        Microphone(None, VirtualClock(1), Stats()).open()


def test_a_microphone_that_does_not_exist_is_named_with_those_that_do(install: Install) -> None:
    install(FakeLibrary())
    with pytest.raises(DeviceError, match=r"no microphone “Studio”.*“Desk”"):
        Microphone("Studio", VirtualClock(1), Stats()).open()


def test_a_busy_microphone_is_an_error(install: Install) -> None:
    install(FakeLibrary(refusal="Device unavailable"))
    with pytest.raises(DeviceError, match="Device unavailable"):
        Microphone(None, VirtualClock(1), Stats()).open()


def test_a_microphone_that_falls_silent_for_two_seconds_is_lost(install: Install) -> None:
    install(FakeLibrary())
    microphone = Microphone(None, VirtualClock(1), Stats())
    microphone.open()
    for _ in range(40):
        microphone.read(0.05)
    with pytest.raises(DeviceError, match="has sent nothing"):
        microphone.read(0.05)


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
