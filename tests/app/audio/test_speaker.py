"""Tests of the speaker, with a sound library that is made up here."""

from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import liveface.app.audio.devices
from liveface.app.audio.device_failover import DeviceChange
from liveface.app.audio.speaker import Speaker
from liveface.app.session.clock import Clock, MonotonicClock, sleep_until
from liveface.engine.errors import DeviceError
from liveface.engine.media import HOP, SAMPLE_RATE, Frame
from tests.app.fakes import VirtualClock

BLOCK = 320

Open = Callable[..., Speaker]


class FakeStream:
    latency = 0.03

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.is_closed = False

    def start(self) -> None:
        self.played()

    def close(self) -> None:
        self.is_closed = True

    def played(self) -> np.ndarray:
        count = self.settings["blocksize"]
        out = np.full((count, self.settings["channels"]), 9, np.float32)
        self.settings["callback"](out, count, None, None)
        assert (out == out[:, :1]).all()  # every channel plays the same
        return out[:, 0]


class FakeLibrary(ModuleType):
    class PortAudioError(Exception):
        pass

    def __init__(self, refusal: str = "") -> None:
        super().__init__("sounddevice")
        self.refusal = refusal
        self.default = SimpleNamespace(device=(-1, 0))
        self.names = ["Desk"]
        self.absent: set[str] = set()
        self.format = (SAMPLE_RATE, 1)

    def query_devices(self) -> list[dict[str, Any]]:
        formats = {"max_input_channels": 0, "max_output_channels": 2, "default_samplerate": 48_000.0}
        return [{"name": name} | formats for name in self.names]

    def check_output_settings(self, device: int, channels: int, dtype: str, extra: None, rate: int) -> None:
        if (rate, channels) != self.format:
            raise self.PortAudioError("Invalid sample rate")

    def OutputStream(self, device: int, **settings: Any) -> FakeStream:  # noqa: N802
        if self.refusal or self.names[device] in self.absent:
            raise self.PortAudioError(self.refusal or "Device unavailable")
        self.stream = FakeStream(**settings)
        return self.stream

    def _terminate(self) -> None:
        pass

    def _initialize(self) -> None:
        pass


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    fake = FakeLibrary()
    monkeypatch.setattr(liveface.app.audio.devices, "portaudio", lambda: fake)
    return fake


@pytest.fixture
def opened(library: FakeLibrary) -> Iterator[Callable[..., Speaker]]:
    """Open a speaker, and close it in the end, whatever happens."""
    speakers: list[Speaker] = []

    def opened(name: str | None = None, clock: Clock | None = None, *options: Any, **more: Any) -> Speaker:
        speakers.append(Speaker(name, clock or MonotonicClock(), *options, **more))
        speakers[-1].open(2, 2)
        return speakers[-1]

    yield opened
    for speaker in speakers:
        speaker.close()


def a_frame(index: int) -> Frame:
    return Frame(index, np.zeros((2, 2, 3), np.uint8), np.arange(HOP, dtype=np.float32) + index * HOP + 1, True)


def test_the_sound_of_the_frames_is_played_in_order_without_a_gap(library: FakeLibrary, opened: Open) -> None:
    speaker = opened()
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


def test_a_frame_that_comes_20_ms_late_is_not_heard_as_a_gap(library: FakeLibrary, opened: Open) -> None:
    speaker = opened()
    for index in (0, 1):
        speaker.send(a_frame(index))
    played = [library.stream.played() for _ in range(3)]
    speaker.send(a_frame(2))
    played += [library.stream.played() for _ in range(3)]
    np.testing.assert_array_equal(np.concatenate(played), np.arange(6 * BLOCK) + 1)


def test_without_frames_there_is_silence(library: FakeLibrary, opened: Open) -> None:
    opened("desk")
    assert not library.stream.played().any()


def test_a_stalled_device_does_not_delay_the_sound_for_ever(library: FakeLibrary, opened: Open) -> None:
    speaker = opened()
    for index in range(50):
        speaker.send(a_frame(index))
    assert library.stream.played()[0] >= 47 * HOP


def test_the_speaker_tells_how_long_a_frame_waits_until_it_is_heard(library: FakeLibrary, opened: Open) -> None:
    clock = VirtualClock()
    speaker = opened(None, clock)
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


def test_the_sound_waits_where_it_would_be_heard_too_early(library: FakeLibrary, opened: Open) -> None:
    clock, wanted = VirtualClock(), 0.2
    speaker = opened(None, clock, lambda: wanted)
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


@pytest.mark.parametrize("millionths", [-50, 50])
def test_a_device_with_another_clock_is_followed_unheard(library: FakeLibrary, opened: Open, millionths: int) -> None:
    clock = VirtualClock()
    speaker = opened(None, clock)
    tone = np.sin(np.arange(10 * SAMPLE_RATE) * 2 * np.pi * 440 / SAMPLE_RATE).astype(np.float32)
    begin, blocks, delays, played = clock.now(), 0, [], []
    for index in range(10 * 60 * 25):
        sleep_until(clock, begin + index * 0.04)
        place = index % 250 * HOP
        speaker.send(Frame(index, np.zeros((2, 2, 3), np.uint8), tone[place : place + HOP], True))
        delays.append(speaker.delay())
        while (moment := 0.01 + blocks * 0.02 * (1 + millionths / 1e6)) < (index + 1) * 0.04:
            sleep_until(clock, begin + moment)
            played.append(library.stream.played())
            blocks += 1
    assert np.ptp(delays[100:]) < 0.012  # 50 millionths of 10 minutes are 30 ms
    sound = np.concatenate(played[100:])
    assert np.abs(np.diff(sound)).max() < 1.1 * np.abs(np.diff(tone)).max()
    assert np.sqrt(np.mean(sound.reshape(-1, BLOCK) ** 2, axis=1)).min() > 0.6  # no gap


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (44_100, 2), (8_000, 2)])
def test_a_device_that_converts_nothing_gets_its_own_rate_and_channels(
    library: FakeLibrary, opened: Open, rate: int, channels: int
) -> None:
    library.format = (rate, channels)
    library.query_devices = lambda: [  # type: ignore[method-assign]
        {"name": "Desk", "max_input_channels": 0, "max_output_channels": 2, "default_samplerate": float(rate)}
    ]
    speaker = opened()
    played = []
    for index in range(10):
        speaker.send(a_frame(index))
        played += [library.stream.played(), library.stream.played()]
    assert len(played[0]) == rate // 50
    sound = np.trim_zeros(np.concatenate(played))
    np.testing.assert_allclose(np.diff(sound)[1:], SAMPLE_RATE / rate, rtol=0.01)  # a ramp without a step


def pass_seconds(library: FakeLibrary, speaker: Speaker, clock: VirtualClock, seconds: float) -> np.ndarray:
    """Frames come and are played, in virtual time."""
    played = [np.zeros(0)]
    for index in range(round(seconds * 25)):
        speaker.send(a_frame(index))
        for _ in range(2):
            sleep_until(clock, clock.now() + 0.02)
            if not library.stream.is_closed:
                played.append(library.stream.played())
    return np.concatenate(played)


def test_a_speaker_that_vanishes_gives_way_to_the_default_one_until_it_returns(
    library: FakeLibrary, opened: Open
) -> None:
    notices: list[DeviceChange] = []
    library.names.append("Headset")
    clock = VirtualClock()
    speaker = opened("Headset", clock, on_notice=notices.append)
    pass_seconds(library, speaker, clock, 1)
    library.absent.add("Headset")
    library.stream.settings["finished_callback"]()
    assert pass_seconds(library, speaker, clock, 3)[-SAMPLE_RATE:].all()
    assert not speaker.has_ended
    library.absent.clear()
    pass_seconds(library, speaker, clock, 3)
    assert list(map(str, notices)) == [
        "The speaker “Headset” has gone: “Desk” is used until it returns.",
        "The speaker “Headset” is back.",
    ]


def test_what_is_meant_for_one_device_is_played_on_no_other(library: FakeLibrary, opened: Open) -> None:
    library.names.append("Headset")
    clock = VirtualClock()
    speaker = opened("Headset", clock, may_change=False)
    pass_seconds(library, speaker, clock, 1)
    library.absent.add("Headset")
    library.stream.settings["finished_callback"]()
    pass_seconds(library, speaker, clock, 3)
    assert speaker.has_ended


def test_a_busy_speaker_is_an_error(library: FakeLibrary) -> None:
    library.refusal = "Device unavailable"
    with pytest.raises(DeviceError, match="Device unavailable"):
        Speaker(None, MonotonicClock()).open(2, 2)


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 48_000])
def test_a_device_that_asks_for_more_than_waits_gets_it_with_silence(
    library: FakeLibrary, opened: Open, rate: int
) -> None:
    library.format = (rate, 1)
    speaker = opened()
    for index in range(4):
        speaker.send(a_frame(index))
    for seconds in (0.1, 0.2, 0.5, 0.02, 0.1):
        out = np.full((round(seconds * rate), 1), 9, np.float32)
        library.stream.settings["callback"](out, len(out), None, None)
        assert np.isfinite(out).all()
        speaker.send(a_frame(4))
