"""Tests of choosing sound devices, and of a real microphone where PulseAudio is installed."""

import os
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
from liveface.app.audio.devices import (
    SoundDevice,
    choose,
    end_stream,
    look_again,
    recordable,
    sound_devices,
    start_stream,
)
from liveface.app.audio.pulse import Endpoint
from liveface.engine.errors import DeviceError
from tests.app.audio.sound_server import sound_server
from tests.app.fakes import write_sound

DESK = SoundDevice(1, "Desk Microphone", 1, 48_000, False)
HEAD = SoundDevice(4, "Headset", 1, 16_000, True)
HEAD_TOO = SoundDevice(5, "Headset Mono", 1, 16_000, False)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[SoundDevice]:
    found = [DESK, HEAD, HEAD_TOO]
    monkeypatch.setattr(liveface.app.audio.devices, "sound_devices", lambda kind: found)
    return found


@pytest.mark.parametrize(
    ("wanted", "expected"), [(None, HEAD), ("desk", DESK), ("4", HEAD), ("Headset", HEAD), ("mono", HEAD_TOO)]
)
def test_a_device_is_chosen_by_default_number_or_name(
    connected: list[SoundDevice], wanted: str | None, expected: SoundDevice
) -> None:
    assert choose("input", wanted) == expected


def test_a_name_that_fits_several_devices_is_refused_with_all_of_them(connected: list[SoundDevice]) -> None:
    with pytest.raises(DeviceError, match="“Headset”, “Headset Mono”"):
        choose("input", "head")


def test_without_a_default_the_first_device_is_taken(connected: list[SoundDevice]) -> None:
    connected.remove(HEAD)
    assert choose("output", None) == DESK


def test_a_missing_sound_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr("ctypes.util.find_library", lambda name: None)
    with pytest.raises(DeviceError, match="libportaudio2"):
        liveface.app.audio.devices.portaudio()


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[dict[str, str]]:
    with sound_server(tmp_path) as environment:
        yield environment | {"PULSE_SINK": "room", "PULSE_SOURCE": "desk"}


LISTEN = """
import numpy as np
from liveface.app.session.clock import MonotonicClock
from liveface.app.audio.microphone import Microphone
from liveface.app.session.stats import Stats
stats = Stats()
microphone = Microphone("pulse", MonotonicClock(), stats)
delay = microphone.open()
heard = []
while sum(map(len, heard)) < 32000:
    heard.append(microphone.read(0.05))
microphone.close()
pcm = np.concatenate(heard)[8000:]
spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
print(round(float(np.argmax(spectrum)) * 16000 / len(pcm)), round(float(np.abs(pcm).max()), 2), round(delay, 3))
"""


def test_a_real_microphone_hears_what_is_played(pulse: dict[str, str], tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(10 * 48_000) / 48_000).astype(np.float32)
    sound = write_sound(tmp_path / "tone.wav", (tone[None] * 32767).astype(np.int16), 48_000, "pcm_s16le")
    player = subprocess.Popen(["paplay", str(sound)], env=pulse)
    try:
        heard = subprocess.run(
            [sys.executable, "-c", LISTEN], env=pulse, capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        player.terminate()
        player.wait(10)
    assert heard.returncode == 0, heard.stderr
    frequency, peak, delay = map(float, heard.stdout.split())
    assert frequency == pytest.approx(440, abs=2)
    assert peak == pytest.approx(0.5, abs=0.05)
    assert 0 <= delay < 0.2


def test_real_devices_are_listed(pulse: dict[str, str]) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "liveface.app.cli", "devices"],
        env=pulse,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    assert "Microphones:" in listed.stdout
    assert "Desk (48000 Hz, default)" in listed.stdout
    assert "pulse" in listed.stdout
    assert "irtual camera" in listed.stdout


class FakeLibrary(ModuleType):
    """ALSA's way to a sound server, and a card of its own."""

    class PortAudioError(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.default = SimpleNamespace(device=(1, 1))
        self.steps: list[str] = []
        self.names = ["pulse", "default", "Card"]
        self.meanwhile: Callable[[], object] = lambda: None  # done by another thread

    def query_devices(self) -> list[dict[str, Any]]:
        formats = {"max_input_channels": 2, "max_output_channels": 2, "default_samplerate": 44_100}
        return [{"name": name} | formats for name in self.names]

    def InputStream(self, device: int, refusal: str = "", blocksize: int = 320) -> "FakeStream":  # noqa: N802
        self.blocksize = blocksize
        self.steps.append(f"{device} {os.environ.get('PULSE_SOURCE')}")
        if refusal:
            raise self.PortAudioError(refusal)
        self._let_others_run()
        return FakeStream()

    def check_input_settings(self, device: int, channels: int, dtype: str, extra: None, rate: int) -> None:
        self._let_others_run()
        self.steps.append("checked")

    def _let_others_run(self) -> None:
        self.other = threading.Thread(target=self.meanwhile)
        self.other.start()
        self.other.join(0.1)

    def _terminate(self) -> None:
        self.steps.append("terminate")

    def _initialize(self) -> None:
        self.steps.append("initialize")


class FakeStream:
    def start(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    fake = FakeLibrary()
    monkeypatch.setattr(liveface.app.audio.devices, "portaudio", lambda: fake)
    monkeypatch.delenv("PULSE_SOURCE", raising=False)
    return fake


def serve(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let a sound server have microphones of those names, the first one as default."""
    found = [Endpoint(name, name.title(), 1, 48_000, name == names[0]) for name in names]
    monkeypatch.setattr("liveface.app.audio.pulse.endpoints", lambda kind, chosen: found)


def test_a_sound_servers_devices_come_first_and_its_default_is_ours(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, "desk", "usb", "liveface_microphone")
    devices = sound_devices("input")
    assert [device.name for device in devices] == ["Desk", "Usb", "pulse", "default", "Card"]
    assert [device.name for device in devices if device.is_default] == ["Desk"]
    assert choose("input", "usb").endpoint == "usb"
    assert choose("input", "0").name == "pulse"
    assert "liveface_microphone" in {device.endpoint for device in sound_devices("output")}


def test_the_way_to_a_sound_server_without_microphones_is_no_microphone(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveface.app.audio.pulse.endpoints", lambda kind, chosen: [])
    assert [device.name for device in sound_devices("input")] == ["Card"]
    monkeypatch.setenv("PULSE_SOURCE", "room.monitor")  # somebody wants to hear what is played
    assert choose("input", None).name == "default"


def test_without_a_sound_server_the_devices_are_portaudios(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveface.app.audio.pulse.endpoints", lambda kind, chosen: None)
    assert choose("input", None).name == "default"


def test_a_stream_is_led_to_the_servers_device_and_the_environment_is_as_before(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, "desk", "usb")
    end_stream(start_stream("input", choose("input", "usb")))
    monkeypatch.setenv("PULSE_SOURCE", "room")
    with pytest.raises(DeviceError, match=r"“Usb” cannot be opened \(busy\)"):
        start_stream("input", choose("input", "usb"), refusal="busy")
    end_stream(start_stream("input", choose("input", "Card")))
    assert library.steps == ["0 usb", "0 usb", "2 room"]
    assert os.environ["PULSE_SOURCE"] == "room"


def test_a_servers_device_calls_back_as_the_server_likes_and_any_other_as_it_was_told(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, "desk", "usb")
    for name, blocksize in (("usb", 0), ("Card", 160)):
        end_stream(start_stream("input", choose("input", name), blocksize=160))
        assert library.blocksize == blocksize


def test_portaudio_looks_again_only_while_no_stream_is_open(library: FakeLibrary) -> None:
    stream = start_stream("input", SoundDevice(2, "Card", 2, 44_100, False))
    assert not look_again()
    end_stream(stream)
    assert look_again()
    assert library.steps == ["2 None", "terminate", "initialize"]


@pytest.mark.parametrize("failures", [1, 2, 5])
def test_portaudio_is_made_ready_again_where_that_fails_at_first(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    state = {"ready": True, "failures": failures}

    def terminate() -> None:
        if not state["ready"]:
            raise library.PortAudioError("PortAudio not initialized")
        state["ready"] = False

    def initialize() -> None:
        if state["failures"]:
            state["failures"] -= 1
            raise library.PortAudioError("Internal error")
        state["ready"] = True

    monkeypatch.setattr(library, "_terminate", terminate)
    monkeypatch.setattr(library, "_initialize", initialize)
    looks = [look_again() for _ in range(4)]
    assert state["ready"]
    assert looks == [number >= failures // 2 for number in range(4)]


def test_equal_devices_are_numbered_and_each_can_be_chosen(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {"max_input_channels": 1, "max_output_channels": 0, "default_samplerate": 48_000.0}
    monkeypatch.setattr(library, "query_devices", lambda: [{"name": "USB"} | one, {"name": "USB"} | one])
    assert [device.name for device in sound_devices("input")] == ["USB", "USB (2)"]
    second = choose("input", "USB (2)")
    assert (second.number, second.listed) == (1, "USB")
    assert not second.is_same(choose("input", "USB"))
    end_stream(start_stream("input", second))  # it is still known to the system by its own name


def test_equal_devices_of_a_server_are_the_same_by_what_the_server_calls_them() -> None:
    one, two = (SoundDevice(0, "USB", 1, 48_000, False, f"usb.{number}") for number in (1, 2))
    renamed = SoundDevice(0, "USB (2)", 1, 48_000, False, "usb.1", "USB")
    assert not one.is_same(two)
    assert one.is_same(renamed)


def test_each_device_is_listed_once_where_the_system_has_several_ways_to_it(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {"max_input_channels": 1, "max_output_channels": 0, "default_samplerate": 48_000.0}
    names = [("Microphone (USB Audio Devic", 0), ("Microphone (USB Audio Device)", 1), ("Line", 1), ("Line", 0)]
    found = [{"name": name, "hostapi": system} | one for name, system in names]
    systems = [{"name": "MME", "default_input_device": 0}, {"name": "Windows WASAPI", "default_input_device": 2}]
    monkeypatch.setattr(library, "query_devices", lambda: found)
    monkeypatch.setattr(library, "query_hostapis", lambda: systems, raising=False)
    assert [(device.number, device.name, device.is_default) for device in sound_devices("input")] == [
        (1, "Microphone (USB Audio Device)", False),
        (2, "Line", True),
    ]


def test_portaudio_does_not_look_again_while_a_device_is_asked_what_it_can_do(library: FakeLibrary) -> None:
    library.meanwhile = look_again
    recordable(SoundDevice(2, "Card", 2, 44_100, False))
    library.other.join()
    assert library.steps == ["checked", "terminate", "initialize"]


def test_the_default_stays_the_servers_while_another_thread_opens_a_stream(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [
        {"name": name, "description": name, "sample_specification": "s16le 2ch 48000Hz", "properties": {}}
        for name in ("desk", "usb")
    ]

    def asked(*words: str) -> object:
        monkeypatch.setenv("PULSE_SOURCE", "usb")  # as long as it is opened
        return {"default_source_name": "desk"} if words == ("info",) else sources

    monkeypatch.setattr("liveface.app.audio.pulse._asked", asked)
    assert choose("input", None).endpoint == "desk"


@pytest.mark.parametrize("name", ["usb", "Card"])
@pytest.mark.parametrize("now", [["Card", "default", "pulse"], []])
def test_a_number_that_has_become_another_devices_is_not_opened(
    library: FakeLibrary, monkeypatch: pytest.MonkeyPatch, name: str, now: list[str]
) -> None:
    serve(monkeypatch, "desk", "usb")
    device = choose("input", name)
    library.names = now
    with pytest.raises(DeviceError, match="have changed"):
        start_stream("input", device)
    assert not library.steps
