"""The program as the loopback test runs it, in a process of its own: pictures numbered, sound witnessed on its way.

Started by `app.measure.loopback` only. Knows nothing of how the results are judged.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from liveface.app.audio.microphone import Microphone
from liveface.app.measure.frame_marks import MarkedRenderer
from liveface.app.outputs.recorder import Recorder
from liveface.app.session.clock import Clock, MonotonicClock
from liveface.app.session.pipeline import Pipeline, load_pipeline
from liveface.app.session.session import Session, Sink
from liveface.app.session.sources import FileSource, Source
from liveface.app.session.stats import Stats
from liveface.app.settings import Settings
from liveface.engine.errors import LivefaceError
from liveface.engine.media import SAMPLE_RATE, Frame, Samples

Kind = Literal["window", "file", "webrtc"]
CARRIED, PLAYED, VIDEO, ORIGIN = "carried", "played", "video.mp4", "origin.json"
SEEN, ARRIVED = "seen.json", "arrived.json"


@dataclass(frozen=True, slots=True)
class Task:
    """What to perform: `voice` is a sound file to hear instead of the microphone, `audible` brings a speaker.

    Results are left in `folder`. The sound that comes out is held back by `injected_ms`.
    """

    kind: Kind
    folder: str
    voice: str | None
    seconds: float
    injected_ms: float
    audible: bool

    @property
    def command(self) -> list[str]:
        """The command line that performs it."""
        return self._run(
            "liveface.app.measure.loopback_server" if self.kind == "webrtc" else "liveface.app.measure.loopback_program"
        )

    @property
    def peer_command(self) -> list[str]:
        """The command line that speaks to the server which `command` starts."""
        return self._run("liveface.app.measure.loopback_peer")

    def _run(self, module: str) -> list[str]:
        return [sys.executable, "-m", module, json.dumps(asdict(self))]


def main() -> None:
    """Perform the task in the first argument."""
    try:
        perform(Task(**json.loads(sys.argv[1])))
    except LivefaceError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def perform(task: Task) -> None:
    """Load the program's own model and portrait, and perform a task."""
    folder = Path(task.folder)
    clock = MonotonicClock()
    sinks: list[Sink] = [Witness(folder / CARRIED, clock)]
    if task.kind == "file":
        sinks.insert(0, HeldBack(Recorder(folder / VIDEO), task.injected_ms))
    else:
        sinks.append(HeldBack(Witness(folder / PLAYED, clock), task.injected_ms))
    loaded = load_pipeline(Settings())
    performer = _Observed(
        loaded.streamer,
        MarkedRenderer(loaded.renderer),
        loaded.avatar,
        loaded.liveliness,
        observers=tuple(sinks),
        injected_ms=task.injected_ms,
    )

    def make_source(stats: Stats) -> Source:
        if task.voice is None:
            return Microphone(None, clock, stats)
        return Timed(FileSource(Path(task.voice), clock, stats, live=True), clock, folder / ORIGIN)

    if task.kind == "window":
        # The window's library is loaded where there is a window.
        from liveface.app.commands.window import Opening, show

        opening = Opening(
            lambda folder: performer,
            lambda heard, stats, check: make_source(stats),
            lambda lookahead: performer.streamer,
            given={"hears_itself": task.audible},
            seconds=task.seconds,
            is_bare=True,
            remembers=False,
        )
        show(opening, clock)
    else:
        stats = Stats()
        session = performer.session(make_source(stats), [], clock, stats)
        session.start()
        try:
            session.wait(task.seconds)
        finally:
            session.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Observed(Pipeline):
    """Performs into further sinks, and holds the sound of those back that a window brings along."""

    observers: tuple[Sink, ...]
    injected_ms: float

    def session(self, source: Source, sinks: Sequence[Sink], clock: Clock, stats: Stats) -> Session:
        """See `Pipeline.session`. The first sink is the window."""
        held_back = [*sinks[:1], *(HeldBack(sink, self.injected_ms) for sink in sinks[1:])]
        return Session(
            source,
            self.streamer,
            self.renderer,
            self.avatar,
            [*held_back, *self.observers],
            clock,
            stats,
            self.liveliness,
        )


class HeldBack:
    """Passes frames on with their sound later than it should be."""

    def __init__(self, sink: Sink, milliseconds: float) -> None:
        self._sink = sink
        self._waiting: Samples = np.zeros(round(milliseconds * SAMPLE_RATE / 1000), np.float32)

    def open(self, width: int, height: int) -> None:
        """Open the other sink."""
        self._sink.open(width, height)

    def send(self, frame: Frame) -> None:
        """Pass on."""
        sound = np.concatenate([self._waiting, frame.pcm])
        self._waiting = sound[len(frame.pcm) :]
        self._sink.send(replace(frame, pcm=sound[: len(frame.pcm)]))

    def close(self, completed: bool) -> None:
        """Close the other sink."""
        self._sink.close(completed)


class Witness:
    """A sink that writes down the sound of the frames, and the clock's time at which each was handed over."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Writes `path`.f32 and `path`.json."""
        self._path = path
        self._clock = clock
        self._moments: list[float] = []

    def open(self, width: int, height: int) -> None:
        """Begin to write."""
        self._file = self._path.with_suffix(".f32").open("wb")

    def send(self, frame: Frame) -> None:
        """Write down one frame."""
        self._moments.append(self._clock.now())
        self._file.write(frame.pcm.tobytes())

    def close(self, completed: bool) -> None:
        """Write the times; may be called twice."""
        if not self._file.closed:
            self._file.close()
            self._path.with_suffix(".json").write_text(json.dumps(self._moments))

    @staticmethod
    def leave(path: Path, sound: Samples, moments: list[float]) -> None:
        """Write down what somebody else has witnessed: float32 (n * HOP,), and n moments in seconds."""
        sound.tofile(path.with_suffix(".f32"))
        path.with_suffix(".json").write_text(json.dumps(moments))

    @staticmethod
    def recall(path: Path) -> tuple[Samples, list[float]]:
        """The sound, float32 (n,) at 16 kHz, and the frames' times in seconds, that were written under this name."""
        return np.fromfile(path.with_suffix(".f32"), np.float32), json.loads(path.with_suffix(".json").read_text())


class Timed:
    """A live source that writes down when its first sample was spoken, as the earliest block tells it."""

    live = True

    def __init__(self, source: Source, clock: Clock, path: Path) -> None:
        self._source = source
        self._clock = clock
        self._path = path
        self._samples = 0
        self._origin = float("inf")

    def open(self) -> float:
        """Open the other source."""
        return self._source.open()

    def read(self, timeout: float) -> Samples | None:
        """Read the other source."""
        pcm = self._source.read(timeout)
        if pcm is not None and len(pcm):
            self._samples += len(pcm)
            self._origin = min(self._origin, self._clock.now() - self._samples / SAMPLE_RATE)
        return pcm

    def close(self) -> None:
        """Close the other source."""
        self._source.close()
        if self._samples:
            self._path.write_text(json.dumps(self._origin))


if __name__ == "__main__":
    main()
