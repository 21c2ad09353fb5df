"""How many sessions this machine holds: measures what one takes, predicts the load of one more, refuses too much."""

import threading
from statistics import median
from types import TracebackType

import numpy as np

from liveface.app.capacity.draw_cost import DrawingCost
from liveface.app.capacity.scheduler import SharedRenderer
from liveface.app.session.clock import Clock
from liveface.app.session.stats import Stats
from liveface.engine.errors import CapacityError
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.face_space import CODE_SIZE
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.media import FPS, HOP, Motion

MOST_LOAD = 0.85  # of the machine: the rest is for its other programs and for what varies
LIVE_PACE = 1.25  # times as long as in a loop: after each wait the caches are cold

_MEASURING = 0.7  # s, after which no further round of drawing is begun
_SIDES = (256, 512)  # pixels of the squares that are drawn
_COUNTS = (1, 3)  # pictures in a call
_HEARD = 10  # frames
_RECENT = 100  # frames of a session, whose median tells what hearing takes
_CALLS = 2  # in 40 ms, which are enough for any number of sessions: waiting pictures share a call
_COUNTED = 1000  # sessions, beyond which the answer is of no interest


def measure_drawing(renderer: SharedRenderer, avatar: Avatar, clock: Clock) -> DrawingCost:
    """Draw squares of two sizes, one and several in a call; takes 0.7 s, and longer only if one round of them does."""
    began = clock.now()
    avatars = {side: avatar.framed(side, side) for side in _SIDES}
    for square in avatars.values():
        renderer.prepare(square)
        renderer.draw([_speaking(0)], [square])
    taken: dict[tuple[int, int], list[float]] = {(side, count): [] for side in _SIDES for count in _COUNTS}
    index = 0
    while not index or clock.now() - began < _MEASURING:
        for (side, count), seconds in taken.items():
            started = clock.now()
            renderer.draw([_speaking(index + place) for place in range(count)], [avatars[side]] * count)
            seconds.append(clock.now() - started)
            index += count
    return fitted({key: LIVE_PACE * median(seconds) for key, seconds in taken.items()})


def fitted(taken: dict[tuple[int, int], float]) -> DrawingCost:
    """The cost that explains the seconds of calls with squares of two sides, each one and several at once.

    `taken`: by side in pixels and number of pictures. What noise made negative counts as nothing.
    """
    (small, large), (one, several) = _SIDES, _COUNTS
    more = {side: max(0.0, taken[side, several] - taken[side, one]) / (several - one) for side in _SIDES}
    pixel = max(0.0, more[large] - more[small]) / (large**2 - small**2)
    picture = max(0.0, more[small] - pixel * small**2)
    alone = taken[small, one] - picture - pixel * small**2, taken[large, one] - picture - pixel * large**2
    # A machine that is disturbed while it measures must not seem to be infinitely fast.
    return DrawingCost(max(1e-6, sum(alone) / 2), picture, pixel)


def measure_hearing(streamer: Streamer, clock: Clock) -> float:
    """Seconds that one core takes for 40 ms of sound; the streamer is as new afterwards."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (_HEARD, HOP)).astype(np.float32)
    streamer.feed(np.zeros(streamer.latency, np.float32))
    taken = []
    for sound in noise:
        started = clock.now()
        streamer.feed(sound)
        taken.append(clock.now() - started)
    streamer.reset()
    return LIVE_PACE * median(taken)


class Place:
    """One admitted session's share of the machine, or that of one more viewer of a session, until it is closed."""

    def __init__(self, admission: "Admission", pixels: int, stats: Stats | None, encoding: float) -> None:
        """`stats`: of a session; None for a viewer, for whom nothing is heard or drawn."""
        self.pixels = pixels
        self.stats = stats
        self.encoding = encoding
        self._admission = admission

    def close(self) -> None:
        """Give the share back; may be called twice."""
        self._admission.leave(self)

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Admission:
    """Keeps the load of all sessions below `MOST_LOAD`. May be used from any thread.

    The load is the share of time in which the drawing thread is busy, plus the share of the cores that hearing and
    encoding take: drawing uses all cores while it lasts. What running sessions really take corrects what was measured.
    One session is always held: alone it leaves out pictures at worst, and were it refused because the machine was busy
    while it was measured, nothing would ever correct that.
    """

    def __init__(self, drawing: DrawingCost, hearing: float, cores: int) -> None:
        """`hearing`: seconds of one core for 40 ms of sound."""
        self._drawing = drawing
        self._hearing = hearing
        self._cores = cores
        self._places: list[Place] = []
        self._lock = threading.Lock()

    def admit(self, width: int, height: int, stats: Stats, encoding: float = 0.0) -> Place:
        """A place for a session with pictures of that size, whose measurements go to `stats`.

        `encoding`: seconds of one core for one picture. Raises `CapacityError`.
        """
        place = Place(self, width * height, stats, encoding)
        with self._lock:
            predicted = self._load([*self._places, place])
            if self._places and predicted > MOST_LOAD:
                raise self._refusal(f"{width}x{height}", place, predicted)
            self._places.append(place)
        return place

    def admit_viewer(self, encoding: float) -> Place:
        """A place for one more viewer of an admitted session, for whom a picture is encoded in so many seconds.

        Raises `CapacityError`.
        """
        place = Place(self, 0, None, encoding)
        with self._lock:
            predicted = self._load([*self._places, place])
            if predicted > MOST_LOAD:
                raise CapacityError(code="machine_full_of_viewers", **self._loads(predicted))
            self._places.append(place)
        return place

    def leave(self, place: Place) -> None:
        """Give a place back, if it has not been given back."""
        with self._lock:
            self._places = [taken for taken in self._places if taken is not place]

    def load(self) -> float:
        """The share of the machine that the admitted sessions take."""
        with self._lock:
            return self._load(self._places)

    def holds(self, width: int, height: int, encoding: float = 0.0) -> int:
        """How many sessions of one size this machine holds, if there are no others; at least 1."""
        return self._held(Place(self, width * height, Stats(), encoding))

    def _held(self, place: Place) -> int:
        counts = range(1, _COUNTED)
        return next((count for count in counts if self._load([place] * (count + 1)) > MOST_LOAD), _COUNTED)

    def _load(self, places: list[Place]) -> float:
        pixels = [place.pixels for place in places if place.stats is not None]
        drawing = self._drawing.predict(pixels, calls=min(len(pixels), _CALLS))
        hearing = sum(
            place.stats.typical("hear", _RECENT) or self._hearing for place in places if place.stats is not None
        )
        encoding = sum(place.encoding for place in places)
        return FPS * (drawing + (hearing + encoding) / self._cores)

    def _refusal(self, size: str, place: Place, predicted: float) -> CapacityError:
        return CapacityError(
            code="machine_full",
            size=size,
            sessions=sum(taken.stats is not None for taken in self._places),
            holds=self._held(place),
            **self._loads(predicted),
        )

    def _loads(self, predicted: float) -> dict[str, int]:
        """In percent."""
        return {
            "load": round(100 * self._load(self._places)),
            "predicted": round(100 * predicted),
            "most": round(100 * MOST_LOAD),
        }


def _speaking(index: int) -> Motion:
    """An open mouth without sound."""
    code = np.random.default_rng(index).normal(0.0, 0.5, CODE_SIZE).astype(np.float32)
    return Motion(index, np.zeros(len(ACTION_UNITS), np.float32), code, np.zeros(HOP, np.float32), True)
