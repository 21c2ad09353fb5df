"""How many bits a second a viewer's pictures may take; knows nothing of packets."""

_STEADY_LOSS, _HEAVY_LOSS = 0.02, 0.1  # shares of packets: below the first the rate grows, above the second it shrinks
_GROWTH = 1.08  # per second
_DROP, _RISE = 0.85, 1.25  # changes of the rate that are worth a key picture
_LEAST_BETWEEN_RISES = 4.0  # s


class BitrateControl:
    """Follows the receiver's estimate of the bandwidth and the share of lost packets, between `least` and `most`.

    Loss is taken as Google's congestion control does (draft-ietf-rmcat-gcc-02, section 6).
    """

    def __init__(self, start: int, least: int, most: int) -> None:
        """All in bit/s."""
        self.target = start
        self._least, self._most = least, most
        self._by_loss = float(start)
        self._by_estimate = float(most)
        self._sent = 0
        self._last_estimate = float("-inf")
        self._last_loss = float("-inf")
        self._last_change = float("-inf")

    def note_sent(self, bitrate: int) -> None:
        """So much was sent in the latest second, in bit/s."""
        self._sent = bitrate

    def note_estimate(self, bitrate: int, now: float) -> None:
        """The receiver believes that the way to it carries `bitrate`.

        It cannot know more than what comes: an estimate above what is sent is no limit, however low.
        """
        seconds = min(1.0, now - self._last_estimate)
        self._last_estimate = now
        grown = self._by_estimate * _GROWTH**seconds
        self._by_estimate = float(bitrate) if bitrate < self._sent else min(max(bitrate, grown), self._most)
        self._decide(now)

    def note_loss(self, share: float, now: float) -> None:
        """Of the latest packets that share was lost; about once a second."""
        seconds = min(1.0, now - self._last_loss)
        self._last_loss = now
        if share > _HEAVY_LOSS:
            self._by_loss *= 1 - 0.5 * share * seconds
        elif share < _STEADY_LOSS:
            self._by_loss *= _GROWTH**seconds
        self._by_loss = min(max(self._by_loss, self._least), self._most)
        self._decide(now)

    def _decide(self, now: float) -> None:
        wanted = int(min(max(min(self._by_loss, self._by_estimate), self._least), self._most))
        rises = wanted > self.target * _RISE and now - self._last_change >= _LEAST_BETWEEN_RISES
        if rises or wanted < self.target * _DROP:
            self.target = wanted
            self._last_change = now
