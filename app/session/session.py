"""One face speaking: threads that carry sound from a source through the engine to the sinks."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from math import inf
from typing import Protocol

import numpy as np

from liveface.app.session.clock import Clock, PlayoutClock
from liveface.app.session.queues import FrameQueue, Owed
from liveface.app.session.sources import Source
from liveface.app.session.stats import Report, Stats
from liveface.engine.drawing.liveliness import Liveliness
from liveface.engine.drawing.renderer import Renderer
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.face_space import CODE_SIZE
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.media import HOP, SAMPLE_RATE, Frame, Motion, Samples

_LIVE_FRAMES = 1  # in the frame queue: a live frame waits HOLD_MS there, and is gone before the next one comes
_FILE_FRAMES = 16  # in the frame queue: lets drawing and encoding overlap
_BATCH = 8  # pictures drawn at once where time does not matter
_READ_TIMEOUT = 0.05  # s, after which the engine looks up from a silent source
_MOST_SKIPPED = 2  # pictures in a row, before one is drawn though it will be late
_STALL = 2.0  # s between two looks at a live source, after which nobody waits for what came meanwhile
_RECENT = 9  # pictures, whose median tells how long the next one will take


class Sink(Protocol):
    """Where frames go, every one and in order."""

    def open(self, width: int, height: int) -> None:
        """Get ready for pictures of that size; raises a `LivefaceError`."""

    def send(self, frame: Frame) -> None:
        """Take a frame without blocking; only a recorder that is fed from a file may block."""

    def close(self, completed: bool) -> None:
        """Finish; `completed` is False where the frames ended before they should. May be called twice."""


class BareSink:
    """Passes frames on to a function, and has nothing to open or to close. Implements `Sink`."""

    def __init__(self, send: Callable[[Frame], None]) -> None:
        self._send = send

    def open(self, width: int, height: int) -> None:
        """See `Sink`."""

    def send(self, frame: Frame) -> None:
        """See `Sink`."""
        self._send(frame)

    def close(self, completed: bool) -> None:
        """See `Sink`."""


class FrameRenderer(ABC):
    """What draws for a session. A class and no protocol, so that a session can tell it from a renderer."""

    @abstractmethod
    def draw(self, motions: list[Motion], avatar: Avatar, due: float, deadline: float) -> list[Frame]:
        """Pictures in order, wanted at the moment `due`; those that could not be begun by `deadline` may be missing."""


class Session:
    """Reads a source to its end or until `stop`; used once.

    The engine thread hears and draws, the playout thread hands each frame to the sinks at its moment.
    Every motion is computed and every frame's sound handed over, in order. Of a live source, a picture that would be
    late is not drawn: the one before is repeated and counted. Otherwise everything waits for the slowest.
    """

    def __init__(
        self,
        source: Source,
        streamer: Streamer,
        renderer: Renderer | FrameRenderer,
        avatar: Avatar,
        sinks: Sequence[Sink],
        clock: Clock,
        stats: Stats,
        liveliness: Liveliness | None = None,
    ) -> None:
        """`avatar` is framed to the size of the output. An artist may draw for other sessions too.

        `liveliness`: this session's own; without it the face does nothing but speak.
        """
        self._source = source
        self._streamer = streamer
        self._artist: FrameRenderer = renderer if isinstance(renderer, FrameRenderer) else _Alone(renderer)
        self._avatar = avatar
        self._sinks = sinks
        self._clock = clock
        self._stats = stats
        self._liveliness = liveliness
        self._playout: PlayoutClock | None = None
        self._queue: FrameQueue | None = None
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._working = 0  # threads
        self._done = threading.Event()
        self._opened: list[Sink] = []
        self._stopping = threading.Event()
        self._interrupted = threading.Event()
        self._handing = threading.RLock()  # held while a frame is handed to the sinks, one of which may interrupt
        self._muted = threading.Event()
        self._failure: BaseException | None = None
        self._ended = False
        self._heard = 0  # samples read
        self._looked = clock.now()  # when the source was read last
        self._stale = 0  # samples at the beginning that are not to be heard, unless they have been already
        self._latest_drawn = 0  # number of the frame
        self._first_frame = 0  # number of the frame that the streamer calls 0

    def start(self) -> None:
        """Open everything and start the threads; raises what a device, a file or the engine has to say."""
        height, width = self._avatar.photo.shape[:2]
        try:
            for sink in self._sinks:
                sink.open(width, height)
                self._opened.append(sink)
            # What is done for the first time takes longest. The picture is shown until another one is ready.
            first = self._artist.draw([_rest(0)], self._avatar, inf, inf)[0].image
            self._streamer.feed(np.zeros(self._streamer.latency, np.float32))
            self._streamer.reset()
            if self._liveliness is not None:
                self._liveliness.reset()
            self._queue = FrameQueue(self._clock, _LIVE_FRAMES if self._source.live else _FILE_FRAMES, first)
            capture_delay = self._source.open()
            self._looked = self._clock.now()
        except BaseException:
            with suppress(Exception):  # it follows from the first failure
                self._close(completed=False)
            raise
        if self._source.live:
            self._playout = PlayoutClock(self._streamer.latency, capture_delay)
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=f"liveface {name}")
            for name, work in (("engine", self._hear_and_draw), ("playout", self._hand_over))
        ]
        self._working = len(self._threads)
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the source has ended or something failed, at most that long; returns whether it is so."""
        # Not by joining: Ctrl-C during `Thread.join` makes Python 3.11 believe that the thread has ended.
        return self._done.wait(seconds)

    def stop(self) -> None:
        """End all threads, close everything and raise what failed, if anything did. May be called twice."""
        self._stopping.set()
        if self._queue is not None:
            self._queue.abort()
        for thread in self._threads:
            thread.join()
        self._threads = []
        failure, self._failure = self._failure, None
        try:
            self._close(completed=failure is None and (self._ended or self._source.live))
        except Exception as error:
            failure = failure or error
        if failure is not None:
            raise failure

    def interrupt(self) -> None:
        """Forget all sound that has not been shown; within 100 ms the mouth is closed, until new sound opens it.

        After the return no sink gets anything that had been read, though its pictures may be seen until the mouth is
        closed.
        """
        with self._handing:
            self._stale = self._heard
            self._interrupted.set()

    def mute(self, is_muted: bool) -> None:
        """Hear silence instead of the source, or the source again."""
        (self._muted.set if is_muted else self._muted.clear)()

    def report(self) -> Report:
        """What has been measured so far."""
        return self._stats.report()

    @property
    def is_running(self) -> bool:
        """Whether frames still come."""
        return not self._done.is_set()

    def _guarded(self, work: Callable[[FrameQueue], None]) -> None:
        assert self._queue is not None
        try:
            work(self._queue)
        except BaseException as error:
            self._failure = self._failure or error
            self._stopping.set()
            self._queue.abort()
        finally:
            with self._lock:
                self._working -= 1
                if self._working == 0:
                    self._done.set()

    def _hear_and_draw(self, queue: FrameQueue) -> None:
        while not self._stopping.is_set():
            if self._interrupted.is_set():
                self._interrupted.clear()
                self._rest_until_heard(queue)
            before = self._looked
            pcm = self._read(_READ_TIMEOUT)
            if pcm is not None and self._playout is not None and self._looked - before > _STALL:
                self._start_anew(queue)
                continue
            if pcm is None:
                self._perform(self._streamer.flush(), queue)
                queue.end()
                return
            self._perform(self._hear(pcm), queue)

    def _read(self, timeout: float) -> Samples | None:
        pcm = self._source.read(timeout)
        self._looked = self._clock.now()
        if pcm is not None and len(pcm):
            self._heard += len(pcm)
            if self._playout is not None:
                self._playout.observe(self._heard, self._clock.now())
        return pcm

    def _hear(self, pcm: Samples) -> list[Motion]:
        started = self._clock.now()
        motions = self._streamer.feed(np.zeros_like(pcm) if self._muted.is_set() else pcm)
        if motions:
            self._stats.note_stage("hear", (self._clock.now() - started) / len(motions))
        return motions

    def _perform(self, motions: list[Motion], queue: FrameQueue) -> None:
        """Pass on the sound of all motions, and draw those that can be shown in time."""
        groups = _groups(motions, _BATCH if self._playout is None else 1)
        for group in groups:
            if self._stopping.is_set():
                return
            numbered = [self._enlivened(replace(motion, index=motion.index + self._first_frame)) for motion in group]
            last_moment = self._last_moment(numbered[0].index, is_newest=group is groups[-1])
            is_drawn = last_moment > -inf
            for motion in numbered:
                queue.announce(self._owed(motion, is_drawn))
            if is_drawn:
                queue.supply(self._draw(numbered, last_moment))

    def _enlivened(self, motion: Motion) -> Motion:
        return motion if self._liveliness is None else self._liveliness.enliven(motion)

    def _forget(self) -> None:
        """Forget the voice: what comes next does not go on with it."""
        self._streamer.reset()
        if self._liveliness is not None:
            self._liveliness.interrupt()

    def _owed(self, motion: Motion, is_drawn: bool) -> Owed:
        if self._playout is None:
            return Owed(motion, is_drawn)
        return Owed(motion, is_drawn, self._playout.due(motion.index), self._playout.deadline(motion.index))

    def _last_moment(self, index: int, is_newest: bool) -> float:
        """When drawing must begin to be worth it: -inf if it is not, as the picture would be late.

        inf if it always is: in a file, or where a late picture is the best that a machine can do which is too slow.
        """
        has_waited = index - self._latest_drawn > _MOST_SKIPPED
        if self._playout is None or (is_newest and has_waited):
            return inf
        deadline = self._playout.deadline(index)
        ready = self._clock.now() + self._stats.typical("draw", _RECENT)
        return deadline if ready <= deadline else -inf

    def _draw(self, motions: list[Motion], last_moment: float) -> list[Frame]:
        started = self._clock.now()
        due = inf if self._playout is None else self._playout.due(motions[0].index)
        frames = self._artist.draw(motions, self._avatar, due, last_moment)
        if frames:
            self._stats.note_stage("draw", (self._clock.now() - started) / len(frames))
            self._latest_drawn = frames[-1].index
        return frames

    def _rest_until_heard(self, queue: FrameQueue) -> None:
        """Drop what waits and let the face rest up to the frame in which new sound can begin."""
        while self._source.live and (dropped := self._read(0)) is not None and len(dropped):
            pass
        resting = queue.clear()
        first_frame, begun = divmod(self._heard, HOP)
        self._forget()
        self._first_frame = 0
        self._perform([_rest(index) for index in range(resting, first_frame)], queue)
        self._first_frame = first_frame
        self._perform(self._hear(np.zeros(begun, np.float32)), queue)

    def _start_anew(self, queue: FrameQueue) -> None:
        """Forget what came while everything stood still, and go on as if that time had not been."""
        assert self._playout is not None
        while not self._stopping.is_set() and (dropped := self._read(0)) is not None and len(dropped):
            pass
        self._first_frame = queue.clear()
        self._stats.note_lost((self._heard - self._first_frame * HOP) / SAMPLE_RATE)
        self._heard = self._first_frame * HOP
        self._stale = min(self._stale, self._heard)
        self._forget()
        self._playout.restart()

    def _hand_over(self, queue: FrameQueue) -> None:
        while (taken := queue.take()) is not None:
            started = self._clock.now()
            delay = None
            if self._playout is not None and taken.drawn:
                delay = started - self._playout.captured(taken.index)
            self._stats.note_frame(started, taken.drawn, delay)
            with self._handing:
                frame = self._without_stale_sound(taken)
                for sink in self._sinks:
                    sink.send(frame)
            self._stats.note_stage("send", self._clock.now() - started)
        self._ended = not self._stopping.is_set()

    def _without_stale_sound(self, frame: Frame) -> Frame:
        stale = self._stale - frame.index * HOP
        if stale <= 0:
            return frame
        pcm = frame.pcm.copy()
        pcm[:stale] = 0
        return replace(frame, pcm=pcm)

    def _close(self, completed: bool) -> None:
        """Close the source and then all sinks, whichever of them fails; raises what failed last."""
        opened, self._opened = self._opened, []
        with ExitStack() as closing:
            for sink in reversed(opened):
                closing.callback(sink.close, completed)
            closing.callback(self._source.close)


class _Alone(FrameRenderer):
    """Draws for one session, in its own thread."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def draw(self, motions: list[Motion], avatar: Avatar, due: float, deadline: float) -> list[Frame]:
        return self._renderer.draw(motions, [avatar] * len(motions))


def _groups(motions: list[Motion], size: int) -> list[list[Motion]]:
    """Groups of `size`, what is left over one by one: a renderer prepares itself anew for each size it meets."""
    whole = len(motions) - len(motions) % size
    return [motions[i : i + size] for i in range(0, whole, size)] + [[motion] for motion in motions[whole:]]


def _rest(index: int) -> Motion:
    """A closed mouth without sound."""
    return Motion(
        index,
        np.zeros(len(ACTION_UNITS), np.float32),
        np.zeros(CODE_SIZE, np.float32),
        np.zeros(HOP, np.float32),
        False,
    )
