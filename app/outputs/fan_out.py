"""Hands every frame to several sinks at once. Knows nothing of what they do with it, nor of who made it."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from liveface.app.session.clock import Clock
from liveface.app.session.session import Sink
from liveface.engine.media import FPS, Frame

WAITING_MS = 200  # of frames that wait for a sink; one that must lose nothing, such as a recording, is given more

Report = Callable[[str, Exception], None]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one sink was given: `dropped` frames were too old before it took them. `failure` ended it, if anything did.

    `waiting_ms`: of frames that wait for it now.
    """

    sent: int
    dropped: int
    waiting_ms: int
    failure: Exception | None


class FanOut:
    """A sink made of sinks, each of which has a name, a queue and a thread of its own; for live frames.

    A sink that is slow loses its own oldest frames; one that fails is closed and reported. The others never notice.
    Sinks come and go while frames flow. All methods may be called from any thread, `send` never blocks.
    """

    def __init__(self, clock: Clock, on_failure: Report = lambda name, error: None) -> None:
        """`on_failure` gets the sink's name and what it raised, in the sink's thread or where it is opened."""
        self._clock = clock
        self._on_failure = on_failure
        self._lock = threading.RLock()
        self._size: tuple[int, int] | None = None
        self._branches: dict[str, _Branch] = {}

    def add(self, name: str, sink: Sink, waiting_ms: int = WAITING_MS) -> None:
        """Give `sink` all frames from now on; raises what opening it raises, and does not add it then.

        Before `open` it only waits to be opened.
        """
        branch = _Branch(name, sink, waiting_ms, self._clock, self._on_failure)
        with self._lock:
            assert name not in self._branches, f"there is a sink called {name}"
            size = self._size
            if size is None:
                self._branches[name] = branch
                return
        branch.start(*size)  # without the lock: a device takes its time, and the others' frames go on
        with self._lock:
            is_open = self._size is not None
            if is_open:
                self._branches[name] = branch
        if not is_open:
            branch.end(completed=False)
            branch.join()

    def remove(self, name: str, completed: bool = True) -> Delivery | None:
        """Close one sink after what waits for it, or at once if not `completed`; None if there is none of that name."""
        with self._lock:
            branch = self._branches.pop(name, None)
        if branch is None:
            return None
        branch.end(completed)
        branch.join()
        return branch.delivery()

    def open(self, width: int, height: int) -> None:
        """Open all sinks; one that cannot be opened is reported and left out."""
        with self._lock:
            self._size = (width, height)
            for name, branch in list(self._branches.items()):
                try:
                    branch.start(width, height)
                except Exception as error:
                    del self._branches[name]
                    self._on_failure(name, error)

    def send(self, frame: Frame) -> None:
        """Put a frame into every sink's queue."""
        with self._lock:
            branches = list(self._branches.values())
        for branch in branches:
            branch.put(frame)

    def close(self, completed: bool) -> None:
        """Close all sinks, at the same time; may be called twice."""
        with self._lock:
            branches = list(self._branches.values())
            self._branches.clear()
            self._size = None
        for branch in branches:
            branch.end(completed)
        for branch in branches:
            branch.join()

    def deliveries(self) -> dict[str, Delivery]:
        """What each sink has been given so far, under its name."""
        with self._lock:
            return {name: branch.delivery() for name, branch in self._branches.items()}


class _Branch:
    """One sink with its queue and the thread "liveface NAME"."""

    def __init__(self, name: str, sink: Sink, waiting_ms: int, clock: Clock, on_failure: Report) -> None:
        self._name = name
        self._sink = sink
        self._capacity = max(1, waiting_ms * FPS // 1000)  # frames
        self._on_failure = on_failure
        self._waiting: deque[Frame] = deque()
        self._changed = clock.condition()
        self._thread: threading.Thread | None = None
        self._is_ending = False
        self._completed = True
        self._sent = self._dropped = 0
        self._failure: Exception | None = None

    def start(self, width: int, height: int) -> None:
        self._sink.open(width, height)
        self._thread = threading.Thread(target=self._run, name=f"liveface {self._name}")
        self._thread.start()

    def put(self, frame: Frame) -> None:
        with self._changed:
            if self._is_ending:
                return
            self._waiting.append(frame)
            if len(self._waiting) > self._capacity:
                self._waiting.popleft()
                self._dropped += 1
            self._changed.notify_all()

    def end(self, completed: bool) -> None:
        with self._changed:
            self._is_ending = True
            self._completed = self._completed and completed
            if not completed:
                self._waiting.clear()
            self._changed.notify_all()

    def join(self) -> None:
        # A sink's failure may be answered by removing it, in its own thread.
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def delivery(self) -> Delivery:
        with self._changed:
            return Delivery(self._sent, self._dropped, len(self._waiting) * 1000 // FPS, self._failure)

    def _run(self) -> None:
        while (frame := self._next()) is not None:
            try:
                self._sink.send(frame)
            except Exception as error:
                self._fail(error)
            else:
                self._sent += 1
        try:
            self._sink.close(self._completed)
        except Exception as error:
            self._fail(error)

    def _next(self) -> Frame | None:
        with self._changed:
            while not self._waiting and not self._is_ending:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None

    def _fail(self, error: Exception) -> None:
        """Keep and report what went wrong first; what fails after it follows from it."""
        self.end(completed=False)
        if self._failure is None:
            self._failure = error
            self._on_failure(self._name, error)
