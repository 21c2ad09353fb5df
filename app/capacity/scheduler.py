"""One thread that draws for several sessions, what is due first before the rest; knows no sound and no sink."""

import logging
import threading
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol
from weakref import WeakSet

from liveface.app.capacity.draw_cost import DrawingCost
from liveface.app.capacity.draw_queue import Batch, DrawQueue, DrawRequest
from liveface.app.session.clock import Clock
from liveface.app.session.session import FrameRenderer
from liveface.engine.drawing.renderer import Renderer
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Frame, Motion

_LOGGER = logging.getLogger("liveface")
_PATIENCE = 1.0  # s after which what may be late counts as due, so that it is drawn in the end


class SharedRenderer(Renderer, Protocol):
    """A renderer that another thread may call to prepare an avatar while it draws others."""

    def prepare(self, avatar: Avatar) -> None:
        """Do what is done once for an avatar."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a scheduler has done: `dropped` counts pictures that were late before they could be begun.

    `busy`: seconds spent drawing.
    """

    calls: int = 0
    pictures: int = 0
    dropped: int = 0
    busy: float = 0.0


class Scheduler(FrameRenderer):
    """Draws for all sessions that call `draw`, each of them with one order at a time.

    The thread "liveface draw" runs from `start` to `close`. What fails in a call is raised in the session whose
    picture it was; the others' pictures are drawn again without it.
    """

    def __init__(self, renderer: SharedRenderer, clock: Clock, cost: DrawingCost) -> None:
        """`cost` predicts how long a call takes, and learns it."""
        self._renderer = renderer
        self._clock = clock
        self._cost = cost
        self._agenda = DrawQueue(cost.predict)
        self._results: dict[DrawRequest, _Result] = {}
        self._changed = clock.condition()
        self._thread = threading.Thread(target=self._guarded, name="liveface draw")
        self._is_closed = False
        self._failure: BaseException | None = None
        self._drawn = Drawn()
        self._prepared: WeakSet[Avatar] = WeakSet()
        self._preparing = threading.Lock()

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    def close(self) -> None:
        """End the thread after the call under way, and raise what made it fail, if anything did. May be called twice.

        Who still waits gets an error: stop the sessions first.
        """
        self._shut(None)
        if self._thread.is_alive():
            self._thread.join()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def __enter__(self) -> "Scheduler":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_running(self) -> bool:
        """Whether what is to be drawn will be."""
        return self._thread.is_alive() and not self._is_closed

    @property
    def drawn(self) -> Drawn:
        """What has been done so far."""
        return self._drawn

    def draw(self, motions: list[Motion], avatar: Avatar, due: float, deadline: float) -> list[Frame]:
        """Wait for the pictures, which are wanted at the moment `due`, and return them in order.

        Those that could not be begun by the moment `deadline` are missing. Raises what fails in drawing them, and
        `RuntimeError` if the scheduler is closed.
        """
        self._prepare(avatar)
        order = DrawRequest(motions, avatar, min(due, self._clock.now() + _PATIENCE), deadline)
        result = _Result(self._clock)
        with self._changed:
            if self._is_closed:
                raise _closed()
            self._agenda.add(order)
            self._results[order] = result
            self._changed.notify_all()
        return result.wait()

    def _prepare(self, avatar: Avatar) -> None:
        """In the caller's thread: it takes longer than a picture, and the others' pictures go on meanwhile."""
        if avatar not in self._prepared:
            with self._preparing:
                self._renderer.prepare(avatar)
                self._prepared.add(avatar)

    def _guarded(self) -> None:
        try:
            while self._draw_next():
                pass
        except BaseException as error:
            self._failure = error
            _LOGGER.critical("Nothing can be drawn any more: start the program again.", exc_info=error)
            self._shut(error)

    def _draw_next(self) -> bool:
        """Whether there was a call. Returning forgets it: nothing of a session that has ended is kept."""
        call = self._next_call()
        if call:
            self._draw(call)
        return bool(call)

    def _next_call(self) -> Batch:
        """Wait for something to draw; empty when the scheduler is closed."""
        with self._changed:
            while not self._is_closed:
                now = self._clock.now()
                for order in self._agenda.drop_late(now):
                    dropped = len(order.motions) - order.begun
                    self._drawn = replace(self._drawn, dropped=self._drawn.dropped + dropped)
                    self._results.pop(order).finish()
                if call := self._agenda.take(now):
                    return call
                self._changed.wait()
            return []

    def _draw(self, call: Batch) -> None:
        started = self._clock.now()
        try:
            frames = self._renderer.draw([motion for _, motion in call], [order.avatar for order, _ in call])
        except Exception as error:
            self._find_culprit(call, error)
            return
        seconds = self._clock.now() - started
        self._cost.observe([order.pixels for order, _ in call], seconds)
        with self._changed:
            was = self._drawn
            self._drawn = replace(was, calls=was.calls + 1, pictures=was.pictures + len(call), busy=was.busy + seconds)
            for (order, _), frame in zip(call, frames, strict=True):
                # It has no result any more where the scheduler has been closed meanwhile.
                if (result := self._results.get(order)) and result.add(frame) == len(order.motions):
                    self._results.pop(order).finish()

    def _find_culprit(self, call: Batch, error: Exception) -> None:
        orders = list(dict.fromkeys(order for order, _ in call))
        if len(orders) > 1:
            for one in orders:
                self._draw([(order, motion) for order, motion in call if order is one])
            return
        with self._changed:
            self._agenda.remove(orders[0])
            if result := self._results.pop(orders[0], None):
                result.finish(error)

    def _shut(self, cause: BaseException | None) -> None:
        with self._changed:
            self._is_closed = True
            for result in self._results.values():
                result.finish(_closed(cause))
            self._results.clear()
            self._changed.notify_all()


class _Result:
    """What one session waits for."""

    def __init__(self, clock: Clock) -> None:
        self._frames: list[Frame] = []
        self._failure: Exception | None = None
        self._is_finished = False
        self._changed = clock.condition()

    def add(self, frame: Frame) -> int:
        """Returns how many there are."""
        self._frames.append(frame)
        return len(self._frames)

    def finish(self, failure: Exception | None = None) -> None:
        with self._changed:
            self._failure = failure
            self._is_finished = True
            self._changed.notify_all()

    def wait(self) -> list[Frame]:
        with self._changed:
            while not self._is_finished:
                self._changed.wait()
        if self._failure is not None:
            raise self._failure
        return self._frames


def _closed(cause: BaseException | None = None) -> RuntimeError:
    error = RuntimeError("The scheduler is closed.")
    error.__cause__ = cause
    return error
