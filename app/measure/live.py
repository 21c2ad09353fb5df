"""A real session, fed at real time without a device, and measured from sound to picture. Knows no table and no plot."""

import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from liveface.app.measure.machine import memory_mb
from liveface.app.session.clock import Clock, MonotonicClock
from liveface.app.session.session import Session
from liveface.app.session.sources import FileSource, Source
from liveface.app.session.stats import Stats
from liveface.engine.backends.painter import Painter
from liveface.engine.bench import Numbers, Stopwatch, TimedNetwork, TimedPainter, Trend, distribution, trend
from liveface.engine.drawing.liveliness import Liveliness
from liveface.engine.drawing.renderer import MouthRenderer
from liveface.engine.face.avatar import Avatar
from liveface.engine.hearing.features import FeatureExtractor
from liveface.engine.hearing.streamer import MotionNetwork, Streamer
from liveface.engine.hearing.window import SlidingWindow
from liveface.engine.media import FPS, SAMPLE_RATE, Samples

STAGES = ("capture", "window", "features", "motion", "hear", "generator", "compositor", "draw", "present")
_DELAY, _DRAWN, _MOMENT = "mic to picture", "moment of a picture", "moment of a frame"
_MEMORY_EVERY = 1.0  # s
_BUFFERS_FILL = 120.0  # s, in which the session's own bounded buffers fill up
_STEPS_PER_FRAME = 4  # of the stage noted most often, at most
_POINTS = 120  # of a curve over the whole time, at most
_HOUR = 3600.0


class _WatchedStats(Stats):
    """Also keeps every measurement of the whole session, in memory that does not grow."""

    def __init__(self, stopwatch: Stopwatch) -> None:
        super().__init__()
        self._stopwatch = stopwatch

    def note_stage(self, stage: str, seconds: float) -> None:
        super().note_stage(stage, seconds)
        self._stopwatch.note({"send": "present"}.get(stage, stage), seconds)
        if stage == "draw":
            self._stopwatch.note("compositor", seconds - self._stopwatch.latest("generator"))

    def note_frame(self, moment: float, is_drawn: bool, delay: float | None) -> None:
        super().note_frame(moment, is_drawn, delay)
        self._stopwatch.note(_MOMENT, moment)
        if delay is not None:
            self._stopwatch.note(_DELAY, delay)
            self._stopwatch.note(_DRAWN, moment)


class _WatchedSource:
    """A live source of which is noted how late its sound is read, counted from the moment its last sample was spoken.

    Implements `app.session.sources.Source`.
    """

    def __init__(self, source: Source, clock: Clock, stopwatch: Stopwatch) -> None:
        self.live = source.live
        self._source = source
        self._clock = clock
        self._stopwatch = stopwatch
        self._started: float | None = None
        self._heard = 0

    def open(self) -> float:
        return self._source.open()

    def read(self, timeout: float) -> Samples | None:
        if self._started is None:
            self._started = self._clock.now()
        pcm = self._source.read(timeout)
        if pcm is not None and len(pcm):
            self._heard += len(pcm)
            self._stopwatch.note("capture", self._clock.now() - self._started - self._heard / SAMPLE_RATE)
        return pcm

    def close(self) -> None:
        self._source.close()


def perform(
    network: MotionNetwork, painter: Painter, avatar: Avatar, speech: Path, lookahead: int, seconds: float
) -> dict[str, Any]:
    """Let `avatar`, framed, speak a file in a loop at real time for `seconds`, and return what was measured.

    `capture` is how late a block is read, `present` the handing over; `drift` tells how pictures move against their
    sound, which keeps the time of this machine's clock. Trends come with their standard errors.
    """
    clock = MonotonicClock()
    stopwatch = Stopwatch((*STAGES, _DELAY, _DRAWN, _MOMENT), round((seconds + 5) * FPS * _STEPS_PER_FRAME))
    stats = _WatchedStats(stopwatch)
    source = _WatchedSource(FileSource(speech, clock, stats, live=True, loop=True), clock, stopwatch)
    streamer = Streamer(TimedNetwork(network, stopwatch), lookahead)
    renderer = MouthRenderer(TimedPainter(painter, stopwatch))
    session = Session(source, streamer, renderer, avatar, [], clock, stats, Liveliness(0))
    with ExitStack() as watched:
        watched.enter_context(stopwatch.watching(SlidingWindow, "push", "window"))
        watched.enter_context(stopwatch.watching(FeatureExtractor, "feed", "features"))
        session.start()
        try:
            memory = _memory_until(session, seconds)
        finally:
            session.stop()
    report = session.report()
    moments = stopwatch.durations(_MOMENT)
    delays = moments - np.arange(len(moments)) / FPS
    settled = memory[memory[:, 0] >= min(_BUFFERS_FILL, seconds / 2)]
    return {
        "seconds": round(report.seconds, 2),
        "frames": report.frames,
        "fps": round((report.frames - report.skipped) / max(float(np.ptp(moments)) + 1 / FPS, 1 / FPS), 3),
        "skipped": report.skipped,
        "lost_ms": round(report.lost_ms),
        "mic_to_picture_ms": _summed(stopwatch, _DELAY),
        "stages_ms": {stage: summed for stage in STAGES if (summed := _summed(stopwatch, stage)) is not None},
        "drift_ms_per_hour": _scaled(trend(moments, delays), 1000 * _HOUR),
        "memory_mb": {"first": float(memory[0, 1]), "last": float(memory[-1, 1]), "most": float(memory[:, 1].max())},
        "memory_mb_per_hour": _scaled(trend(*settled.T), _HOUR),
        "curves": _curves(memory, stopwatch.durations(_DRAWN), stopwatch.durations(_DELAY)),
    }


def _memory_until(session: Session, seconds: float) -> Numbers:
    """Seconds since the start and memory in megabytes, (n, 2), taken while the session runs."""
    started = time.perf_counter()
    taken = [(0.0, memory_mb())]
    while (passed := time.perf_counter() - started) < seconds:
        if session.wait(min(_MEMORY_EVERY, seconds - passed)):
            break
        taken.append((time.perf_counter() - started, memory_mb()))
    return np.array(taken)


def _curves(memory: Numbers, moments: Numbers, delays: Numbers) -> dict[str, list[list[float]]]:
    """Memory as (seconds, megabytes), delays as (seconds, median, 95th percentile in milliseconds)."""
    count = max(1, min(_POINTS, len(delays) // FPS))
    pieces = zip(np.array_split(moments, count), np.array_split(delays * 1000, count), strict=True)
    delay = [[piece[0] - moments[0], *np.percentile(values, (50, 95))] for piece, values in pieces if len(values)]
    return {
        "memory_mb": np.round(memory[:: max(1, len(memory) // _POINTS)], 2).tolist(),
        "mic_to_picture_ms": np.round(delay, 2).tolist(),
    }


def _summed(stopwatch: Stopwatch, stage: str) -> dict[str, Any] | None:
    found = distribution(stopwatch.durations(stage))
    return None if found is None else asdict(found)


def _scaled(found: Trend | None, factor: float) -> dict[str, float] | None:
    if found is None:
        return None
    return {
        "slope": round(found.slope * factor, 3),
        "standard_error": round(found.standard_error * factor, 3),
    }
