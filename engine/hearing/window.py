"""Overlapping windows cut from sound that arrives in pieces of any length; knows nothing of what the samples mean."""

import numpy as np

from liveface.engine.errors import AudioError, ConfigurationError
from liveface.engine.media import Samples


class SlidingWindow:
    """Window k is samples [hop * k - past, hop * (k + 1) + ahead), given out as soon as its last sample is pushed.

    What lies before the first sample and, after `flush`, beyond the last one is digital silence.
    """

    def __init__(self, hop: int, past: int = 0, ahead: int = 0) -> None:
        """`hop`, `past`, `ahead`: samples. Raises `ConfigurationError` unless hop > 0, past >= 0 and ahead >= 0."""
        if hop < 1 or past < 0 or ahead < 0:
            raise ConfigurationError(
                f"A window needs hop > 0, past >= 0 and ahead >= 0 samples, found {hop}, {past} and {ahead}."
            )
        self._hop, self._past, self._ahead = hop, past, ahead
        self.reset()

    @property
    def latency(self) -> int:
        """Samples from the first of a hop to the last that its window needs."""
        return self._hop + self._ahead

    def reset(self) -> None:
        """Forget everything: equal to a new object."""
        self._waiting: Samples = np.zeros(self._past, np.float32)
        self._owed = 0  # samples pushed that no given window has as its own

    def push(self, pcm: Samples) -> list[Samples]:
        """Take any number of samples, float32 (n,); return the windows now complete, float32 (past + hop + ahead,).

        The windows are the caller's to keep: they share no memory with `pcm`.
        Raises `AudioError`, and stays as it was, if `pcm` is not a float32 array of one dimension.
        """
        check_samples(pcm)
        waiting = np.concatenate((self._waiting, pcm))
        size = self._past + self._hop + self._ahead
        count = max(0, (waiting.size - size) // self._hop + 1)
        self._waiting = waiting[count * self._hop :].copy()
        self._owed += pcm.size - count * self._hop
        return [waiting[start : start + size] for start in range(0, count * self._hop, self._hop)]

    def flush(self) -> list[Samples]:
        """End the sound: the windows of all hops begun but not yet given, completed with silence; then as new."""
        hops = max(0, -(-self._owed // self._hop))
        windows = self.push(np.zeros(hops * self._hop + self._ahead, np.float32))[:hops]
        self.reset()
        return windows


def check_samples(pcm: object) -> None:
    """Raise `AudioError` unless `pcm` is a float32 array (n,)."""
    if not isinstance(pcm, np.ndarray):
        raise AudioError(f"Sound must be a numpy array of float32 samples, found {type(pcm).__name__}.")
    if pcm.dtype != np.float32:
        remedy = f" Divide by {np.iinfo(pcm.dtype).max + 1} and convert." if pcm.dtype.kind == "i" else " Convert it."
        raise AudioError(f"Sound must be float32 samples in -1 to 1, found {pcm.dtype}.{remedy}")
    if pcm.ndim != 1:
        raise AudioError(f"Sound must be one channel, an array (n,), found shape {pcm.shape}: mix the channels first.")
