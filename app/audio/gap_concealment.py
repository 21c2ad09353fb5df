"""Keeps live sound in step with the clock where its device stops, returns or changes. Knows no device."""

import numpy as np

from liveface.app.settings import BACKLOG_MS
from liveface.engine.media import SAMPLE_RATE, Samples

_LONGEST_WAIT = BACKLOG_MS / 1000  # s without sound, after which silence takes its place
_PLAY = SAMPLE_RATE * 60 // 1000  # samples by which sound may be early or late after a gap: jitter of the blocks
_SETTLED = 1.0  # s of sound after a gap, from which on the device keeps the time again


class GapConcealment:
    """Fills a gap with silence as it lasts, and drops as much of what comes too late, so that time never shifts.

    Outside gaps sound passes unchanged, at the pace of its device. `dropped` counts samples.
    """

    def __init__(self, now: float) -> None:
        """`now`: seconds of the clock; sound is expected from then on."""
        self.dropped = 0
        self._latest = now  # when anything was given
        self._gap: float | None = None  # when it began
        self._given = 0  # samples since then
        self._sound_since: float | None = None  # after the gap

    def cut(self) -> None:
        """What comes from now on has nothing to do with what came before."""
        self._begin()

    def fill(self, pcm: Samples, now: float, is_connected: bool = True) -> Samples:
        """Take float32 (n,) at 16 kHz that was read at `now`, maybe none; return what the listener is given then."""
        if not len(pcm):
            return self._silence(now, is_connected)
        if self._gap is not None:
            pcm = self._in_step(pcm, now, self._gap)
        self._latest = now
        return pcm

    def _begin(self) -> None:
        if self._gap is None:
            self._gap, self._given = self._latest, 0
        self._sound_since = None

    def _silence(self, now: float, is_connected: bool) -> Samples:
        if self._gap is None and is_connected and now - self._latest <= _LONGEST_WAIT:
            return np.zeros(0, np.float32)
        self._begin()
        return self._give(np.zeros(max(0, self._owed(now)), np.float32), now)

    def _in_step(self, pcm: Samples, now: float, gap: float) -> Samples:
        self._sound_since = now if self._sound_since is None else self._sound_since
        late = len(pcm) - self._owed(now)
        if late > _PLAY:
            surplus = min(late, len(pcm))
            self.dropped += surplus
            pcm = pcm[surplus:]
        elif late < -_PLAY:
            pcm = np.concatenate([np.zeros(-late, np.float32), pcm])
        pcm = self._give(pcm, now)
        if now - self._sound_since > _SETTLED:
            self._gap = None
        return pcm

    def _owed(self, now: float) -> int:
        assert self._gap is not None
        return round((now - self._gap) * SAMPLE_RATE) - self._given

    def _give(self, pcm: Samples, now: float) -> Samples:
        self._given += len(pcm)
        self._latest = now
        return pcm
