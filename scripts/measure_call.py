"""Measures what the others in a call get: the virtual microphone's voice against the virtual camera's pictures.

    .venv/bin/python scripts/measure_call.py --seconds 30

Starts a PulseAudio server of its own, plays the shipped sentence to its microphone, performs live, records the virtual
microphone with parec, and stands in for the camera's driver. Ends in one line of JSON. Needs pulseaudio-utils.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.signal import correlate

from liveface.app.audio.microphone import Microphone
from liveface.app.audio.virtual_microphone import SOURCE
from liveface.app.measure.private_sound_server import ROOM_WITH_DESK, private_sound_server
from liveface.app.outputs.fan_out import FanOut
from liveface.app.outputs.virtual_camera import CameraLook, VirtualCamera
from liveface.app.outputs.virtual_microphone_sink import VirtualMicrophoneSink
from liveface.app.session.clock import Clock, MonotonicClock, sleep_until
from liveface.app.session.pipeline import ASSETS, load_pipeline
from liveface.app.session.stats import Stats
from liveface.app.settings import Settings
from liveface.engine.drawing.renderer import Renderer
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import SAMPLE_RATE, Frame, Motion, Samples

SIDE = 256  # pixels
STEP = 10  # frames between two that are compared
SPAN = 6  # frames of sound that are compared
SETTLED = 75  # frames
ALIKE = 0.9  # correlation
NEAR = 10.0  # s, in which recorded blocks tell when a sample was heard
LOUD = 0.05  # of full scale: silence has no moment


def main(seconds: Annotated[float, typer.Option()] = 30.0) -> None:
    """Perform, record, compare."""
    clock = MonotonicClock()
    with ExitStack() as resources:
        serve_sound(Path(resources.enter_context(tempfile.TemporaryDirectory())), resources)
        driver = Driver(clock)
        sys.modules["pyvirtualcam"] = driver
        voice = VirtualMicrophoneSink(None, clock)
        camera = VirtualCamera(CameraLook(SIDE, SIDE), clock=clock, hold=voice.delay)
        outputs, log, stats = FanOut(clock), Log(), Stats()
        for name, sink in (("voice", voice), ("camera", camera), ("log", log)):
            outputs.add(name, sink)
        performer = load_pipeline(Settings(SIDE, SIDE))
        microphone = Microphone("Desk", clock, stats)
        performer = type(performer)(performer.streamer, Numbered(performer.renderer), performer.avatar)
        session = performer.session(microphone, [outputs], clock, stats)
        session.start()
        try:
            with Recording(SOURCE, clock) as virtual, Recording("desk", clock) as real:
                sleep_until(clock, clock.now() + seconds)
        finally:
            session.stop()
    late, delays, compared = [], [], 0
    for index in range(SETTLED, max(log.sound) - 25, STEP):
        sound = np.concatenate([log.sound[index + place] for place in range(SPAN)])
        if (moment := driver.shown.get(index)) is not None and np.abs(sound).max() > LOUD:
            heard, spoken = virtual.moment_of(sound, moment), real.moment_of(sound, moment)
            compared += 1
            if heard is not None and spoken is not None:
                late.append(heard - moment)
                delays.append(heard - spoken)
    numbers = {
        "voice_after_picture_ms": {f"p{part}": round(1000 * float(np.percentile(late, part))) for part in (5, 50, 95)},
        "microphone_to_voice_ms": round(1000 * float(np.median(delays))),
        "found": len(late),
        "sought": compared,
        "camera_fps": round(camera.shown / seconds, 2),
        "drawn_fps": round(stats.report().fps, 2),
        "mic_to_picture_ms": stats.report().mic_to_picture_ms and stats.report().mic_to_picture_ms.p50,
        "xruns": stats.report().xruns,
    }
    print(json.dumps(numbers))


def serve_sound(folder: Path, resources: ExitStack) -> None:
    """A sound server whose microphone "Desk" hears the shipped sentence again and again."""
    os.environ.update(resources.enter_context(private_sound_server(folder, ROOM_WITH_DESK)))
    speech = ASSETS / "audio" / "speech.wav"
    start(resources, ["sh", "-c", f"while paplay --device=room '{speech}'; do :; done"])


def start(resources: ExitStack, command: list[str]) -> None:
    """Run a program until the end."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    resources.callback(process.wait)
    resources.callback(process.terminate)


class Numbered:
    """A renderer that writes the frame's number into the first pixels of its picture."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        """See `Renderer.draw`."""
        frames = self._renderer.draw(motions, avatars)
        for frame in frames:
            frame.image[:8, :8] = frame.index // 100, frame.index % 100, 0
        return frames


class Driver(ModuleType):
    """Stands in for pyvirtualcam; knows when each frame was shown first."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("pyvirtualcam")
        self.shown: dict[int, float] = {}
        self.device = "none"
        self._clock = clock

    def Camera(self, *_: Any, **__: Any) -> "Driver":  # noqa: N802
        """The camera is the driver itself."""
        return self

    def send(self, picture: NDArray[np.uint8]) -> None:
        """Note the number in the picture."""
        self.shown.setdefault(int(picture[4, 4, 0]) * 100 + int(picture[4, 4, 1]), self._clock.now())

    def close(self) -> None:
        """Nothing to do."""


class Log:
    """A sink that keeps the sound of all frames."""

    def __init__(self) -> None:
        self.sound: dict[int, Samples] = {}

    def open(self, width: int, height: int) -> None:
        """Nothing to do."""

    def send(self, frame: Frame) -> None:
        """Keep it."""
        self.sound[frame.index] = frame.pcm

    def close(self, completed: bool) -> None:
        """Nothing to do."""


class Recording:
    """What parec hears, and when."""

    def __init__(self, source: str, clock: Clock) -> None:
        self._clock = clock
        self._blocks: list[Samples] = []
        self._told: list[tuple[float, float]] = []  # when a block came, and when the first sample then was heard
        self._command = ["parec", f"--device={source}", f"--rate={SAMPLE_RATE}", "--channels=1", "--format=float32le"]

    def __enter__(self) -> "Recording":
        self._recorder = subprocess.Popen([*self._command, "--latency-msec=5", "--raw"], stdout=subprocess.PIPE)
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._recorder.terminate()
        self._thread.join()
        self._recorder.wait()
        self._record, self._arrivals = np.concatenate(self._blocks), np.array(self._told)
        self.began, self.ended = self._arrivals[[0, -1], 0]

    def moment_of(self, sound: Samples, near: float) -> float | None:
        """When the beginning of that sound was heard, within a second of the moment `near`; None if it was not.

        By cross-correlation: what is too unlike it, such as sound with a gap, does not count.
        """
        record, begin = self.cut(near - 1, 2 * SAMPLE_RATE + len(sound))
        best = int(np.argmax(correlate(record, sound, "valid")))
        if np.corrcoef(record[best : best + len(sound)], sound)[0, 1] < ALIKE:
            return None
        return begin + best / SAMPLE_RATE

    def cut(self, moment: float, length: int) -> tuple[Samples, float]:
        """So many samples from that moment on, float32, and the moment of the first of them."""
        near = np.abs(self._arrivals[:, 0] - moment) < NEAR
        origin = float(np.median(self._arrivals[near, 1]))
        first = max(0, round((moment - origin) * SAMPLE_RATE))
        return self._record[first : first + length], origin + first / SAMPLE_RATE

    def _listen(self) -> None:
        assert self._recorder.stdout is not None
        count = 0
        while block := self._recorder.stdout.read1(65536):  # type: ignore[attr-defined]
            pcm = np.frombuffer(block, np.float32)
            count += len(pcm)
            moment = self._clock.now()
            self._told.append((moment, moment - count / SAMPLE_RATE))
            self._blocks.append(pcm)


if __name__ == "__main__":
    typer.run(main)
