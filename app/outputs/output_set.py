"""Where the pictures go besides the window: a recording, and whatever else is wanted, each by its name.

What is wanted may be said from any thread; the thread that performs settles it, because devices take their time.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

import cv2

from liveface.app.files.atomic_write import write_whole
from liveface.app.files.film import leftovers, recover
from liveface.app.outputs.fan_out import WAITING_MS, FanOut
from liveface.app.outputs.recorder import Recorder
from liveface.app.session.clock import Clock
from liveface.app.session.session import Sink
from liveface.engine.errors import LivefaceError, MediaError, OutputError
from liveface.engine.media import FPS, Picture

RECORDING = "recording"
_BEGINNING = "liveface "  # of the names of our files
_RECORDING_MS = 4000  # of frames that wait while the disk or the encoder is slow: nothing of a recording shall be lost

Open = Callable[[], Sink]
Remedy = Literal["", "show", "recover"]


class Board(Protocol):
    """Where texts for the user go, from any thread."""

    def tell(self, text: str, is_problem: bool = False, remedy: Remedy = "", subject: str = "") -> None:
        """Add a text; `remedy` is what can be done about it to the file that `subject` names."""


class Outputs:
    """`fan_out` is the sink of the sessions. Names of files are made of the date."""

    def __init__(self, clock: Clock, board: Board, movies: Path, pictures: Path) -> None:
        self.fan_out = FanOut(clock, self._failed)
        self._board = board
        self._movies = movies
        self._pictures = pictures
        self._lock = threading.Lock()
        self._wanted: dict[str, Open] = {}
        self._given: dict[str, Open] = {}
        self._success: dict[str, str] = {}
        self._recorder: Recorder | None = None  # the latest
        self._leftovers: list[Path] = []  # recordings to be recovered

    def want(self, name: str, open_sink: Open | None, success: str = "") -> None:
        """Give the frames to that sink as well, or no longer; counts from the next `settle` on.

        `success` is said when it is open.
        """
        with self._lock:
            self._success[name] = success
            if open_sink is None:
                self._wanted.pop(name, None)
            else:
                self._wanted[name] = open_sink

    def record(self, is_wanted: bool) -> None:
        """Record into a new file, unless one is recorded already; or finish it."""
        if is_wanted != self.is_wanted(RECORDING):
            self.want(RECORDING, self._new_recorder if is_wanted else None)

    def is_wanted(self, name: str) -> bool:
        """Whether that output is on, or about to be."""
        with self._lock:
            return name in self._wanted

    @property
    def recorded(self) -> float | None:
        """Seconds in the recording so far, None where there is none."""
        delivery = self.fan_out.deliveries().get(RECORDING)
        return None if delivery is None else delivery.sent / FPS

    def offer_leftovers(self) -> None:
        """Say which recordings something has ended before they were complete, each with the offer to recover it."""
        for path in leftovers(self._movies, _BEGINNING):
            text = f"A recording has not come to its end: {path.name}. It can be played, and made an ordinary video."
            self._board.tell(text, is_problem=True, remedy="recover", subject=str(path))

    def recover(self, path: Path) -> None:
        """Make an ordinary video of a recording that was ended; counts from the next `settle` on."""
        with self._lock:
            self._leftovers.append(path)

    def settle(self) -> None:
        """Close and open what has changed; problems come as notices."""
        with self._lock:
            wanted = dict(self._wanted)
            ended, self._leftovers = self._leftovers, []
        for name in [name for name, open_sink in self._given.items() if wanted.get(name) is not open_sink]:
            del self._given[name]
            self._remove(name)
        for name, open_sink in wanted.items():
            if name not in self._given:
                try:
                    self.fan_out.add(name, open_sink(), _RECORDING_MS if name == RECORDING else WAITING_MS)
                except Exception as error:  # whatever it is: the face goes on
                    self._failed(name, error)
                else:
                    self._given[name] = open_sink
                    if text := self._success.get(name):
                        self._board.tell(text)
        for path in ended:
            self._recover(path)

    def keep(self, picture: Picture) -> None:
        """Write a picture, uint8 (H, W, 3) RGB, into a file of its own."""
        path = _dated(self._pictures, ".png")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())
        except OSError as error:
            self._board.tell(f"The snapshot cannot be written to {path} ({error.strerror}).", is_problem=True)
        else:
            self._board.tell(f"Snapshot saved: {path.name}", remedy="show", subject=str(path))

    def _new_recorder(self) -> Sink:
        try:
            self._movies.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder {self._movies} cannot be made ({error.strerror}).") from error
        self._recorder = Recorder(_dated(self._movies, ".mp4"), replaces=False, keeps_incomplete=True)
        return self._recorder

    def _recover(self, path: Path) -> None:
        try:
            recovered = recover(path)
        except MediaError as error:
            self._board.tell(error.told("window"), is_problem=True, remedy="show", subject=str(path))
        else:
            self._board.tell(f"Recording recovered: {recovered.name}", remedy="show", subject=str(recovered))

    def _remove(self, name: str) -> None:
        delivery = self.fan_out.remove(name)
        if name == RECORDING and delivery is not None and self._recorder is not None:
            file = self._recorder.written
            if file is not None and delivery.failure is None:
                lost = f", {delivery.dropped} pictures left out" if delivery.dropped else ""
                self._board.tell(f"Recording saved: {file.name}{lost}", remedy="show", subject=str(file))

    def _failed(self, name: str, error: Exception) -> None:
        self.want(name, None)
        is_known = isinstance(error, LivefaceError)
        otherwise = f"The {name} cannot be used ({error!r}): switch it on again."
        text = error.told("window") if isinstance(error, LivefaceError) else otherwise
        incomplete = self._recorder.incomplete if name == RECORDING and self._recorder is not None else None
        if incomplete is not None and not is_known:
            text += f" What there is of it is kept as “{incomplete.name}”."
        if incomplete is None:
            self._board.tell(text, True)
        else:
            self._board.tell(text, True, remedy="show", subject=str(incomplete))


def _dated(folder: Path, suffix: str) -> Path:
    """A name that nobody has, of the present second."""
    stem = f"{_BEGINNING}{datetime.now():%Y-%m-%d %H.%M.%S}"
    candidates = (folder / f"{stem}{number}{suffix}" for number in ("", *(f" {count}" for count in range(2, 100))))
    return next((path for path in candidates if not path.exists()), folder / f"{stem}{suffix}")
