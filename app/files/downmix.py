"""Makes one or two channels of any number, so that a voice is heard on whichever it is. Knows nothing of files."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liveface.engine.media import Samples

_HALF_POWER = np.sqrt(0.5)
# What each loudspeaker gives to the left and to the right: the usual downmix (ITU-R BS.775, as in FFmpeg).
_SHARES: dict[str, tuple[float, float]] = {
    "FL": (1.0, 0.0),
    "FR": (0.0, 1.0),
    "FC": (_HALF_POWER, _HALF_POWER),
    "LFE": (0.0, 0.0),
    "BL": (_HALF_POWER, 0.0),
    "BR": (0.0, _HALF_POWER),
    "SL": (_HALF_POWER, 0.0),
    "SR": (0.0, _HALF_POWER),
    "BC": (0.5, 0.5),
    "FLC": (1.0, 0.0),
    "FRC": (0.0, 1.0),
}
_REMEMBERED = 0.5  # s over which loudness is judged
_VANISHED = 0.05  # of the loudest channel's power: with less than that in the mix, the channel is heard alone
_RETURNED = 0.1  # likewise: with more than that in it, the mix is heard again
_TAKES_PART = 0.01  # of the loudest channel's power, on a channel whose place is unknown


class Downmix:
    """A stream of sound whose channels are mixed; which ones are heard changes without a click.

    Two channels are what they are, three to eight with known places become left and right by the usual downmix, and
    one channel is the mean of both. Of channels without places those are heard on which something is. Where the mix
    cancels itself out, as with one side of a stereo microphone connected the wrong way, the loudest channel is heard.
    """

    def __init__(self, places: Sequence[str], rate: int, channels: int) -> None:
        """`places`: the channels' names as FFmpeg has them; `rate` in Hz; `channels`: 1 or 2, to come out."""
        count = len(places)
        self._rate = rate
        self._channels = channels
        self._has_sides = channels == 2 and count > 2 and all(place in _SHARES for place in places)
        self._is_placed = count <= 2 or all(place in _SHARES for place in places)
        shares = np.array([_SHARES.get(place, (0.0, 0.0)) for place in places])
        if count <= 2 or not self._is_placed:
            self._sides = np.full((count, 1), 1.0 / count)
        else:
            self._sides = shares / max(shares.sum(axis=0).max(), 1.0)
        self._weights: NDArray[np.float64] = self._sides.mean(axis=1)  # of the channels in one
        self._mean: NDArray[np.float64] = self._weights
        self._is_for_ears = np.array([place != "LFE" for place in places])
        self._power = np.zeros(count)
        self._mixed_power = 0.0
        self._has_begun = False

    def feed(self, samples: Samples) -> Samples:
        """Float32 (n, channels) in, as many samples out, float32 (n, 1) or (n, 2)."""
        if samples.shape[1] == self._channels:
            return np.ascontiguousarray(samples)
        if self._has_sides:
            return np.ascontiguousarray(samples @ self._sides, np.float32)
        if samples.shape[1] == 1 or not len(samples):
            return np.repeat(samples[:, :1], self._channels, axis=1)
        wanted = self._wanted(samples)
        mixed = samples @ wanted
        if self._has_begun and not np.array_equal(wanted, self._weights):
            fade = np.arange(1, len(samples) + 1) / len(samples)
            mixed = (1 - fade) * (samples @ self._weights) + fade * mixed
        self._weights, self._has_begun = wanted, True
        return np.repeat(mixed[:, None].astype(np.float32), self._channels, axis=1)

    def _wanted(self, samples: Samples) -> NDArray[np.float64]:
        """The weights of the channels by what has been heard of late."""
        kept = np.exp(-len(samples) / (_REMEMBERED * self._rate))
        heard = samples.astype(np.float64)
        self._power = kept * self._power + (heard**2).sum(axis=0) * self._is_for_ears
        loudest = int(np.argmax(self._power))
        if not self._is_placed:
            taking_part = self._power >= _TAKES_PART * self._power[loudest]
            self._mean = taking_part / max(1, taking_part.sum())
        self._mixed_power = kept * self._mixed_power + float(((heard @ self._mean) ** 2).sum())
        if self._power[loudest] <= 0:
            return self._weights
        share = self._mixed_power / self._power[loudest]
        is_alone = np.count_nonzero(self._weights) == 1 and np.count_nonzero(self._mean) > 1
        if share >= (_RETURNED if is_alone else _VANISHED):
            return self._mean
        alone = np.zeros(len(self._power))
        alone[loudest] = 1.0
        return alone
