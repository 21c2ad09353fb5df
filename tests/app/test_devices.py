"""Tests of choosing sound devices, and of a real microphone where PulseAudio is installed."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import app.devices
from app.devices import SoundDevice, choose
from engine.errors import DeviceError
from tests.app.fakes import write_sound

DESK = SoundDevice(1, "Desk Microphone", 1, 48_000, False)
HEAD = SoundDevice(4, "Headset", 1, 16_000, True)
HEAD_TOO = SoundDevice(5, "Headset Mono", 1, 16_000, False)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[SoundDevice]:
    found = [DESK, HEAD, HEAD_TOO]
    monkeypatch.setattr(app.devices, "sound_devices", lambda kind: found)
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
        app.devices.portaudio()


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A sound server of our own with a speaker that leads nowhere, and a microphone that hears it."""
    if not shutil.which("pulseaudio") or not shutil.which("paplay"):
        pytest.skip("PulseAudio is not installed: apt-get install pulseaudio pulseaudio-utils libasound2-plugins")
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    environment = os.environ | {
        "PULSE_RUNTIME_PATH": str(runtime),
        "PULSE_STATE_PATH": str(tmp_path),
        "PULSE_SERVER": f"unix:{runtime}/native",
        "HOME": str(tmp_path),
    }
    modules = [
        f"module-native-protocol-unix auth-anonymous=1 socket={runtime}/native",
        "module-null-sink sink_name=room rate=48000 norewinds=1",
        "module-remap-source source_name=desk master=room.monitor",
    ]
    # As root, PulseAudio insists on being asked twice.
    command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
    server = subprocess.Popen(
        [*command, *(f"--load={module}" for module in modules)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        # The server tells nobody when it is ready.
        for _ in range(100):
            if subprocess.run(["pactl", "info"], env=environment, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.05)
        else:
            pytest.skip("PulseAudio does not start here")
        yield environment | {"PULSE_SINK": "room", "PULSE_SOURCE": "desk"}
    finally:
        server.terminate()
        server.wait(10)


LISTEN = """
import numpy as np
from app.clock import MonotonicClock
from app.sources import Microphone
from app.stats import Stats
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
        [sys.executable, "-m", "app.cli", "devices"],
        env=pulse,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    assert "Microphones:" in listed.stdout
    assert "pulse" in listed.stdout
