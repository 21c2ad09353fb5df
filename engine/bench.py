"""Measurements of speed: durations summed up, stages timed in passing, old and new compared.

It knows no thread, device or file format, and not what is worth measuring: see `app.measure.bench`.
"""

import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from liveface.engine.backends.painter import Painter
from liveface.engine.hearing.streamer import MotionNetwork, State

Array = NDArray[np.float32]
Numbers = NDArray[np.float64]

WARM = 10  # runs after the first in which caches, buffers and the processor's clock settle

_SGEMM_SIDE = 1536  # three such matrices (28 MB) exceed the caches, as networks do, and take 0.1 s on one core
_SGEMM_RUNS = 8

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Distribution:
    """Durations in milliseconds, `count` of them."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Phases:
    """One stage from its first run on: `cold` is that run in milliseconds, `warm` the next few, `steady` the rest."""

    cold: float
    warm: Distribution | None
    steady: Distribution | None


@dataclass(frozen=True, slots=True)
class Trend:
    """The straight line through a series: its `slope` per second, and the standard error of that."""

    slope: float
    standard_error: float


def distribution(seconds: ArrayLike) -> Distribution | None:
    """Sum up durations in seconds; None if there are none."""
    values = np.asarray(seconds, np.float64) * 1000
    if not values.size:
        return None
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return Distribution(
        values.size, *(round(float(value), 4) for value in (values.mean(), p50, p95, p99, values.max()))
    )


def phases(seconds: ArrayLike, warm: int = WARM) -> Phases | None:
    """Sum up durations in seconds, in order from the very first; None if there are none."""
    values = np.asarray(seconds, np.float64)
    if not values.size:
        return None
    return Phases(
        round(float(values[0]) * 1000, 4), distribution(values[1 : 1 + warm]), distribution(values[1 + warm :])
    )


def trend(moments: ArrayLike, values: ArrayLike) -> Trend | None:
    """Fit a line to `values` at `moments` (seconds), both (n,); None for fewer than four.

    What is left over of memory or delays hangs together from one moment to the next, which makes the usual standard
    error too small: it is widened by the left-over's correlation at distance one.
    """
    x, y = np.asarray(moments, np.float64), np.asarray(values, np.float64)
    if x.size < 4 or np.ptp(x) == 0.0:
        return None
    x = x - x.mean()
    spread = float(np.square(x).sum())
    slope = float(x @ y) / spread
    rest = y - y.mean() - slope * x
    power = float(np.square(rest).sum())
    together = min(max(float(rest[1:] @ rest[:-1]) / power, 0.0), 0.99) if power > 0.0 else 0.0
    widened = (1.0 + together) / (1.0 - together)
    return Trend(slope, math.sqrt(power / (x.size - 2) / spread * widened))


def repeat(run: Callable[[], object], seconds: float, least: int = 3) -> list[float]:
    """Call `run` until `seconds` have passed and `least` runs are done; returns the seconds that each took."""
    durations: list[float] = []
    begun = now = time.perf_counter()
    while now - begun < seconds or len(durations) < least:
        run()
        ended = time.perf_counter()
        durations.append(ended - now)
        now = ended
    return durations


class Stopwatch:
    """Durations by stage. Its memory is taken at the start and does not grow: the oldest durations are forgotten."""

    def __init__(self, stages: Sequence[str], capacity: int) -> None:
        """`capacity`: durations kept of each stage."""
        # Filled, because the system hands out memory only where it is written.
        self._kept = {stage: np.full(capacity, np.nan) for stage in stages}
        self._noted = dict.fromkeys(stages, 0)
        self._capacity = capacity

    def note(self, stage: str, seconds: float) -> None:
        """Add one duration."""
        noted = self._noted[stage]
        self._kept[stage][noted % self._capacity] = seconds
        self._noted[stage] = noted + 1

    def latest(self, stage: str) -> float:
        """The last duration of a stage in seconds; 0 if there is none."""
        noted = self._noted[stage]
        return float(self._kept[stage][(noted - 1) % self._capacity]) if noted else 0.0

    def durations(self, stage: str) -> Numbers:
        """What is kept of a stage, in seconds and in order."""
        noted, kept = self._noted[stage], self._kept[stage]
        return kept[:noted].copy() if noted <= self._capacity else np.roll(kept, -(noted % self._capacity))

    def timed(self, stage: str, function: Callable[P, T]) -> Callable[P, T]:
        """The same function, each call of which is noted."""

        @wraps(function)
        def measured(*args: P.args, **kwargs: P.kwargs) -> T:
            started = time.perf_counter()
            result = function(*args, **kwargs)
            self.note(stage, time.perf_counter() - started)
            return result

        return measured

    @contextmanager
    def watching(self, owner: type, method: str, stage: str) -> Generator[None, None, None]:
        """Time a method of a class that other objects make for themselves, while the context lasts."""
        original = getattr(owner, method)
        setattr(owner, method, self.timed(stage, original))
        try:
            yield
        finally:
            setattr(owner, method, original)


class TimedNetwork:
    """A motion network whose steps are noted as the stage `motion`; an `engine.hearing.streamer.MotionNetwork`."""

    def __init__(self, network: MotionNetwork, stopwatch: Stopwatch) -> None:
        self._network = network
        self._step = stopwatch.timed("motion", network.step)

    def initial_state(self) -> State:
        """The state before any sound."""
        return self._network.initial_state()

    def step(self, mel: Array, state: State) -> tuple[Array, Array, State]:
        """Hear one frame."""
        return self._step(mel, state)


class TimedPainter:
    """A painter of which the stage `generator` is noted per picture: the time that drawing spends on beginning to
    paint and on waiting for the result, not what passes in between. Implements `engine.backends.painter.Painter`."""

    def __init__(self, painter: Painter, stopwatch: Stopwatch) -> None:
        self.batch = painter.batch
        self._painter = painter
        self._stopwatch = stopwatch

    def identify(self, photo: Array) -> tuple[Array, ...]:
        """Identity maps of one photo's mouth."""
        return self._painter.identify(photo)

    def begin(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
        """Begin to paint; the returned function waits for the end."""
        started = time.perf_counter()
        wait = self._painter.begin(inputs, told, identity)
        beginning = time.perf_counter() - started

        def finish() -> Array:
            started = time.perf_counter()
            painted = wait()
            self._stopwatch.note("generator", (beginning + time.perf_counter() - started) / len(inputs))
            return painted

        return finish


def sgemm_rate() -> float:
    """Operations per second of a large product of float32 matrices: the peak that networks are measured by.

    It runs on as many threads as numpy's library was told to use before numpy was imported.
    """
    random = np.random.default_rng(0)
    left, right = random.random((2, _SGEMM_SIDE, _SGEMM_SIDE), np.float32)
    product = np.empty_like(left)
    durations = repeat(lambda: np.matmul(left, right, out=product), 0.0, _SGEMM_RUNS)
    return 2 * _SGEMM_SIDE**3 / min(durations)


def ratios(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Every number that two nested mappings share, by its path with dots: the old value, and new / old.

    Numbers that were or are 0 have no ratio and are left out, as is everything that is no number.
    """
    before, after = dict(_leaves(old)), dict(_leaves(new))
    return {
        name: (before[name], value / before[name]) for name, value in after.items() if value and before.get(name, 0.0)
    }


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Generator[tuple[str, float], None, None]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield f"{prefix}{key}", float(value)
