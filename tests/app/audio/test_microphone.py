"""Tests of the microphone: with a sound library that is made up here in virtual time, and with a real sound server."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import liveface.app.audio.devices
from liveface.app.audio.device_failover import DeviceChange
from liveface.app.audio.microphone import Microphone
from liveface.app.session.stats import Stats
from liveface.engine.errors import DeviceError
from liveface.engine.hearing.voice_gate import VoiceGate, VoiceSettings
from liveface.engine.media import SAMPLE_RATE, Samples
from tests.app.audio.sound_server import sound_server
from tests.app.fakes import VirtualClock, write_sound

BLOCK = 320
PATIENCE = 60.0  # s, for anything that a loaded machine has to do


class FakeStream:
    latency = 0.03

    def __init__(self, is_mute: bool, **settings: Any) -> None:
        self.settings = settings
        self.is_closed = False
        self.is_mute = is_mute

    def start(self) -> None:
        if not self.is_mute:
            self.record(np.zeros((0, self.settings["channels"])))

    def close(self) -> None:
        self.is_closed = True

    def record(self, pcm: np.ndarray, status: object = None) -> None:
        """Bring float (n, channels)."""
        buffer = np.array(pcm, np.float32)
        self.settings["callback"](buffer, len(buffer), None, status)
        buffer[:] = -9  # PortAudio reuses its memory

    def vanish(self) -> None:
        self.is_mute = True
        self.settings["finished_callback"]()


class FakeLibrary(ModuleType):
    """Microphones by name, the first is the default. It converts no rates and no channels."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *names: str, rate: int = SAMPLE_RATE, channels: int = 1, refusal: str = "") -> None:
        super().__init__("sounddevice")
        self.names = list(names)
        self.rate, self.channels, self.refusal = rate, channels, refusal
        self.absent: set[str] = set()  # listed, but not connected any more
        self.mute: set[str] = set()
        self.default = SimpleNamespace(device=(0, -1))
        self.streams: list[FakeStream] = []

    def query_devices(self) -> list[dict[str, Any]]:
        formats = {"max_input_channels": self.channels, "max_output_channels": 0, "default_samplerate": self.rate}
        return [{"name": name} | formats for name in self.names]

    def check_input_settings(self, device: int, channels: int, dtype: str, extra: None, rate: int) -> None:
        if (rate, channels) != (self.rate, self.channels):
            raise self.PortAudioError("Invalid sample rate")

    def InputStream(self, device: int, **settings: Any) -> FakeStream:  # noqa: N802
        name = self.names[device]
        if self.refusal or name in self.absent:
            raise self.PortAudioError(self.refusal or "Device unavailable")
        self.streams.append(FakeStream(name in self.mute, **settings))
        return self.streams[-1]

    def _terminate(self) -> None:
        pass

    def _initialize(self) -> None:
        pass


Install = Callable[[FakeLibrary], FakeLibrary]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    def install(library: FakeLibrary) -> FakeLibrary:
        monkeypatch.setattr(liveface.app.audio.devices, "portaudio", lambda: library)
        return library

    return install


@pytest.fixture
def opened() -> Iterator[Callable[..., Microphone]]:
    """Open a microphone, and close it in the end, whatever happens."""
    microphones: list[Microphone] = []

    def opened(name: str | None = None, clock: VirtualClock | None = None, **options: Any) -> Microphone:
        microphones.append(Microphone(name, clock or VirtualClock(), options.pop("stats", Stats()), **options))
        assert microphones[-1].open() == pytest.approx(0.01)
        return microphones[-1]

    yield opened
    for microphone in microphones:
        microphone.close()


def mono(*samples: float) -> np.ndarray:
    return np.array(samples)[:, None]


def heard(microphone: Microphone) -> Samples:
    pcm = microphone.read(0.0)
    assert pcm is not None
    return pcm


def test_a_microphone_gives_what_its_callback_copied(install: Install, opened: Callable[..., Microphone]) -> None:
    library = install(FakeLibrary("Desk"))
    microphone = opened()
    library.streams[0].record(mono(0.1, 0.2))
    library.streams[0].record(mono(0.3, float("nan")))
    np.testing.assert_allclose(heard(microphone), [0.1, 0.2, 0.3, 0.0])
    settings = library.streams[0].settings
    assert (settings["blocksize"], settings["latency"]) == (BLOCK, 0.02)
    microphone.close()
    microphone.close()
    assert library.streams[0].is_closed
    assert "liveface microphone" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_number_of_channels_becomes_16_khz_mono(
    install: Install, opened: Callable[..., Microphone], rate: int, channels: int
) -> None:
    library = install(FakeLibrary("Desk", rate=rate, channels=channels))
    microphone = opened("Desk")
    half = np.zeros((rate // 50, channels))
    half[:, 0] = 0.25 * (2 if channels == 2 else 1)  # two are mixed; of many those are heard on which something is
    library.streams[0].record(half)
    pcm = heard(microphone)
    assert len(pcm) == pytest.approx(BLOCK, abs=2)
    assert pcm[-1] == pytest.approx(0.25, abs=0.01)


def test_a_stereo_microphone_connected_the_wrong_way_is_heard(
    install: Install, opened: Callable[..., Microphone]
) -> None:
    library = install(FakeLibrary("Desk", rate=48_000, channels=2))
    microphone = opened("Desk")
    sides = np.full((960, 2), 0.25)
    sides[:, 1] *= -1
    library.streams[0].record(sides)
    assert heard(microphone)[-1] == pytest.approx(0.25, abs=0.01)


def test_sound_that_nobody_read_and_sound_that_the_device_lost_are_counted(
    install: Install, opened: Callable[..., Microphone]
) -> None:
    stats = Stats()
    library = install(FakeLibrary("Desk", rate=48_000, channels=2))
    microphone = opened(stats=stats)
    for _ in range(15):
        library.streams[0].record(np.full((960, 2), 0.5), SimpleNamespace(input_overflow=False))
    library.streams[0].record(np.full((0, 2), 0.5), SimpleNamespace(input_overflow=True))
    pcm = heard(microphone)
    assert len(pcm) == pytest.approx(4800, abs=2)
    assert not pcm[:1580].any()
    assert pcm[1620:].all()
    assert stats.report().lost_ms == pytest.approx(100)
    assert stats.report().xruns == 1


def test_the_gate_hears_all_sound_first(install: Install, opened: Callable[..., Microphone]) -> None:
    library = install(FakeLibrary("Desk"))
    gate = VoiceGate(VoiceSettings(threshold=-20, has_gain=False))
    microphone = opened(gate=gate)
    library.streams[0].record(np.full((BLOCK, 1), 0.001))
    assert np.abs(heard(microphone)).max() < 0.0001
    assert gate.level == pytest.approx(-60, abs=0.1)


def test_a_machine_without_a_microphone_is_told_what_to_do(install: Install) -> None:
    install(FakeLibrary())
    with pytest.raises(DeviceError, match="No microphone was found"):
        Microphone(None, VirtualClock(), Stats()).open()


def test_a_microphone_that_does_not_exist_is_named_with_those_that_do(install: Install) -> None:
    install(FakeLibrary("Desk"))
    with pytest.raises(DeviceError, match=r"no microphone “Studio”.*“Desk”"):
        Microphone("Studio", VirtualClock(), Stats()).open()


def test_a_busy_microphone_is_an_error(install: Install) -> None:
    install(FakeLibrary("Desk", refusal="Device unavailable"))
    with pytest.raises(DeviceError, match="Device unavailable"):
        Microphone(None, VirtualClock(), Stats()).open()


class Room:
    """Speaks into every open stream that is not mute, block by block in virtual time, and reads the microphone."""

    def __init__(self, library: FakeLibrary, microphone: Microphone, clock: VirtualClock) -> None:
        self._library = library
        self._microphone = microphone
        self._clock = clock
        self._condition = clock.condition()
        self.given: list[Samples] = []

    def pass_seconds(self, seconds: float) -> Samples:
        """What the microphone gave in that time."""
        given = []
        for _ in range(round(seconds * 50)):
            with self._condition:
                self._condition.wait(0.02)
            for number, stream in enumerate(self._library.streams):
                if not stream.is_mute and not stream.is_closed:
                    stream.record(np.full((BLOCK, 1), 0.1 + 0.1 * number))
            given.append(heard(self._microphone))
        return np.concatenate(given)


def test_a_microphone_that_vanishes_gives_way_to_the_default_one_and_takes_over_when_it_returns(
    install: Install, opened: Callable[..., Microphone]
) -> None:
    notices: list[DeviceChange] = []
    library, clock = install(FakeLibrary("Desk", "Headset")), VirtualClock()
    microphone = opened("Headset", clock, on_notice=notices.append)
    room = Room(library, microphone, clock)
    assert np.allclose(room.pass_seconds(1), 0.1)
    library.absent.add("Headset")
    library.streams[0].vanish()
    pcm = room.pass_seconds(3)
    assert len(pcm) == pytest.approx(3 * SAMPLE_RATE, abs=1300)
    assert np.allclose(pcm[-SAMPLE_RATE:], 0.2)
    assert (microphone.device, library.streams[0].is_closed) == ("Desk", True)
    library.absent.clear()
    room.pass_seconds(3)
    assert microphone.device == "Headset"
    assert np.allclose(room.pass_seconds(1), 0.1 * len(library.streams))
    assert list(map(str, notices)) == [
        "The microphone “Headset” has gone: “Desk” is used until it returns.",
        "The microphone “Headset” is back.",
    ]
    assert sum(not stream.is_closed for stream in library.streams) == 1


def test_without_another_microphone_there_is_silence_at_the_pace_of_the_clock_until_it_returns(
    install: Install, opened: Callable[..., Microphone]
) -> None:
    notices: list[DeviceChange] = []
    library, clock = install(FakeLibrary("Desk")), VirtualClock()
    microphone = opened(None, clock, on_notice=notices.append)
    room = Room(library, microphone, clock)
    room.pass_seconds(1)
    library.absent.add("Desk")
    library.streams[0].vanish()
    pcm = room.pass_seconds(5)
    assert len(pcm) == pytest.approx(5 * SAMPLE_RATE, abs=1300)
    assert not pcm[SAMPLE_RATE:].any()
    assert microphone.device is None
    silent = microphone.read(0.05)
    assert silent is not None
    assert 0 < len(silent) <= BLOCK + 1, "in blocks as of sound: several pictures at once would be late"
    library.absent.clear()
    room.pass_seconds(2)
    assert room.pass_seconds(1).all()
    assert list(map(str, notices)) == [
        "The microphone “Desk” has gone: there is silence until one is connected.",
        "The microphone “Desk” is back.",
    ]


def test_a_device_that_stops_without_a_word_counts_as_lost(install: Install, opened: Callable[..., Microphone]) -> None:
    library, clock = install(FakeLibrary("Desk", "Headset")), VirtualClock()
    microphone = opened("Headset", clock)
    room = Room(library, microphone, clock)
    room.pass_seconds(1)
    library.mute.add("Headset")
    library.streams[0].is_mute = True
    room.pass_seconds(5)
    assert microphone.device == "Desk"


def test_a_device_that_returns_but_says_nothing_does_not_take_over(
    install: Install, opened: Callable[..., Microphone]
) -> None:
    notices: list[DeviceChange] = []
    library, clock = install(FakeLibrary("Desk", "Headset")), VirtualClock()
    microphone = opened("Headset", clock, on_notice=notices.append)
    room = Room(library, microphone, clock)
    room.pass_seconds(1)
    library.mute.add("Headset")
    library.streams[0].vanish()
    room.pass_seconds(5)
    assert (microphone.device, len(notices)) == ("Desk", 1)


LISTEN = """
import numpy as np
from liveface.app.session.clock import MonotonicClock
from liveface.app.audio.microphone import Microphone
from liveface.app.session.stats import Stats

clock = MonotonicClock()
microphone = Microphone("USB", clock, Stats(), on_notice=lambda change: print("notice", change, flush=True))
microphone.open()
started, samples, tone = clock.now(), 0, 0
recent = np.zeros(3200, np.float32)
while True:
    pcm = microphone.read(0.05)
    samples += len(pcm)
    recent = np.concatenate([recent, pcm])[-3200:]
    before, tone = tone, round(float(np.argmax(np.abs(np.fft.rfft(recent)))) * 5) if recent.any() else 0
    if tone != before:
        print("tone", tone, round(samples / 16000 - (clock.now() - started), 2), flush=True)
"""


def test_a_real_microphone_may_be_pulled_out_and_put_in_again(tmp_path: Path) -> None:
    with sound_server(tmp_path) as environment:
        processes: list[subprocess.Popen[str]] = []

        def run(*command: str) -> subprocess.Popen[str]:
            processes.append(subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE))
            return processes[-1]

        def play(frequency: int, sink: str) -> None:
            time = np.arange(60 * SAMPLE_RATE) / SAMPLE_RATE
            tone = (8000 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)
            sound = write_sound(tmp_path / f"{frequency}.wav", tone[None], SAMPLE_RATE, "pcm_s16le")
            run("paplay", f"--device={sink}", str(sound))

        def plug() -> list[str]:
            return [
                subprocess.run(
                    ["pactl", "load-module", *words], env=environment, text=True, stdout=subprocess.PIPE, check=True
                ).stdout.strip()
                for words in (
                    ("module-null-sink", "sink_name=usb", "rate=48000", "norewinds=1"),
                    (
                        "module-remap-source",
                        "source_name=usbmic",
                        "master=usb.monitor",
                        "source_properties=device.description=USB",
                    ),
                )
            ]

        try:
            modules = plug()
            play(440, "room")
            play(880, "usb")
            listener = run(sys.executable, "-c", LISTEN)
            wait_for(listener, "tone 880")
            for number in reversed(modules):
                subprocess.run(["pactl", "unload-module", number], env=environment, check=True)
            wait_for(listener, "notice The microphone “USB” has gone: “Desk” is used until it returns.", "tone 440")
            plug()
            play(880, "usb")
            _, tone = wait_for(listener, "notice The microphone “USB” is back.", "tone 880")
            assert abs(float(tone.split()[-1])) < 0.5
        finally:
            for process in processes:
                process.kill()
                process.communicate()


def wait_for(process: subprocess.Popen[str], *beginnings: str) -> list[str]:
    """For each, the next line that begins like that, in whatever order they come; fails when there is none in time."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    patience = threading.Timer(PATIENCE, process.kill)
    patience.start()
    try:
        for line in process.stdout:
            print(line, end="")
            for beginning in filter(line.startswith, beginnings):
                found.setdefault(beginning, line)
            if len(found) == len(beginnings):
                return [found[beginning] for beginning in beginnings]
    finally:
        patience.cancel()
    pytest.fail(f"the listener said nothing of {set(beginnings) - set(found)}")


PROMPTNESS = """
import numpy as np
from liveface.app.session.clock import MonotonicClock
from liveface.app.audio.microphone import Microphone
from liveface.app.session.stats import Stats

clock = MonotonicClock()
microphone = Microphone("Desk", clock, Stats())
assert microphone.open() == 0
samples, late, started = 0, [], clock.now()
while clock.now() < started + 8:
    pcm = microphone.read(0.1)
    samples += len(pcm)
    if len(pcm):
        late.append(clock.now() - samples / 16000)
microphone.close()
late = np.array(late[50:])
print(len(late), np.median(late) - late.min())
"""


def test_the_sound_of_a_server_comes_evenly_in_blocks_of_20_ms(tmp_path: Path) -> None:
    with sound_server(tmp_path) as environment:
        result = subprocess.run([sys.executable, "-c", PROMPTNESS], env=environment, stdout=subprocess.PIPE, check=True)
    reads, late = map(float, result.stdout.split())
    assert 200 < reads < 400  # 350 where nothing is in the way
    assert late < 0.006  # with blocks of a fixed size 0.01: each would be later than the one before, for seconds
