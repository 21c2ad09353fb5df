"""One session's frames for any number of viewers; knows nothing of networks or codecs."""

import asyncio
from collections import deque

import numpy as np

from liveface.engine.media import FPS, Frame

LONGEST_WAIT_MS = 200  # of frames that a viewer has not taken; older ones are dropped
_CAPACITY = LONGEST_WAIT_MS * FPS // 1000  # frames
_QUIET = 0.003  # amplitude, below which sound counts as silence


class Broadcast:
    """Hands every frame to all viewers. A `Sink` whose `send` a session's thread calls; all else is the event loop's.

    A slow viewer loses frames of its own and holds up nobody.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.latest: Frame | None = None
        self.silent = 0  # frames in a row without sound
        self._loop = loop
        self._viewings: set[Subscription] = set()

    def open(self, width: int, height: int) -> None:
        """Nothing to prepare: frames carry their size."""

    def send(self, frame: Frame) -> None:
        """Give a frame to the event loop. Never blocks."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._share, frame)

    def close(self, completed: bool) -> None:
        """End all viewings after the frames that they have; may be called twice."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._end)

    def view(self, capacity: int = _CAPACITY) -> "Subscription":
        """A new viewer, who sees the latest frame at once. `capacity` in frames."""
        viewing = Subscription(self, capacity)
        self._viewings.add(viewing)
        if self.latest is not None:
            viewing.put(self.latest)
        return viewing

    def clear(self) -> None:
        """Drop all frames that viewers have not taken, also those whose `send` has returned already."""
        self._loop.call_soon(self._clear)

    @property
    def viewers(self) -> int:
        """How many viewings are open."""
        return len(self._viewings)

    def forget(self, viewing: "Subscription") -> None:
        """Give nothing more to a viewer; may be called twice."""
        self._viewings.discard(viewing)

    def _share(self, frame: Frame) -> None:
        self.latest = frame
        self.silent = 0 if np.abs(frame.pcm).max() > _QUIET else self.silent + 1
        for viewing in self._viewings:
            viewing.put(frame)

    def _clear(self) -> None:
        for viewing in self._viewings:
            viewing.clear()

    def _end(self) -> None:
        for viewing in list(self._viewings):
            viewing.close()


class Subscription:
    """The frames that one viewer has not taken yet: 200 ms at most, then the oldest is dropped and counted."""

    def __init__(self, relay: Broadcast, capacity: int) -> None:
        self.dropped = 0
        self.clears = 0  # how often everything was dropped, which is not counted in `dropped`
        self._relay = relay
        self._frames: deque[Frame] = deque()
        self._capacity = capacity
        self._is_closed = False
        self._changed = asyncio.Event()

    async def next(self) -> Frame | None:
        """Wait for the next frame; None at the end. For one reader."""
        while not self._frames and not self._is_closed:
            self._changed.clear()
            await self._changed.wait()
        return self._frames.popleft() if self._frames else None

    @property
    def waiting(self) -> int:
        """How many frames have not been taken."""
        return len(self._frames)

    def another(self, capacity: int) -> "Subscription":
        """A viewing of the same frames, for somebody who takes them at another pace. `capacity` in frames."""
        return self._relay.view(capacity)

    def put(self, frame: Frame) -> None:
        """Add a frame."""
        self._frames.append(frame)
        if len(self._frames) > self._capacity:
            self._frames.popleft()
            self.dropped += 1
        self._changed.set()

    def clear(self) -> None:
        """Drop what waits."""
        self._frames.clear()
        self.clears += 1

    def close(self) -> None:
        """Leave: `next` returns None once it has handed out what is there. May be called twice."""
        self._is_closed = True
        self._relay.forget(self)
        self._changed.set()
