"""Tests of the voice in step with the pictures: with a made-up speaker, and into a real virtual microphone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import liveface.app.outputs.virtual_microphone_sink
from liveface.app.audio.pulse import modules
from liveface.app.outputs.virtual_microphone_sink import VirtualMicrophoneSink
from liveface.app.session.clock import MonotonicClock
from liveface.engine.errors import DeviceError
from liveface.engine.media import HOP, Frame
from tests.app.audio.sound_server import sound_server


class FakeSpeaker:
    refusal = ""
    has_ended = False

    def __init__(self, name: str, *_: Any, may_change: bool) -> None:
        assert not may_change  # nobody else shall hear the voice
        self.name = name

    def open(self, width: int, height: int) -> None:
        if self.refusal:
            raise DeviceError(self.refusal)

    def delay(self) -> float:
        return 0.07

    def close(self, completed: bool) -> None:
        pass


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens to the virtual microphone."""
    steps: list[str] = []
    monkeypatch.setattr(liveface.app.outputs.virtual_microphone_sink, "Speaker", FakeSpeaker)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("liveface.app.audio.virtual_microphone.create", lambda: steps.append("create") or "sink")
    monkeypatch.setattr("liveface.app.audio.virtual_microphone.remove", lambda: steps.append("remove"))
    return steps


def test_the_virtual_microphone_is_there_while_the_voice_is(steps: list[str]) -> None:
    voice = VirtualMicrophoneSink(None, MonotonicClock())
    assert voice.delay() == 0
    voice.open(4, 4)
    assert (voice.delay(), steps) == (0.07, ["create"])
    voice.close()
    voice.close()
    assert steps == ["create", "remove"]


def test_a_chosen_device_needs_no_virtual_microphone(steps: list[str]) -> None:
    voice = VirtualMicrophoneSink("Headset", MonotonicClock())
    voice.open(4, 4)
    voice.close()
    assert not steps


def test_the_virtual_microphone_goes_where_it_cannot_be_played_to(
    steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeSpeaker, "refusal", "busy")
    with pytest.raises(DeviceError, match="busy"):
        VirtualMicrophoneSink(None, MonotonicClock()).open(4, 4)
    assert steps == ["create", "remove"]


def test_a_device_that_has_gone_is_told_to_who_sends(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    voice = VirtualMicrophoneSink("Headset", MonotonicClock())
    voice.open(4, 4)
    monkeypatch.setattr(FakeSpeaker, "has_ended", True)
    with pytest.raises(DeviceError, match="has gone"):
        voice.send(Frame(0, np.zeros((4, 4, 3), np.uint8), np.zeros(HOP, np.float32), True))
    voice.close()


@pytest.mark.parametrize(("system", "cable"), [("Windows", "VB-Cable"), ("Darwin", "BlackHole")])
def test_other_systems_are_told_what_to_install(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, system: str, cable: str
) -> None:
    def none_found(kind: str, name: str) -> None:
        raise DeviceError("There is none.")

    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr(liveface.app.outputs.virtual_microphone_sink, "choose", none_found)
    with pytest.raises(DeviceError, match=cable):
        VirtualMicrophoneSink(None, MonotonicClock()).open(4, 4)
    assert not steps


SPEAK = """
import json, subprocess, threading
import numpy as np
from liveface.app.session.clock import MonotonicClock, sleep_until
from liveface.app.outputs.virtual_microphone_sink import VirtualMicrophoneSink
from liveface.engine.media import FPS, HOP, SAMPLE_RATE, Frame

clock = MonotonicClock()
voice = VirtualMicrophoneSink(None, clock)
voice.open(4, 4)
command = "parec --device=liveface_microphone --rate=16000 --channels=1 --format=float32le --latency-msec=5 --raw"
recorder = subprocess.Popen(command.split(), stdout=subprocess.PIPE)
heard, arrivals, count = [], [], 0

def listen():
    global count
    while block := recorder.stdout.read1(65536):
        pcm = np.frombuffer(block, np.float32)
        arrivals.append(clock.now() - count / SAMPLE_RATE - len(pcm) / SAMPLE_RATE)
        heard.append(pcm)
        count += len(pcm)

listener = threading.Thread(target=listen)
listener.start()
picture, noise = np.zeros((4, 4, 3), np.uint8), np.random.default_rng(0).standard_normal(100 * HOP) * 0.1
sound = noise.astype(np.float32).reshape(-1, HOP)
started, shown = clock.now(), []
for index, pcm in enumerate(sound):
    sleep_until(clock, started + index / FPS)
    voice.send(Frame(index, picture, pcm, True))
    shown.append(clock.now() + voice.delay())
sleep_until(clock, clock.now() + 0.3)
recorder.terminate()
listener.join()
recorder.wait()
voice.close()
record, origin = np.concatenate(heard), np.median(arrivals)
late = []
for index in range(30, 90, 4):
    likeness = np.abs(np.correlate(record, sound[index : index + 4].ravel(), "valid"))
    late.append(origin + int(np.argmax(likeness)) / SAMPLE_RATE - shown[index])
print(json.dumps(late))
"""


def test_the_voice_comes_out_of_the_virtual_microphone_when_its_pictures_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sound_server(tmp_path) as environment:
        done = subprocess.run(
            [sys.executable, "-c", SPEAK], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        late = sorted(json.loads(done.stdout))
        # A busy machine halts now and then, and what is played meanwhile comes late: the middle tells.
        assert abs(late[len(late) // 2]) < 0.02, late
        monkeypatch.setenv("PULSE_SERVER", environment["PULSE_SERVER"])
        assert not [module for module in modules() if "liveface" in module.argument]
