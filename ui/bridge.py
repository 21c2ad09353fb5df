"""Carries frames from the thread that makes them to the thread that draws the window; only the latest counts."""

import threading

from PyQt6.QtCore import QObject, pyqtSignal

from engine.media import Frame


class FrameBridge(QObject):
    """A sink for frames. `arrived` is emitted once for all frames that came since the last `take`."""

    arrived = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._latest: Frame | None = None

    def open(self, width: int, height: int) -> None:
        """Nothing to do: the window takes pictures of any size."""

    def send(self, frame: Frame) -> None:
        """Offer a frame, from any thread; replaces one that has not been taken."""
        with self._lock:
            is_first = self._latest is None
            self._latest = frame
        if is_first:
            self.arrived.emit()

    def take(self) -> Frame | None:
        """The latest frame, once."""
        with self._lock:
            latest, self._latest = self._latest, None
            return latest

    def close(self, completed: bool) -> None:
        """Nothing to do: the last picture stays."""
