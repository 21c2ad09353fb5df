"""The clock of who sends a stream, as sender reports tell it (RFC 3550, section 6.4.1). Knows no socket."""

from bisect import bisect_right

from liveface.engine.errors import PeerError

_NTP_SECOND = 1 << 32
_TIMESTAMPS = 1 << 32  # of RTP, then they begin anew


class SenderClock:
    """When, by the sender's clock, the samples or pictures of one stream were due."""

    def __init__(self, rate: int) -> None:
        """`rate`: of the stream's timestamps, in Hz."""
        self._rate = rate
        self._arrivals: list[float] = []
        self._reports: list[tuple[int, int]] = []

    @property
    def is_known(self) -> bool:
        """Whether a report has come."""
        return bool(self._reports)

    def note(self, arrived: float, ntp: int, timestamp: int) -> None:
        """A report came at `arrived` seconds: the NTP time (64 bit) belongs to the RTP time (32 bit)."""
        if ntp:  # before anything was sent it is 0
            self._arrivals.append(arrived)
            self._reports.append((ntp, timestamp))

    def moment(self, timestamp: int, arrived: float) -> float:
        """Seconds of the sender's clock at which what `arrived` then was due.

        By the latest report that had come by then, as a player does it; where there was none yet, by the first.
        Raises `PeerError` without any.
        """
        if not self._reports:
            raise PeerError("No report of the sender's clock has come, and one is needed each second: stay for longer.")
        ntp, reported = self._reports[max(0, bisect_right(self._arrivals, arrived) - 1)]
        half = _TIMESTAMPS // 2
        return ntp / _NTP_SECOND + ((timestamp - reported + half) % _TIMESTAMPS - half) / self._rate
