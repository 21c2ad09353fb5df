"""Evens out the arrival of a stream's packets; has no clock, no thread and no codec."""

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

Payload = TypeVar("Payload")

_MARGIN = 0.005  # s that the latest packets may come before their moment
_FIRST_MARGIN = 0.01  # s likewise, when nothing is known yet
_STEP = 0.01  # s of silence at a time, while the next packet is awaited
_REMEMBERED = 150  # packets, whose slack tells how long sound must wait: 3 s
_FAR = 2.0  # s ahead of its moment: the sender has begun to count anew
_MISORDERED = 100  # packets that one may be behind; two in a row that are farther: counted anew (RFC 3550, A.1)
_MOST_WAITING = 120  # packets: 300 ms of the shortest that Opus has


@dataclass(frozen=True, slots=True)
class Piece(Generic[Payload]):
    """What comes next: a packet's payload, or silence where it is None; `due` in seconds; `length` in samples."""

    due: float
    length: int
    payload: Payload | None = None


@dataclass(frozen=True, slots=True)
class _Packet(Generic[Payload]):
    sequence: int
    position: int
    length: int
    payload: Payload


class JitterBuffer(Generic[Payload]):
    """Hands out packets in order and at an even pace, silence in place of those that are missing.

    Sound waits as long as the latest of recent packets are late, but never longer than `longest` seconds, and never in
    more than 120 packets: what is too much is dropped, oldest first, and counted. A packet that comes after its moment
    moves the moments of all that follow, so that speech is stretched rather than torn.
    """

    def __init__(self, rate: int, longest: float, now: float) -> None:
        """`rate`: samples per second; time begins `now`."""
        self.lost = 0  # samples that were put out as silence though they had been sent
        self._rate = rate
        self._longest = longest
        self._start = now
        self._position = 0  # samples put out
        self._shift: int | None = None  # from a packet's own position to that in the output
        self._waiting: dict[int, _Packet[Payload]] = {}
        self._newest: tuple[int, int] | None = None  # sequence and position of the latest packet, without overflow
        self._played: _Packet[Payload] | None = None
        self._slacks: deque[int] = deque(maxlen=_REMEMBERED)  # samples between arrival and moment
        self._next_anew: int | None = None  # sequence that follows a packet that seems to be counted anew
        self._last_miss: int | None = None  # sequence of a packet that came after a later one was put out

    @property
    def due(self) -> float:
        """When the next piece is due, in seconds."""
        return self._start + self._position / self._rate

    @property
    def delay(self) -> float:
        """Seconds that packets wait, in the mean of the recent ones."""
        return max(0.0, sum(self._slacks) / len(self._slacks) / self._rate) if self._slacks else 0.0

    def add(self, sequence: int, timestamp: int, length: int, payload: Payload, now: float) -> None:
        """Take a packet of `length` samples; `sequence` (16 bit) and `timestamp` (32 bit, in samples) as in RTP."""
        if self._is_far_behind(sequence):
            if sequence != self._next_anew:
                self._next_anew = (sequence + 1) % (1 << 16)
                return
            self._newest = self._shift = None
        self._next_anew = None
        packet = self._numbered(sequence, timestamp, length, payload)
        elapsed = round((now - self._start) * self._rate)
        if self._shift is None or abs(packet.position + self._shift - self._position) > _FAR * self._rate:
            self._begin(packet, elapsed)
        assert self._shift is not None
        slack = packet.position + self._shift - elapsed
        self._slacks.append(slack)
        if self._played is not None and packet.sequence <= self._played.sequence:
            self._miss(packet, slack)
            return
        self._waiting[packet.sequence] = packet
        self._drop_unread(elapsed)
        self._limit()

    def next(self, now: float) -> Piece[Payload] | None:
        """What is due; None if nothing is due yet."""
        due = self.due
        if now < due:
            return None
        packet = self._waiting[min(self._waiting)] if self._waiting else None
        step = int(_STEP * self._rate)
        if packet is None or self._shift is None:
            return self._silence(due, step)
        early = packet.position + self._shift - self._position
        if early > 0:
            return self._silence(due, min(step, early))
        self._move(-early)
        self._count_gap(packet)
        del self._waiting[packet.sequence]
        self._played = packet
        self._position += packet.length
        return Piece(due, packet.length, packet.payload)

    def excess(self) -> int:
        """Samples that even the latest of recent packets waited too long: as many could be left out."""
        if len(self._slacks) < _REMEMBERED:
            return 0
        return max(0, min(self._slacks) - int(_MARGIN * self._rate))

    def leave_out(self, samples: int) -> None:
        """Count so many samples of what `next` returned last as not put out: all that follows is due earlier."""
        self._position -= samples
        self._move(-samples)

    def clear(self) -> None:
        """Forget what waits: silence comes in its place."""
        if self._waiting:
            self._played = self._waiting[max(self._waiting)]
            self._waiting.clear()

    def _is_far_behind(self, sequence: int) -> bool:
        return self._newest is not None and _signed(sequence - self._newest[0], 16) < -_MISORDERED

    def _numbered(self, sequence: int, timestamp: int, length: int, payload: Payload) -> _Packet[Payload]:
        if self._newest is None:
            self._newest = (sequence, timestamp)
        newest_sequence, newest_timestamp = self._newest
        whole = _Packet(
            newest_sequence + _signed(sequence - newest_sequence, 16),
            newest_timestamp + _signed(timestamp - newest_timestamp, 32),
            length,
            payload,
        )
        if whole.sequence > newest_sequence:
            self._newest = (whole.sequence, whole.position)
        return whole

    def _begin(self, packet: _Packet[Payload], elapsed: int) -> None:
        self._waiting.clear()
        self._slacks.clear()
        self._played = None
        self._shift = max(self._position, elapsed + int(_FIRST_MARGIN * self._rate)) - packet.position

    def _miss(self, packet: _Packet[Payload], slack: int) -> None:
        """It comes after a later one was put out: once that is a whim of the network, twice its habit."""
        if slack >= 0:  # a second copy
            return
        if self._last_miss is not None and abs(packet.sequence - self._last_miss) < _REMEMBERED:
            most = int(self._longest * self._rate) - max(self._slacks)
            self._move(max(0, min(-slack, most)))
        self._last_miss = packet.sequence

    def _move(self, samples: int) -> None:
        if samples and self._shift is not None:
            self._shift += samples
            self._slacks = deque((slack + samples for slack in self._slacks), maxlen=_REMEMBERED)

    def _drop_unread(self, elapsed: int) -> None:
        """Drop what the reader has not taken for too long; its time is silence."""
        oldest = elapsed - int(self._longest * self._rate)
        while self._position < oldest and self._waiting:
            packet = self._waiting[min(self._waiting)]
            assert self._shift is not None
            if packet.position + self._shift >= oldest:
                break
            self._drop(packet)

    def _drop(self, packet: _Packet[Payload]) -> None:
        self._count_gap(packet)
        self.lost += packet.length
        self._played = self._waiting.pop(packet.sequence)

    def _limit(self) -> None:
        """Drop the oldest where more waits than may."""
        longest = self._longest * self._rate
        while len(self._waiting) > 1 and (len(self._waiting) > _MOST_WAITING or self._span() > longest):
            self._drop(self._waiting[min(self._waiting)])
            following = self._waiting[min(self._waiting)]
            assert self._shift is not None
            self._move(-max(0, following.position + self._shift - self._position))

    def _span(self) -> int:
        first, last = self._waiting[min(self._waiting)], self._waiting[max(self._waiting)]
        return last.position + last.length - first.position

    def _count_gap(self, packet: _Packet[Payload]) -> None:
        """What is missing between packets in sequence was not sent (silence), all else is lost."""
        if self._played is not None and packet.sequence > self._played.sequence + 1:
            gap = packet.position - self._played.position - self._played.length
            self.lost += min(max(0, gap), self._rate)

    def _silence(self, due: float, length: int) -> Piece[Payload]:
        self._position += length
        return Piece(due, length)


def _signed(difference: int, bits: int) -> int:
    """The difference of two counters that overflow, at most half of their range in either direction."""
    half = 1 << (bits - 1)
    return (difference + half) % (1 << bits) - half
