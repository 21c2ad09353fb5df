"""Carries frames from the thread that makes them to the thread that draws the window; only the latest counts."""

import threading
import time
from collections import deque
from collections.abc import Callable

from PyQt6.QtCore import QObject, Qt, QTimer, pyqtSignal

from liveface.engine.media import FPS, Frame

_MOST_WAITING = FPS  # frames held back at a time


class FrameBridge(QObject):
    """A sink for frames. `arrived` is emitted in the window's thread when there is a new one to show.

    `hold` tells for how many seconds a frame that is sent now waits before it may be shown: where its sound is played,
    until that is heard. It is called once for each frame, in the thread that sends.
    """

    arrived = pyqtSignal()
    _sent = pyqtSignal(float)

    def __init__(self) -> None:
        super().__init__()
        self.hold: Callable[[], float] = _not_at_all
        self._lock = threading.Lock()
        self._waiting: deque[tuple[float, Frame]] = deque(maxlen=_MOST_WAITING)
        self._sent.connect(self._wait)

    def open(self, width: int, height: int) -> None:
        """Nothing to do: the window takes pictures of any size."""

    def send(self, frame: Frame) -> None:
        """Offer a frame, from any thread; replaces one that is due and has not been taken."""
        now = time.monotonic()
        due = now + self.hold()
        with self._lock:
            # One that is due now comes together with an earlier one that has not been taken.
            is_announced = bool(self._waiting) and max(self._waiting[0][0], due) <= now
            self._waiting.append((due, frame))
        if not is_announced:
            self._sent.emit(due)

    def take(self) -> Frame | None:
        """The latest frame that may be shown, once."""
        latest = None
        now = time.monotonic()
        with self._lock:
            while self._waiting and self._waiting[0][0] <= now:
                latest = self._waiting.popleft()[1]
        return latest

    def close(self, completed: bool) -> None:
        """Nothing to do: the last picture stays."""

    def _wait(self, due: float) -> None:
        milliseconds = (due - time.monotonic()) * 1000
        if milliseconds <= 0:
            self.arrived.emit()
        else:
            # Rounded up: a frame that is not due yet would not be taken.
            QTimer.singleShot(int(milliseconds) + 1, Qt.TimerType.PreciseTimer, self.arrived.emit)


def _not_at_all() -> float:
    return 0.0
