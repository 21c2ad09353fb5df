"""What a session measures of itself, in bounded memory."""

import os
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liveface.engine.media import FPS

_KEPT = 3000  # measurements of each kind: two minutes of frames
_RECENT = 2 * FPS  # frames


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of the latest measurements, in milliseconds."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Report:
    """A session in numbers. `fps` counts pictures that were drawn in time.

    `mic_to_picture_ms` is measured for every picture drawn in time of a live source: from the capture of the first
    sample of the frame's own sound to the handing over to the sinks, so it contains the 40 ms hop and the lookahead.
    `first_moment` is the clock's time of the first frame. `recent_fps` is that of the last two seconds.
    `xruns`: how often a sound device lost sound because the machine was busy.
    """

    frames: int
    skipped: int
    fps: float
    recent_fps: float
    first_moment: float | None
    seconds: float
    lost_ms: float
    xruns: int
    mic_to_picture_ms: Percentiles | None
    stages_ms: dict[str, Percentiles]


class Stats:
    """Collects measurements from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._durations: dict[str, deque[float]] = {}
        self._delays: deque[float] = deque(maxlen=_KEPT)
        self._moments: deque[tuple[float, bool]] = deque(maxlen=_KEPT)
        self._first_moment: float | None = None
        self._frames = 0
        self._skipped = 0
        self._lost = 0.0
        self._xruns = 0

    def note_stage(self, stage: str, seconds: float) -> None:
        """Add how long one step of a stage took."""
        with self._lock:
            self._durations.setdefault(stage, deque(maxlen=_KEPT)).append(seconds)

    def note_frame(self, moment: float, is_drawn: bool, delay: float | None) -> None:
        """Add a frame handed over at `moment`; `delay` is its mic-to-picture time in seconds."""
        with self._lock:
            if self._first_moment is None:
                self._first_moment = moment
            self._frames += 1
            self._skipped += not is_drawn
            self._moments.append((moment, is_drawn))
            if delay is not None:
                self._delays.append(delay)

    def note_lost(self, seconds: float) -> None:
        """Add live sound that was replaced by silence."""
        with self._lock:
            self._lost += seconds

    def note_xruns(self, count: int) -> None:
        """Add losses that a sound device has told of."""
        with self._lock:
            self._xruns += count

    def typical(self, stage: str, count: int) -> float:
        """The median of the latest `count` durations of a stage in seconds, 0 if there are none."""
        with self._lock:
            recent = list(self._durations.get(stage, ()))[-count:]
        return float(np.median(recent)) if recent else 0.0

    def report(self) -> Report:
        """The numbers so far."""
        with self._lock:
            moments = list(self._moments)
            delays = list(self._delays)
            durations = {stage: list(values) for stage, values in self._durations.items()}
            frames, skipped, lost, xruns = self._frames, self._skipped, self._lost, self._xruns
            first_moment = self._first_moment
        return Report(
            frames=frames,
            skipped=skipped,
            fps=_rate(moments),
            recent_fps=_rate(moments[-_RECENT:]),
            first_moment=first_moment,
            seconds=frames / FPS,
            lost_ms=lost * 1000,
            xruns=xruns,
            mic_to_picture_ms=percentiles(delays) if delays else None,
            stages_ms={stage: percentiles(values) for stage, values in durations.items()},
        )


def _rate(moments: list[tuple[float, bool]]) -> float:
    """Pictures per second that were drawn."""
    if not moments:
        return 0.0
    span = moments[-1][0] - moments[0][0] + 1 / FPS
    return sum(is_drawn for _, is_drawn in moments) / span


def percentiles(seconds: list[float]) -> Percentiles:
    """Of durations in seconds, at least one."""
    p50, p95, p99 = np.percentile(seconds, (50, 95, 99)) * 1000
    return Percentiles(round(float(p50), 2), round(float(p95), 2), round(float(p99), 2))


def resident_memory() -> int | None:
    """Bytes of main memory that this process holds, as Linux counts them; None on other systems."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def process_age() -> float | None:
    """Seconds since this process was started, as Linux counts them; None on other systems."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        now = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return None
    return now - ticks / os.sysconf("SC_CLK_TCK")
