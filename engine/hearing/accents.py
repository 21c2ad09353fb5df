"""Hears which syllables a voice stresses, as they begin; it knows neither words nor faces.

A stress is a loudness that rises well above what it has lately been. Only what has been heard counts, so a picture
waits for nothing.
"""

from math import exp, log10, sqrt
from typing import NamedTuple

import numpy as np

from liveface.engine.media import HOP, SAMPLE_RATE, Samples

BLOCKS = 4  # of a frame
BLOCK = HOP // BLOCKS  # samples, 10 ms
_SECONDS = BLOCK / SAMPLE_RATE

_FAST, _SLOW = 0.03, 0.6  # s, of the envelopes of power and of amplitude
_FLOOR = 1e-5  # of power: -50 dBFS, below which nothing is loud
_FAINTEST, _STRONGEST = 4.0, 12.0  # dB, of the fast envelope over the slow one
_LEAST = 0.4  # size of the faintest stress
_APART = 40  # blocks, 400 ms: the head of nobody nods faster
_GROWTH = 9  # blocks in which a stress grows to its size


class Growth(NamedTuple):
    """The size of a stress `before` and `after` some sound, 0 (none) to 1; one that is heard at all is 0.4 or more."""

    before: float
    after: float


_NONE = Growth(0.0, 0.0)


class Accents:
    """Hears one frame at a time, and tells how stresses grow in it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything heard: equal to a new one."""
        self._fast, self._slow = _FLOOR, sqrt(_FLOOR)
        self._excess = 0.0  # dB of the fast envelope over the slow one
        self._since = _APART  # blocks since a stress began
        self._size = 0.0  # of the one that grows

    def hear(self, pcm: Samples) -> tuple[Growth, ...]:
        """Take the next frame, float32 (640,); return how a stress has grown in each of its blocks."""
        powers = np.square(pcm, dtype=np.float64).reshape(BLOCKS, BLOCK).mean(axis=1).tolist()
        return tuple(self._hear(power) for power in powers)

    def _hear(self, power: float) -> Growth:
        self._fast += (power - self._fast) * (1.0 - exp(-_SECONDS / _FAST))
        self._slow += (sqrt(max(power, _FLOOR)) - self._slow) * (1.0 - exp(-_SECONDS / _SLOW))
        excess = 10.0 * log10(max(self._fast, _FLOOR) / self._slow**2)
        rises, self._excess = self._excess < _FAINTEST <= excess, excess
        self._since += 1
        if rises and self._since >= _APART:
            self._since, self._size = 0, 0.0
        if excess < _FAINTEST or self._since >= _GROWTH:
            return _NONE
        share = min(1.0, (excess - _FAINTEST) / (_STRONGEST - _FAINTEST))
        before, self._size = self._size, max(_LEAST + (1.0 - _LEAST) * share, self._size)
        return Growth(before, self._size)
