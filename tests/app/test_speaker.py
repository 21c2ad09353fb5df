"""Tests of the speaker, with a sound library that is made up here."""

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import app.devices
from app.clock import MonotonicClock, sleep_until
from app.speaker import Speaker
from engine.errors import DeviceError
from engine.media import HOP, Frame
from tests.app.fakes import VirtualClock

BLOCK = 320


class FakeStream:
    latency = 0.03

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.is_closed = False

    def start(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True

    def played(self) -> np.ndarray:
        out = np.full((BLOCK, 1), 9, np.float32)
        self.settings["callback"](out, BLOCK, None, None)
        return out[:, 0]


class FakeLibrary(ModuleType):
    class PortAudioError(Exception):
        pass

    def __init__(self, refusal: str = "") -> None:
        super().__init__("sounddevice")
        self.refusal = refusal
        self.default = SimpleNamespace(device=(-1, 0))

    def query_devices(self) -> list[dict[str, Any]]:
        return [{"name": "Desk", "max_input_channels": 0, "max_output_channels": 2, "default_samplerate": 48_000.0}]

    def OutputStream(self, **settings: Any) -> FakeStream:  # noqa: N802
        if self.refusal:
            raise self.PortAudioError(self.refusal)
        self.stream = FakeStream(**settings)
        return self.stream


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    fake = FakeLibrary()
    monkeypatch.setattr(app.devices, "portaudio", lambda: fake)
    return fake


def a_frame(index: int) -> Frame:
    return Frame(index, np.zeros((2, 2, 3), np.uint8), np.arange(HOP, dtype=np.float32) + index * HOP + 1, True)


def test_the_sound_of_the_frames_is_played_in_order_without_a_gap(library: FakeLibrary) -> None:
    speaker = Speaker(None, MonotonicClock())
    speaker.open(2, 2)
    played = []
    for index in range(10):
        speaker.send(a_frame(index))
        played += [library.stream.played(), library.stream.played()]
    sound = np.trim_zeros(np.concatenate(played))
    np.testing.assert_array_equal(sound, np.arange(len(sound)) + 1)
    assert len(sound) >= 8 * HOP
    speaker.close()
    speaker.close()
    assert library.stream.is_closed


def test_a_frame_that_comes_20_ms_late_is_not_heard_as_a_gap(library: FakeLibrary) -> None:
    speaker = Speaker(None, MonotonicClock())
    speaker.open(2, 2)
    for index in (0, 1):
        speaker.send(a_frame(index))
    played = [library.stream.played() for _ in range(3)]
    speaker.send(a_frame(2))
    played += [library.stream.played() for _ in range(3)]
    np.testing.assert_array_equal(np.concatenate(played), np.arange(6 * BLOCK) + 1)


def test_without_frames_there_is_silence(library: FakeLibrary) -> None:
    speaker = Speaker("desk", MonotonicClock())
    speaker.open(2, 2)
    assert not library.stream.played().any()


def test_a_stalled_device_does_not_delay_the_sound_for_ever(library: FakeLibrary) -> None:
    speaker = Speaker(None, MonotonicClock())
    speaker.open(2, 2)
    for index in range(50):
        speaker.send(a_frame(index))
    assert library.stream.played()[0] >= 47 * HOP


def test_the_speaker_tells_how_long_a_frame_waits_until_it_is_heard(library: FakeLibrary) -> None:
    clock = VirtualClock(1)
    speaker = Speaker(None, clock)
    speaker.open(2, 2)
    delays = []
    for index in range(50):
        delays.append(speaker.delay())
        speaker.send(a_frame(index))
        library.stream.played()
        sleep_until(clock, clock.now() + 0.02)
        library.stream.played()
        sleep_until(clock, clock.now() + 0.02)
    # The second frame completes what must be in hand: the first is heard 40 ms + 30 ms after it was sent.
    assert delays[:3] == [0, 0, 0]
    assert delays[-1] == pytest.approx(0.07)
    assert np.ptp(delays[3:]) < 0.001


def test_the_sound_waits_where_it_would_be_heard_too_early(library: FakeLibrary) -> None:
    clock, wanted = VirtualClock(1), 0.2
    speaker = Speaker(None, clock, lambda: wanted)
    speaker.open(2, 2)
    delays, played = [], []
    for index in range(150):
        if index == 100:
            wanted = 0.3
        speaker.send(a_frame(index))
        delays.append(speaker.delay())
        for _ in range(2):
            played.append(library.stream.played())
            sleep_until(clock, clock.now() + 0.02)
    assert delays[60] == pytest.approx(0.2, abs=0.011)
    assert delays[-1] == pytest.approx(0.3, abs=0.011)
    heard = np.concatenate(played)
    heard = heard[heard > 0]
    assert (np.diff(heard) == 1).all()  # nothing is lost where silence is put in


def test_a_device_that_ends_by_itself_is_noticed(library: FakeLibrary) -> None:
    speaker = Speaker(None, MonotonicClock())
    speaker.open(2, 2)
    assert not speaker.has_ended
    library.stream.settings["finished_callback"]()
    assert speaker.has_ended


def test_a_busy_speaker_is_an_error(library: FakeLibrary) -> None:
    library.refusal = "Device unavailable"
    with pytest.raises(DeviceError, match="Device unavailable"):
        Speaker(None, MonotonicClock()).open(2, 2)
