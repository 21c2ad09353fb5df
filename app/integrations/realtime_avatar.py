"""A face in this process that says what is pushed in bursts; knows nothing of the frameworks of voice agents."""

import asyncio
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from liveface.app.server.sessions.pcm_source import PacedSource, decode_pcm16
from liveface.app.session.clock import Clock, MonotonicClock
from liveface.app.session.pipeline import Pipeline
from liveface.app.session.session import BareSink, Session
from liveface.app.session.stats import Stats
from liveface.engine.errors import ConfigurationError
from liveface.engine.media import FPS, SAMPLE_RATE, Frame, Picture

_MOST_PICTURES = 3  # with sound that wait for the owner; then all but the newest are left out
_MOST_WAITING = 8  # frames, likewise; then sound waits in the source, so that with those under way there are 17 at most
_MOST_MARKS = 1000
_PIECE_SECONDS = 1  # of sound that is pushed at a time
_LOOK_SECONDS = 0.2  # without a picture, after which the face looks whether its session has failed


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """One picture and 40 ms of the sound that was pushed.

    `image`: uint8 (height, width, 3), RGB; None where the owner was late and a newer one follows. `sound`: int16
    (rate / 25,), mono, as it was pushed, with silence before and after it; None where nothing is said. `marks`: what
    was marked after sound that has been said by now. What `RealtimeAvatar.take_rest` returns has sound of any length.
    """

    image: Picture | None
    sound: NDArray[np.int16] | None
    marks: tuple[object, ...]


class RealtimeAvatar:
    """Gives 25 pictures a second from `start` to `stop`, and with them the sound that is pushed, in step.

    An owner that is late loses pictures, and never sound; while it takes nothing, nothing is said. Used in one event
    loop.
    """

    def __init__(self, performer: Pipeline, rate: int, clock: Clock | None = None) -> None:
        """`performer`: of this face alone. `rate`: samples per second of all sound; raises `ConfigurationError`."""
        if not 8_000 <= rate <= 48_000 or rate % FPS:
            raise ConfigurationError(
                f"The sound has {rate} samples per second: choose a usual rate from 8000 to 48000, such as 24000."
            )
        clock = clock or MonotonicClock()
        self.rate = rate
        self.height, self.width = performer.avatar.photo.shape[:2]
        self.stats = Stats()
        self._source = PacedSource(clock)
        self._session: Session = performer.session(self._source, [BareSink(self._hand_over)], clock, self.stats)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._said = bytearray()  # as it was pushed, from sample `_first` on
        self._first = 0
        self._origin = 0  # number that the source gives to sample 0
        self._shown = 0  # frames
        self._untaken = 0  # frames, since the owner took one
        self._marks: deque[tuple[int, object]] = deque()
        self._waiting: deque[Spoken] = deque()
        self._changed = asyncio.Event()
        self._is_over = False

    async def start(self) -> None:
        """Let the face appear; once. Raises what the engine has to say."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._session.start)

    async def stop(self) -> None:
        """End the session and raise what failed, if anything did. May be called twice."""
        try:
            await asyncio.to_thread(self._session.stop)
        finally:
            self._is_over = True

    async def say(self, pcm: bytes) -> bytes:
        """Add mono PCM16 of the face's rate; waits while 120 s of sound are waiting, and an interrupt ends that.

        Returns what was not added because the session ended during the wait.
        """
        size = 2 * self.rate * _PIECE_SECONDS
        clears = self._source.clears
        for start in range(0, len(pcm), size):
            piece = pcm[start : start + size]
            while not self._source.push(decode_pcm16(piece), self.rate):
                await asyncio.sleep(_PIECE_SECONDS)
                if self._source.clears != clears:
                    return b""
                if self._is_over:
                    return pcm[start:]
            self._said += piece
        return b""

    async def mark(self, mark: object) -> None:
        """Return `mark` with the picture by which all sound pushed so far has been said."""
        while len(self._marks) >= _MOST_MARKS:
            await asyncio.sleep(_PIECE_SECONDS)
        self._marks.append((self._source.pushed, mark))

    def interrupt(self) -> list[object]:
        """Forget what has not been taken and close the mouth; returns the marks that are forgotten."""
        self._source.clear(self._shown)
        self._session.interrupt()
        forgotten = [mark for spoken in self._waiting for mark in spoken.marks] + [mark for _, mark in self._marks]
        self._marks.clear()
        self._waiting.clear()
        self._said.clear()
        self._first, self._origin = 0, self._source.pushed
        return forgotten

    def take_rest(self) -> list[Spoken]:
        """What has not been taken yet: all sound without its pictures, and each mark after the sound before it."""
        rest = list(self._waiting)
        self._waiting.clear()
        while self._marks:
            sample, mark = self._marks.popleft()
            rest.append(self._unseen(self._scaled(sample - self._origin), (mark,)))
        rest.append(self._unseen(self._first + len(self._said) // 2, ()))
        return rest

    def _unseen(self, end: int, marks: tuple[object, ...]) -> Spoken:
        sound = self._cut(self._first, end)
        return Spoken(None, sound if len(sound) else None, marks)

    async def next(self) -> Spoken | None:
        """Wait for the next picture; None when the session has ended. Raises, once, what failed in it."""
        while not self._waiting:
            self._changed.clear()
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                if not self._session.is_running:
                    await self.stop()
                    return None
        self._untaken = 0
        if len(self._waiting) <= _MOST_PICTURES:
            self._source.is_paused = False
        return self._waiting.popleft()

    def _hand_over(self, frame: Frame) -> None:
        """Take a frame of the session, in its thread."""
        assert self._loop is not None
        self._untaken += 1
        if self._untaken >= _MOST_WAITING:
            self._source.is_paused = True
        self._loop.call_soon_threadsafe(self._receive, frame)

    def _receive(self, frame: Frame) -> None:
        self._shown = frame.index + 1
        # A silent picture that was not taken is left out at once: played later, it would keep the next ones behind.
        self._waiting = deque(spoken for spoken in self._waiting if spoken.sound is not None or spoken.marks)
        if len(self._waiting) >= _MOST_PICTURES:
            self._waiting = deque(replace(spoken, image=None) for spoken in self._waiting)
        self._waiting.append(Spoken(frame.image, self._sound(frame.index), self._due_marks()))
        if len(self._waiting) >= _MOST_WAITING:
            self._source.is_paused = True
        self._changed.set()

    def _due_marks(self) -> tuple[object, ...]:
        heard = self._source.heard(self._shown)
        due = []
        while self._marks and self._marks[0][0] <= heard:
            due.append(self._marks.popleft()[1])
        return tuple(due)

    def _sound(self, index: int) -> NDArray[np.int16] | None:
        spans = self._source.spans(index)
        if not spans:
            return None
        sound = np.zeros(self.rate // FPS, np.int16)
        for offset, begin, length in spans:
            place = self._scaled(offset)
            piece = self._cut(self._scaled(begin - self._origin), self._scaled(begin + length - self._origin))
            piece = piece[: len(sound) - place]
            sound[place : place + len(piece)] = piece
        return sound

    def _scaled(self, samples: int) -> int:
        return samples * self.rate // SAMPLE_RATE

    def _cut(self, begin: int, end: int) -> NDArray[np.int16]:
        """Samples that were pushed, after which all until `end` are forgotten."""
        first, last = (2 * max(0, sample - self._first) for sample in (begin, end))
        piece = np.frombuffer(bytes(self._said[first:last]), "<i2")
        del self._said[:last]
        self._first = max(self._first, end)
        return piece
