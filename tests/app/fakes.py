"""Stand-ins for time, the engine and the ends of a session."""

import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np

from liveface.app.session.clock import Clock, sleep_until
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.landmarks import POINT_COUNT
from liveface.engine.media import FPS, HOP, Frame, Motion, Samples

WIDTH, HEIGHT = 64, 48


def an_avatar(width: int = WIDTH, height: int = HEIGHT) -> Avatar:
    return Avatar("someone", np.zeros((height, width, 3), np.uint8), np.zeros((POINT_COUNT, 3), np.float32))


class VirtualClock:
    """Time that stands still while any of the threads of a session works, and jumps when all of them wait."""

    def __init__(self, threads: int = 2) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._now = 100.0
        self._threads = threads
        self._seen: set[threading.Thread] = set()
        self._waiters: list[VirtualWaiter] = []

    def now(self) -> float:
        with self._changed:
            return self._now

    def condition(self) -> "VirtualCondition":
        return VirtualCondition(self)

    def wait(self, condition: "VirtualCondition", timeout: float | None) -> bool:
        waiter = VirtualWaiter(condition, self._now + (float("inf") if timeout is None else timeout))
        self._waiters.append(waiter)
        self._seen.add(threading.current_thread())
        while not waiter.is_awake:
            self._advance_if_all_wait()
            if not waiter.is_awake:
                # A thread that ends tells nobody: look up now and then. This costs real time only.
                self._changed.wait(0.002)
        return True

    def wake(self, condition: "VirtualCondition") -> None:
        for waiter in [waiter for waiter in self._waiters if waiter.condition is condition]:
            self._wake_one(waiter)

    def _wake_one(self, waiter: "VirtualWaiter") -> None:
        waiter.is_awake = True
        self._waiters.remove(waiter)
        self._changed.notify_all()

    def _advance_if_all_wait(self) -> None:
        working = sum(thread.is_alive() for thread in self._seen) - len(self._waiters)
        if len(self._seen) < self._threads or working or not self._waiters:
            return
        first = min(self._waiters, key=lambda waiter: waiter.until)
        if first.until < float("inf"):
            self._now = max(self._now, first.until)
            self._wake_one(first)


class VirtualWaiter:
    def __init__(self, condition: "VirtualCondition", until: float) -> None:
        self.condition = condition
        self.until = until
        self.is_awake = False


class VirtualCondition:
    """All conditions of a virtual clock share one lock."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def __enter__(self) -> bool:
        return self._clock._changed.__enter__()

    def __exit__(self, *error: object) -> None:
        self._clock._changed.release()

    def wait(self, timeout: float | None = None) -> bool:
        return self._clock.wait(self, timeout)

    def notify_all(self) -> None:
        self._clock.wake(self)


class FakeSource:
    """Sound that arrives in blocks at given moments after the start, or at once."""

    def __init__(self, pcm: Samples, clock: Clock, *, live: bool, block: int = HOP // 2) -> None:
        self.live = live
        self.is_open = False
        self._pcm = pcm
        self._clock = clock
        self._block = block
        self._position = 0
        self._started: float | None = None

    def open(self) -> float:
        self.is_open = True
        return 0.0

    def read(self, timeout: float) -> Samples | None:
        if self._position >= len(self._pcm):
            return None
        end = min(self._position + self._block, len(self._pcm))
        if self.live:
            now = self._clock.now()
            self._started = now if self._started is None else self._started
            moment = self._started + end / (HOP * FPS)
            sleep_until(self._clock, min(moment, now + timeout))
            if moment > now + timeout:
                return np.zeros(0, np.float32)
        block = self._pcm[self._position : end]
        self._position = end
        return block

    def close(self) -> None:
        self.is_open = False


class FakeStreamer:
    """Moves the first code with the mean size of the frame's sound."""

    def __init__(self, lookahead: int = 2) -> None:
        self.latency = (1 + lookahead) * HOP
        self.reset()

    def reset(self) -> None:
        self._pcm = np.zeros(0, np.float32)
        self._next = 0

    def feed(self, pcm: Samples) -> list[Motion]:
        self._pcm = np.concatenate([self._pcm, pcm])
        motions = []
        while len(self._pcm) >= self.latency:
            motions.append(self._motion())
        return motions

    def flush(self) -> list[Motion]:
        motions = []
        while len(self._pcm):
            self._pcm = np.pad(self._pcm, (0, max(0, HOP - len(self._pcm))))
            motions.append(self._motion())
        self.reset()
        return motions

    def _motion(self) -> Motion:
        pcm, self._pcm = self._pcm[:HOP], self._pcm[HOP:]
        code = np.zeros(16, np.float32)
        code[0] = np.abs(pcm).mean()
        self._next += 1
        return Motion(self._next - 1, np.zeros(7, np.float32), code, pcm, bool(code[0]))


class FakeRenderer:
    """Paints the picture's number and the size of the mouth; `seconds` tells how long each picture takes."""

    def __init__(self, clock: Clock, seconds: Callable[[int], float] = lambda index: 0.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self.drawn: list[int] = []
        self.motions: list[Motion] = []

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        frames = []
        for motion, avatar in zip(motions, avatars, strict=True):
            # The first picture is drawn before the session's threads run, so its time is not counted.
            if self.drawn:
                sleep_until(self._clock, self._clock.now() + self._seconds(motion.index))
            self.drawn.append(motion.index)
            self.motions.append(motion)
            image = np.zeros_like(avatar.photo)
            image[:, :, 0] = motion.index % 256
            image[:, :, 1] = np.uint8(255 * min(1, motion.code[0]))
            frames.append(Frame(motion.index, image, motion.pcm, True))
        return frames


class FakeSink:
    """Remembers all frames and when they came."""

    def __init__(self, clock: Clock, then: Callable[[Frame], None] = lambda frame: None) -> None:
        self.frames: list[Frame] = []
        self.moments: list[float] = []
        self.size: tuple[int, int] | None = None
        self.completed: bool | None = None
        self._clock = clock
        self._then = then

    def open(self, width: int, height: int) -> None:
        self.size = (width, height)

    def send(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.moments.append(self._clock.now())
        self._then(frame)

    def close(self, completed: bool) -> None:
        self.completed = completed


def write_sound(path: Path, samples: np.ndarray, rate: int, codec: str = "pcm_f32le", layout: str = "mono") -> Path:
    """Write samples (channels, n) of any type."""
    sample_format = {"u1": "u8", "i2": "s16", "i4": "s32", "f4": "flt", "f8": "dbl"}[samples.dtype.str[1:]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        for start in range(0, samples.shape[1], 4096):
            piece = np.ascontiguousarray(samples[:, start : start + 4096].T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(piece, format=sample_format, layout=layout)
            frame.sample_rate = rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
