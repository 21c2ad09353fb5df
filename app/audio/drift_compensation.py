"""Keeps the delay of played sound what it was, though the clocks of its source and of the device differ."""

import numpy as np

from liveface.engine.media import FPS, SAMPLE_RATE, Samples

_WINDOW = 20 * FPS  # delays
_SHORTEST = 16  # samples of a block in which there is a flat place to find
_TOLERATED = 0.004  # s: the median of a window wanders by less, where sound comes and goes evenly


class DriftCompensation:
    """Two clocks differ by some 50 millionths, so that ever more sound waits for the device, or ever less.

    The delay of each 20 seconds is compared with that of the first. Where it has moved, one sample of each block is
    left out, or one is played twice, until it is back: for some seconds the sound is 0.6 % too fast or too slow.
    """

    def __init__(self) -> None:
        self._window: list[float] = []
        self._usual: float | None = None  # s
        self._wanted = self._done = 0  # samples to leave out, less those to play twice, since the beginning

    def restart(self) -> None:
        """The sound was interrupted: what was noted tells nothing of what follows. By the device's thread."""
        self._window = []
        self._done = self._wanted

    def note(self, delay: float) -> None:
        """A frame's delay in seconds, by who sends the frames, once for each."""
        if self._done != self._wanted:
            return
        self._window.append(delay)
        if len(self._window) < _WINDOW:
            return
        delay, self._window = float(np.median(self._window)), []
        if self._usual is None:
            self._usual = delay
        elif abs(late := delay - self._usual) > _TOLERATED:
            self._wanted += round(late * SAMPLE_RATE)

    def take(self, waiting: Samples, count: int) -> tuple[Samples, Samples]:
        """The next `count` of the samples that wait, at least as many, and those that go on waiting.

        By the device's thread.
        """
        owed = self._wanted - self._done
        if not owed or not _SHORTEST <= count < len(waiting):
            return waiting[:count], waiting[count:]
        step = 1 if owed > 0 else -1
        self._done += step
        block, rest = waiting[: count + step], waiting[count + step :]
        flattest = int(np.argmin(np.abs(np.diff(block))))
        return (np.delete(block, flattest) if step > 0 else np.insert(block, flattest, block[flattest])), rest
