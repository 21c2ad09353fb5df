"""What the program wants to tell the person at the window: short texts that wait until they are read."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Literal

from liveface.app.audio.device_failover import DeviceChange

_MOST_WAITING = 16  # the oldest are dropped: they are the least true

Remedy = Literal["", "retry", "sample", "file", "photo", "undo", "show", "recover"]


@dataclass(frozen=True, slots=True)
class Notice:
    """One text. `remedy` is what can be done about it at once, to the thing that `subject` names.

    What is said later of the same subject takes its place. `report` can be copied, to be passed on.
    retry: start again; sample: hear the shipped sentence; file: choose a sound file; photo: choose another photo;
    undo: bring back an avatar by its key; show: open the folder of a file;
    recover: make an ordinary video of a recording that was ended.
    """

    text: str
    is_problem: bool = False
    remedy: Remedy = ""
    subject: str = ""
    report: str = ""


class Noticeboard:
    """Takes notices from any thread; each is read once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Notice] = deque(maxlen=_MOST_WAITING)

    def post(self, notice: Notice) -> None:
        """Add a notice, unless the latest says the same."""
        with self._lock:
            if not self._waiting or self._waiting[-1] != notice:
                self._waiting.append(notice)

    def tell(self, text: str, is_problem: bool = False, remedy: Remedy = "", subject: str = "") -> None:
        """Add a notice, in words that those know who know no notice."""
        self.post(Notice(text, is_problem, remedy, subject))

    def tell_of_device(self, change: DeviceChange) -> None:
        """Add what has become of a microphone or a speaker: a problem where it has gone."""
        self.post(Notice(str(change), change.is_loss, subject=f"{change.device} {change.name}"))

    def take(self) -> list[Notice]:
        """All that have come since the last call."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        return taken
