"""Live sound that a peer sends over a network; knows nothing of the network."""

import numpy as np

from app.clock import Clock
from app.config import BACKLOG_MS, CAPTURE_MS
from app.queues import SampleQueue
from app.sources import PromptResampler
from app.stats import Stats
from engine.media import SAMPLE_RATE, Samples


class RemoteSource:
    """Implements `Source`. When nothing arrives, time goes on in silence, so that pictures never stop."""

    live = True

    def __init__(self, clock: Clock, stats: Stats) -> None:
        self._clock = clock
        self._stats = stats
        self._queue = SampleQueue(clock, SAMPLE_RATE, BACKLOG_MS)
        self._resampler: PromptResampler | None = None
        self._rate = SAMPLE_RATE
        self._lost = 0
        self._heard_until = 0.0
        self._has_ended = False

    def push(self, pcm: Samples, rate: int) -> None:
        """Add float32 (n,), mono, which continues what was pushed before. From any thread; never blocks."""
        if rate != self._rate:
            self._rate, self._resampler = rate, PromptResampler(rate) if rate != SAMPLE_RATE else None
        self._queue.put(pcm if self._resampler is None else self._resampler.feed(pcm))

    def end(self) -> None:
        """Let `read` return None from now on."""
        self._has_ended = True
        self._queue.put(np.zeros(0, np.float32))

    def open(self) -> float:
        """Let time begin."""
        self._heard_until = self._clock.now()
        return 0.0

    def read(self, timeout: float) -> Samples | None:
        """What has arrived since the last call, and silence for what has not."""
        pcm = self._queue.get(min(timeout, CAPTURE_MS / 1000))
        if self._has_ended:
            return None
        self._stats.note_lost((self._queue.lost - self._lost) / SAMPLE_RATE)
        self._lost = self._queue.lost
        self._heard_until += len(pcm) / SAMPLE_RATE
        missing = self._clock.now() - self._heard_until - BACKLOG_MS / 1000
        if not len(pcm) and missing > 0:
            pcm = np.zeros(round(missing * SAMPLE_RATE), np.float32)
            self._heard_until += missing
        return pcm

    def close(self) -> None:
        """Nothing to release."""
