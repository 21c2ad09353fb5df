"""Sound in, pictures with their sound out, without a thread or a clock: for programs that have their own."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from threading import RLock
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveface.app.library.avatar import Avatar
from liveface.app.session.pipeline import CORES, MODELS, load_streamer
from liveface.app.session.pipeline import Pipeline as Parts
from liveface.app.session.sources import PromptResampler
from liveface.app.settings import DEFAULT_LOOKAHEAD, Backend, Settings
from liveface.engine.drawing.renderer import load_renderer
from liveface.engine.errors import AudioError, ConfigurationError
from liveface.engine.media import FPS, HOP, SAMPLE_RATE, Motion, Picture, Samples

_BATCH = 8  # pictures that are drawn at once where so many are ready
_SLOWEST, _FASTEST = 8_000, 48_000  # samples a second
_FULL_SCALE = 1 << 15  # of 16-bit samples


@dataclass(frozen=True, slots=True, eq=False)
class AvatarFrame:
    """One picture and the sound that is heard while it is seen.

    `index`: its number, 25 a second. `image`: uint8 (height, width, 3), RGB. `sound`: float32 (rate / 25,), mono, full
    scale 1: the samples that were fed, unchanged.
    """

    index: int
    image: Picture
    sound: Samples


class Pipeline:
    """Makes one face speak. Feed it sound as it comes, take the frames that are ready, `flush` where speech ends.

    with Pipeline(Avatar.from_photo("me.jpg"), rate=24_000) as face:
        face.feed(pcm)
        for frame in face.frames():
            ...

    Frames come in order and without a gap, as fast as they are taken: whoever shows them keeps the time. A frame is
    ready as soon as its own sound and `lookahead` frames more have been fed. To let the face live while nobody speaks,
    feed silence. One thread at a time may feed and take; `interrupt` may be called from any.
    """

    def __init__(
        self,
        avatar: Avatar | None = None,
        *,
        rate: int = SAMPLE_RATE,
        size: tuple[int, int] = (512, 512),
        lookahead: int = DEFAULT_LOOKAHEAD,
        mouth_amount: float = 1.0,
        seed: int = 0,
        backend: Backend = "openvino",
        liveliness: float = 1.0,
        still: bool = False,
    ) -> None:
        """`avatar`: a shipped one unless it is given. `rate`: samples per second of all sound.

        `size`: width and height of the pictures. `lookahead`: frames of 40 ms heard ahead of each picture, 0 to 6: less
        delay or better lips. `mouth_amount`: how far the mouth moves, 1 as learned. `seed`: of blinks and head motion.
        `liveliness`: how much head and brows move, 0 to 2. `still`: not at all, and the eyes never blink.
        Takes a second or two.
        Raises `LivefaceError` for a value out of range, or where the networks cannot be loaded.
        """
        if not _SLOWEST <= rate <= _FASTEST or rate % FPS:
            raise ConfigurationError(
                f"The sound has {rate} samples per second: choose a usual rate from {_SLOWEST} to {_FASTEST}, such as "
                "24000."
            )
        width, height = size
        settings = Settings(width, height, lookahead, mouth_amount, seed, backend, liveliness=liveliness, still=still)
        parts = load_parts(avatar, settings)
        self.rate, self.size, self.fps = rate, size, FPS
        self._parts: Parts | None = parts
        self._sound: Samples = np.zeros(0, np.float32)  # of the frames to be taken and of what follows them
        self._lock = RLock()
        self._given = 0  # frames that have been taken, which is the number of the next one
        self._interrupts = 0
        self._start()

    @property
    def latency(self) -> float:
        """Seconds from the first sample of a frame until it can be ready, without the time that drawing takes."""
        return self._living().streamer.latency / SAMPLE_RATE

    @property
    def ready(self) -> int:
        """How many frames could be taken now."""
        return min(len(self._motions), len(self._sound) // self._hop)

    def feed(self, pcm: NDArray[Any]) -> int:
        """Hear mono sound of any length: float32 or float64 of full scale 1, or int16; shape (n,).

        Returns how many frames are ready. Raises `LivefaceError` for sound of another kind, and stays as it was.
        """
        with self._lock:
            streamer = self._living().streamer
            sound = _as_samples(pcm)
            if self._resampler is None:
                self._motions.extend(streamer.feed(sound))
                self._heard += len(sound)
            else:
                _check(sound)
                self._hear(self._resampler.feed(sound))
            self._sound = np.concatenate([self._sound, sound])
            self._fed += len(sound)
            return self.ready

    def flush(self) -> int:
        """End the speech: what has been fed is said to its end, with silence after it. New speech may follow.

        Returns how many frames are ready.
        """
        with self._lock:
            streamer = self._living().streamer
            frames = -(-self._fed // self._hop)
            owed = frames * HOP - self._heard
            if self._resampler is not None and owed > 0:
                rest = self._resampler.feed(np.zeros(self._hop, np.float32))[:owed]  # what it has held back
                self._hear(np.pad(rest, (0, owed - len(rest))))
            self._motions.extend(streamer.flush())
            self._sound = np.pad(self._sound, (0, frames * self._hop - self._fed))
            self._begin()
            return self.ready

    def frames(self) -> Iterator[AvatarFrame]:
        """Draw the frames that are ready, one after the other, until there is none left or `interrupt` is called."""
        interrupts = self._interrupts
        while True:
            with self._lock:
                parts = self._living()
                if interrupts != self._interrupts or not self.ready:
                    return
                # A renderer prepares itself anew for each size of a batch that it meets.
                batch = [self._take() for _ in range(_BATCH if self.ready >= _BATCH else 1)]
            drawn = parts.renderer.draw([motion for motion, _ in batch], [parts.avatar] * len(batch))
            for frame, (_, sound) in zip(drawn, batch, strict=True):
                if interrupts != self._interrupts:
                    return
                self._given = frame.index + 1
                yield AvatarFrame(frame.index, frame.image, sound)

    def interrupt(self) -> None:
        """Forget what has been fed and not taken yet; the next sound begins with the mouth closed."""
        with self._lock:
            parts = self._living()
            parts.streamer.reset()
            if parts.liveliness is not None:
                parts.liveliness.interrupt()
            self._interrupts += 1
            self._start()

    def close(self) -> None:
        """Let go of the networks; may be called twice. What comes after it raises `LivefaceError`."""
        with self._lock:
            self._parts = None
            self._interrupts += 1
            self._start()

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _living(self) -> Parts:
        if self._parts is None:
            raise ConfigurationError("This pipeline has been closed: make a new one.")
        return self._parts

    def _start(self) -> None:
        """Begin anew, with nothing heard and nothing to be taken."""
        self._motions: deque[Motion] = deque()
        self._sound = np.zeros(0, np.float32)
        self._taken = self._given
        self._begin()

    def _begin(self) -> None:
        """Begin a speech after what is to be taken."""
        self._resampler = None if self.rate == SAMPLE_RATE else PromptResampler(self.rate)
        self._fed = self._heard = 0  # samples of this speech, and those that the streamer has got of it
        self._hop = self.rate // FPS

    def _hear(self, pcm: Samples) -> None:
        self._motions.extend(self._living().streamer.feed(pcm))
        self._heard += len(pcm)

    def _take(self) -> tuple[Motion, Samples]:
        """The next motion, by its number among all, and its sound."""
        motion, liveliness = replace(self._motions.popleft(), index=self._taken), self._living().liveliness
        sound, self._sound = self._sound[: self._hop], self._sound[self._hop :]
        self._taken += 1
        return motion if liveliness is None else liveliness.enliven(motion), sound


def load_parts(avatar: Avatar | None, settings: Settings) -> Parts:
    """What hears and draws for one avatar; raises `LivefaceError`."""
    face = avatar or Avatar.shipped()
    renderer = load_renderer(MODELS, CORES, settings.backend)
    return Parts(
        load_streamer(settings), renderer, face.prepared.framed(settings.width, settings.height), settings.life()
    )


def _as_samples(pcm: NDArray[Any]) -> Samples:
    if not isinstance(pcm, np.ndarray) or pcm.ndim != 1 or pcm.dtype not in (np.float32, np.float64, np.int16):
        found = f"{pcm.dtype} {pcm.shape}" if isinstance(pcm, np.ndarray) else type(pcm).__name__
        raise AudioError(f"Found sound as {found}, expected a numpy array of float32 or int16 of one channel, (n,).")
    sound: Samples = pcm.astype(np.float32)
    return sound / np.float32(_FULL_SCALE) if pcm.dtype == np.int16 else sound


def _check(sound: Samples) -> None:
    """Raise `AudioError` for what must not reach a resampler, which would remember it."""
    if not np.isfinite(sound).all():
        raise AudioError("Sound must be finite numbers, found some that are not: repair the device that delivers it.")
