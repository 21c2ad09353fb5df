"""Where the sound comes from: a file as fast as possible or at real time; `app.audio.microphone` is another source."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from liveface.app.files.media_files import iterate_audio
from liveface.app.session.clock import Clock, sleep_until
from liveface.app.session.stats import Stats
from liveface.app.settings import BACKLOG_MS, CAPTURE_MS
from liveface.engine.media import HOP, SAMPLE_RATE, Samples

_LIVE_BLOCK = SAMPLE_RATE * CAPTURE_MS // 1000
_FILE_BLOCK = 24 * HOP  # as fast as possible: about a second, in whole batches of pictures
_ANTI_ALIAS_TAPS = 63  # delays by 0.65 ms at 48 kHz
_FINER = (1, 2, 4)  # times the rate: 24 kHz becomes 48 kHz, of which every third sample is one of 16 kHz


class Source(Protocol):
    """A stream of sound. A live one comes at its own pace and drops what nobody reads in time."""

    live: bool

    def open(self) -> float:
        """Start; returns the seconds from a sample's capture until it can be read. Raises a `LivefaceError`."""

    def read(self, timeout: float) -> Samples | None:
        """The next sound, float32 (n,) at 16 kHz; empty if none came within `timeout` seconds, None at the end."""

    def close(self) -> None:
        """Stop; may be called twice."""


class FileSource:
    """A sound file, once or in a loop. Live, it comes as a sound card would bring it, in blocks of 20 ms."""

    def __init__(
        self,
        path: Path,
        clock: Clock,
        stats: Stats,
        *,
        live: bool,
        loop: bool = False,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`tell` gets a sentence for the user where something in the file had to be left out."""
        self.live = live
        self._tell = tell
        self._path = path
        self._clock = clock
        self._stats = stats
        self._loop = loop
        self._block = _LIVE_BLOCK if live else _FILE_BLOCK
        self._blocks: Iterator[Samples] = iter(())
        self._waiting: Samples | None = None
        self._started: float | None = None
        self._position = 0

    def open(self) -> float:
        """Open the file; raises `AudioError` if its beginning cannot be read."""
        self._blocks = iterate_audio(self._path, self._block, tell=self._tell)
        self._waiting = next(self._blocks)
        return 0.0

    def read(self, timeout: float) -> Samples | None:
        """The next block; raises `AudioError` where the file turns out to be broken."""
        if self._waiting is None:
            return None
        if not self.live:
            return self._next_block(self._waiting)
        blocks = [np.zeros(0, np.float32)]
        while self._waiting is not None and self._has_come(len(self._waiting), timeout if len(blocks) == 1 else 0.0):
            blocks.append(self._in_time(self._next_block(self._waiting)))
        return np.concatenate(blocks)

    def close(self) -> None:
        """Forget the file."""
        self._blocks, self._waiting = iter(()), None

    def _next_block(self, waiting: Samples) -> Samples:
        self._position += len(waiting)
        self._waiting = next(self._blocks, None)
        if self._waiting is None and self._loop:
            self.open()
        return waiting[:, 0]

    def _in_time(self, pcm: Samples) -> Samples:
        """Sound that was read, or silence where it has waited for too long."""
        if self._clock.now() - self._moment() <= BACKLOG_MS / 1000:
            return pcm
        self._stats.note_lost(len(pcm) / SAMPLE_RATE)
        return np.zeros_like(pcm)

    def _has_come(self, samples: int, timeout: float) -> bool:
        """Wait until a block's last sample has been spoken, at most `timeout` seconds."""
        now = self._clock.now()
        if self._started is None:
            self._started = now
        moment = self._moment() + samples / SAMPLE_RATE
        sleep_until(self._clock, min(moment, now + timeout))
        return moment <= now + timeout

    def _moment(self) -> float:
        """When the last sample that was read had been spoken."""
        assert self._started is not None
        return self._started + self._position / SAMPLE_RATE


class PromptResampler:
    """Live sound of any rate to 16 kHz, held back by less than a millisecond.

    A usual resampler holds back 40 ms. This one filters with a short causal filter, then interpolates: between samples,
    unless the rate or a small multiple of it, at which it then filters, can be divided by 16 kHz.
    """

    def __init__(self, rate: int) -> None:
        otherwise = 1 if rate >= 2 * SAMPLE_RATE else 2  # interpolated at 22.05 kHz, 6 kHz would bring noise at -24 dB
        self._finer = next((times for times in _FINER if rate * times % SAMPLE_RATE == 0), otherwise)
        fine = rate * self._finer
        self._taps = _low_pass(min(0.45 * SAMPLE_RATE, 0.45 * rate) / fine) * self._finer
        self._before = np.zeros(_ANTI_ALIAS_TAPS - 1)
        self._interpolator = soxr.ResampleStream(fine, SAMPLE_RATE, 1, dtype="float32", quality="QQ")

    def feed(self, pcm: Samples) -> Samples:
        """Convert float32 (n,); returns all that the input determines."""
        if not len(pcm):
            return pcm
        finer = np.zeros((len(pcm), self._finer))
        finer[:, 0] = pcm
        heard = np.concatenate([self._before, finer.reshape(-1)])
        self._before = heard[-len(self._before) :]
        filtered = np.convolve(heard, self._taps, "valid")
        converted: Samples = self._interpolator.resample_chunk(filtered.astype(np.float32))
        return converted


def _low_pass(cutoff: float) -> NDArray[np.float64]:
    """A filter's taps, the ideal ones under a Hamming window; `cutoff` as a share of the rate.

    Not scipy.signal's, which takes a second to load.
    """
    places = np.arange(_ANTI_ALIAS_TAPS) - (_ANTI_ALIAS_TAPS - 1) / 2
    taps = np.sinc(2 * cutoff * places) * np.hamming(_ANTI_ALIAS_TAPS)
    return np.asarray(taps / taps.sum())
