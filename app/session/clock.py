"""Time: when a sample was captured, and when its picture is due. Knows nothing of queues or devices."""

import threading
import time
from collections import deque
from typing import Any, Protocol

from liveface.app.settings import CAPTURE_MS, HOLD_MS, SHORTEST_HOLD_MS
from liveface.engine.media import FPS, SAMPLE_RATE

_REMEMBERED = 100  # arrivals, two seconds: long enough to see a prompt one, short enough to follow a sound card's drift
_GRACE = 1 / FPS  # s after its due time, until the next picture is due


class Condition(Protocol):
    """The part of `threading.Condition` that the program uses."""

    def __enter__(self) -> bool: ...
    def __exit__(self, kind: Any, error: Any, trace: Any, /) -> None: ...
    def wait(self, timeout: float | None = None) -> bool:
        """Give the lock away until notified, or for `timeout` seconds of the clock."""

    def notify_all(self) -> None:
        """Wake all that wait."""


class Clock(Protocol):
    """Seconds that never go back, and conditions whose timeouts are counted in them."""

    def now(self) -> float:
        """Seconds since some moment before the program started."""

    def condition(self) -> Condition:
        """A new condition with its own lock."""


class MonotonicClock:
    """The real time."""

    def now(self) -> float:
        """Seconds since some moment before the program started."""
        return time.perf_counter()

    def condition(self) -> Condition:
        """A new condition with its own lock."""
        return threading.Condition()


def sleep_until(clock: Clock, moment: float) -> None:
    """Return when `clock` shows `moment`, in seconds."""
    condition = clock.condition()
    with condition:
        while (remaining := moment - clock.now()) > 0:
            condition.wait(remaining)


class PlayoutClock:
    """When the picture of each frame is due, told from when live sound arrived.

    It follows the earliest of recent arrivals, so that late blocks move nothing and a slow sound card is followed.
    """

    def __init__(self, latency: int, capture_delay: float) -> None:
        """`latency`: samples from the start of a frame to the end of its lookahead.

        `capture_delay`: seconds from the capture of a block's last sample until it can be read.
        """
        self._due = latency / SAMPLE_RATE + max(HOLD_MS / 1000, capture_delay + SHORTEST_HOLD_MS / 1000)
        self._capture_delay = capture_delay
        self._origins: deque[float] = deque(maxlen=_REMEMBERED)  # of the first sample, as each block tells it

    def observe(self, samples: int, now: float) -> None:
        """Note that `samples` in all have been read by the time `now`, in seconds."""
        self._origins.append(now - self._capture_delay - samples / SAMPLE_RATE)

    def restart(self) -> None:
        """Forget when sound arrived; what is observed next tells it anew."""
        self._origins.clear()

    def captured(self, index: int) -> float:
        """When the first sample of frame `index` was captured, in seconds. Needs one `observe` before."""
        assert self._origins, "nothing has been heard yet"
        return min(self._origins) + index / FPS

    def due(self, index: int) -> float:
        """When the picture of frame `index` is handed over, if it is ready."""
        return self.captured(index) + self._due

    def deadline(self, index: int) -> float:
        """After this moment the picture of frame `index` is too late to be shown as its own."""
        return self.due(index) + _GRACE


def steady_delay_ms(latency: int) -> float:
    """The longest a live picture takes while nothing is late: block of capture, `latency` samples, hold."""
    return CAPTURE_MS + latency * 1000 / SAMPLE_RATE + HOLD_MS
