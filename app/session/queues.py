"""The two queues of a session: sound that waits to be heard, frames that wait for their moment."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from liveface.app.session.clock import Clock
from liveface.engine.media import FPS, Frame, Motion, Picture, Samples


class SampleQueue:
    """Live sound between a device's callback and its reader.

    When full, the oldest sound is dropped and comes out as silence, so that time never shifts; `lost` counts samples.
    """

    def __init__(self, clock: Clock, rate: int, milliseconds: int, portion: int = 1) -> None:
        """`portion`: a reader that waits is woken each time when so many samples more have come."""
        self.milliseconds = milliseconds
        self._portion = portion
        self._arrived = 0  # samples
        self._is_due = False  # a portion is complete that was not there when it was read last
        self.lost = 0
        self._capacity = rate * milliseconds // 1000
        self._blocks: deque[Samples] = deque()
        self._size = 0
        self._silence = 0
        self._changed = clock.condition()

    def put(self, pcm: Samples) -> None:
        """Append float32 (n,), which is kept and not copied. Never blocks for longer than a copy takes."""
        with self._changed:
            self._blocks.append(pcm)
            self._size += len(pcm)
            portions = self._arrived // self._portion
            self._arrived += len(pcm)
            while self._size > self._capacity:
                dropped = len(self._blocks.popleft())
                self._size -= dropped
                self._silence += dropped
                self.lost += dropped
            if self._arrived // self._portion > portions:
                self._is_due = True
                self._changed.notify_all()

    def get(self, timeout: float) -> Samples:
        """All that waits, float32 (n,), lost sound as zeros; at once if a portion is complete.

        Else when one is, or after `timeout` seconds: empty if nothing has arrived.
        """
        with self._changed:
            if not self._is_due:
                self._changed.wait(timeout)
            self._is_due = False
            pcm = np.concatenate([np.zeros(self._silence, np.float32), *self._blocks])
            self._blocks.clear()
            self._size = self._silence = 0
            return pcm


@dataclass(frozen=True, slots=True)
class Owed:
    """A frame that the sinks must get: its motion, whether a picture is being drawn, and its times in seconds."""

    motion: Motion
    is_drawn: bool
    due: float = float("-inf")
    deadline: float = float("inf")


class FrameQueue:
    """Frames between the engine and the playout, in order: first the sound, later its picture.

    When full, the engine waits. A picture that misses its deadline is replaced by the latest one there is.
    """

    def __init__(self, clock: Clock, capacity: int, first: Picture) -> None:
        """`capacity` in frames; `first` is repeated until a picture is drawn in time."""
        self.milliseconds = capacity * 1000 // FPS
        self._clock = clock
        self._capacity = capacity
        self._owed: deque[Owed] = deque()
        self._pictures: dict[int, Picture] = {}
        self._latest = first
        self._next = 0
        self._ended = self._aborted = False
        self._changed = clock.condition()

    def announce(self, owed: Owed) -> None:
        """Append a frame's sound; waits while the queue is full."""
        with self._changed:
            while len(self._owed) >= self._capacity and not self._aborted:
                self._changed.wait()
            self._owed.append(owed)
            self._changed.notify_all()

    def supply(self, frames: list[Frame]) -> None:
        """Add finished pictures; one that comes too late serves the frames after it."""
        with self._changed:
            for frame in frames:
                if frame.index >= self._next:
                    self._pictures[frame.index] = frame.image
                else:
                    self._latest = frame.image
            self._changed.notify_all()

    def take(self) -> Frame | None:
        """The next frame at its moment, or None when the queue has ended."""
        with self._changed:
            while not self._aborted:
                if self._owed:
                    moment = self._moment(self._owed[0])
                    now = self._clock.now()
                    if now >= moment:
                        return self._finished(self._owed.popleft().motion)
                    self._changed.wait(moment - now if moment < float("inf") else None)
                elif self._ended:
                    return None
                else:
                    self._changed.wait()
            return None

    def clear(self) -> int:
        """Drop every frame that has not been taken and return the index of the first of them."""
        with self._changed:
            self._owed.clear()
            self._pictures.clear()
            self._changed.notify_all()
            return self._next

    def end(self) -> None:
        """Let `take` return None once it has handed out what is there."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Let `take` return None and `announce` return at once."""
        with self._changed:
            self._aborted = True
            self._changed.notify_all()

    def _moment(self, owed: Owed) -> float:
        has_picture = owed.motion.index in self._pictures
        return owed.due if has_picture or not owed.is_drawn else max(owed.due, owed.deadline)

    def _finished(self, motion: Motion) -> Frame:
        drawn = self._pictures.pop(motion.index, None)
        if drawn is not None:
            self._latest = drawn
        self._next = motion.index + 1
        self._changed.notify_all()
        return Frame(motion.index, self._latest, motion.pcm, drawn is not None)
