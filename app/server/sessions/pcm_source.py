"""Sound that is sent faster than it is spoken, given out at real time; knows nothing of who sends it."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveface.app.session.clock import Clock
from liveface.app.session.sources import PromptResampler
from liveface.app.settings import BACKLOG_MS, CAPTURE_MS
from liveface.engine.media import HOP, SAMPLE_RATE, Samples

AHEAD_SECONDS = 120  # of sound that may wait to be spoken: longer than most answers, 7.7 MB

_CAPACITY = AHEAD_SECONDS * SAMPLE_RATE
_BLOCK = SAMPLE_RATE * CAPTURE_MS // 1000
_LATE = SAMPLE_RATE * BACKLOG_MS // 1000
_REMEMBERED = 256  # runs of sound without a gap; only those of the last second are asked for


@dataclass(slots=True)
class _Run:
    """Sound that was read without a gap: at sample `begin` of what was read; its first sample's number is `sound`."""

    begin: int
    sound: int
    length: int


class PacedSource:
    """Implements `Source`: what is pushed is read at real time, with silence where there is nothing.

    At most `AHEAD_SECONDS` wait; more is not taken. Nothing is lost: a reader that is more than 200 ms late gets
    silence for what it has missed, and then the sound. All counts are samples of 16 kHz. One thread may `push` and
    `clear` while another one reads.
    """

    live = True

    def __init__(self, clock: Clock) -> None:
        self.pushed = 0  # samples of sound in all
        self.clears = 0  # how often sound was forgotten
        self.heard_then = 0  # samples of sound, when it was last
        self.is_paused = False  # silence is read, and the sound waits
        self._clock = clock
        self._changed = clock.condition()
        self._rate = SAMPLE_RATE
        self._resampler: PromptResampler | None = None
        self._ring = np.zeros(_CAPACITY, np.float32)  # sample n of the sound is at n modulo its length
        self._next = 0  # sample of the sound that is read next
        self._read = 0  # samples, silence included
        self._started: float | None = None
        self._runs: deque[_Run] = deque([_Run(0, 0, 0)], maxlen=_REMEMBERED)

    @property
    def ahead(self) -> float:
        """Seconds of sound that wait to be read."""
        return (self.pushed - self._next) / SAMPLE_RATE

    def push(self, pcm: Samples, rate: int) -> bool:
        """Add float32 (n,), mono, that continues what was pushed before; False, and nothing taken, if there is no room.

        `pcm` lasts less than `AHEAD_SECONDS`. After silence it is spoken from the beginning of the block under way.
        """
        if self.pushed - self._next + len(pcm) * SAMPLE_RATE // rate >= _CAPACITY:
            return False
        if rate != self._rate:
            self._rate, self._resampler = rate, None
        if rate != SAMPLE_RATE:
            self._resampler = self._resampler or PromptResampler(rate)
            pcm = self._resampler.feed(pcm)
        with self._changed:
            self._ring[_places(self.pushed, len(pcm))] = pcm
            self.pushed += len(pcm)
        return True

    def clear(self, frames: int) -> int:
        """Forget all sound that is not in the first `frames` frames; returns how much of it is."""
        with self._changed:
            end = frames * HOP
            self.heard_then = self._heard(end)
            while len(self._runs) > 1 and self._runs[-1].begin >= end:
                self._runs.pop()
            self._runs[-1].length = min(self._runs[-1].length, max(0, end - self._runs[-1].begin))
            self._runs.append(_Run(self._read, self.pushed, 0))
            self._next = self.pushed
            self._resampler = None
            self.clears += 1
            return self.heard_then

    def heard(self, frames: int) -> int:
        """How many samples of sound were in the first `frames` frames, or forgotten before their end."""
        with self._changed:
            return self._heard(frames * HOP)

    def spans(self, index: int) -> list[tuple[int, int, int]]:
        """Where in frame `index` there is sound: its offset, the number of its first sample, its length."""
        with self._changed:
            frame = index * HOP
            limits = [(max(run.begin, frame), min(run.begin + run.length, frame + HOP), run) for run in self._runs]
            return [(a - frame, run.sound + a - run.begin, b - a) for a, b, run in limits if a < b]

    def open(self) -> float:
        """Nothing to open: time begins with the first `read`."""
        return 0.0

    def read(self, timeout: float) -> Samples | None:
        """What real time allows since the last call, in blocks of 20 ms."""
        with self._changed:
            now = self._clock.now()
            if self._started is None:
                self._started = now
            until = min(now + timeout, self._started + (self._read + _BLOCK) / SAMPLE_RATE)
            while now < until:
                self._changed.wait(until - now)
                now = self._clock.now()
            due = round((now - self._started) * SAMPLE_RATE)
            return self._give(max(0, due - due % _BLOCK - self._read))

    def close(self) -> None:
        """Nothing to release."""

    def _give(self, count: int) -> Samples:
        pcm = np.zeros(count, np.float32)
        missed = max(0, count - _LATE)
        sound = 0 if self.is_paused else min(self.pushed - self._next, count - missed)
        if sound:
            pcm[missed : missed + sound] = self._ring[_places(self._next, sound)]
            self._note(_Run(self._read + missed, self._next, sound))
            self._next += sound
        self._read += count
        return pcm

    def _note(self, run: _Run) -> None:
        last = self._runs[-1]
        if (last.begin + last.length, last.sound + last.length) == (run.begin, run.sound):
            last.length += run.length
        else:
            self._runs.append(run)

    def _heard(self, samples: int) -> int:
        run = next((run for run in reversed(self._runs) if run.begin < samples), self._runs[0])
        return run.sound + min(run.length, max(0, samples - run.begin))


def _places(begin: int, count: int) -> NDArray[np.int64]:
    return np.arange(begin, begin + count) % _CAPACITY


def decode_pcm16(data: bytes | bytearray | memoryview) -> Samples:
    """Samples, float32 (n,), of PCM with 16 bits, little endian; its bytes are even in number."""
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)
