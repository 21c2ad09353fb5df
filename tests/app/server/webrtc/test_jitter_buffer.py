"""Tests of evening out a stream's arrival, with packets that name their position."""

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest

from liveface.app.server.webrtc.jitter_buffer import JitterBuffer

RATE = 48_000
LENGTH = 960  # samples, 20 ms
PACE = LENGTH / RATE

Arrival = tuple[float, int]  # moment in seconds and number of the packet


class Network:
    """Packets that arrive at given moments, and a reader that looks at every piece at its moment."""

    def __init__(self, longest: float = 0.3, first: int = 0) -> None:
        self.buffer: JitterBuffer[int] = JitterBuffer(RATE, longest, 0.0)
        self.first = first
        self.played: list[tuple[float, int]] = []
        self.silence: list[tuple[float, int]] = []
        self.shrinks = False

    def run(self, arrivals: Iterable[Arrival], until: float, stretch: float = 1.0) -> None:
        waiting = sorted(arrivals, reverse=True)
        while (now := self.buffer.due) < until:
            while waiting and waiting[-1][0] <= now:
                moment, number = waiting.pop()
                position = (self.first + number) * LENGTH
                self.buffer.add((self.first + number) % 65536, position % (1 << 32), LENGTH, number, moment)
            piece = self.buffer.next(now)
            assert piece is not None
            if piece.payload is None:
                self.silence.append((now, piece.length))
                continue
            self.played.append((now, piece.payload))
            if self.shrinks and (excess := min(self.buffer.excess(), LENGTH)):
                self.buffer.leave_out(excess)

    def silence_after(self, moment: float) -> float:
        """Seconds of silence that were put out later."""
        return sum(length for when, length in self.silence if when >= moment) / RATE


def even(count: int, start: float = 0.1, pace: float = PACE) -> list[Arrival]:
    return [(start + number * pace, number) for number in range(count)]


def test_a_steady_stream_comes_out_whole_in_order_and_at_an_even_pace() -> None:
    network = Network()
    network.run(even(200), until=4.0)
    numbers = [number for _, number in network.played]
    assert numbers == list(range(len(numbers)))
    gaps = [b - a for (a, _), (b, _) in pairwise(network.played)]
    assert gaps == pytest.approx([PACE] * len(gaps))
    assert network.silence_after(network.played[0][0]) == 0
    assert network.buffer.lost == 0


def test_a_steady_stream_waits_no_longer_than_a_packet() -> None:
    network = Network()
    network.run(even(200), until=3.0)
    assert all(moment - (0.1 + number * PACE) <= 0.02 for moment, number in network.played)


def test_before_anything_comes_there_is_silence_at_the_pace_of_time() -> None:
    network = Network()
    network.run([], until=1.0)
    assert sum(length for _, length in network.silence) == RATE


def test_nothing_is_due_before_its_moment() -> None:
    buffer: JitterBuffer[int] = JitterBuffer(RATE, 0.3, 5.0)
    assert buffer.next(4.999) is None
    assert buffer.due == 5.0


def test_a_lost_packet_is_as_much_silence_and_is_counted() -> None:
    network = Network()
    network.run([arrival for arrival in even(100) if arrival[1] not in (30, 50, 51)], until=2.5)
    assert [number for _, number in network.played] == [n for n in range(100) if n not in (30, 50, 51)]
    begun, ended = network.played[0][0], network.played[-1][0]
    assert sum(length for when, length in network.silence if begun < when < ended) == 3 * LENGTH
    assert network.buffer.lost == 3 * LENGTH


def test_silence_that_was_not_sent_is_not_lost() -> None:
    buffer: JitterBuffer[int] = JitterBuffer(RATE, 0.3, 0.0)
    buffer.add(7, 0, LENGTH, 0, 0.0)
    played = []
    while (now := buffer.due) < 0.5:
        if 0.39 < now < 0.41:
            buffer.add(8, 20 * LENGTH, LENGTH, 1, 0.4)  # the next packet in sequence, but 400 ms later
        piece = buffer.next(now)
        assert piece is not None
        if piece.payload is not None:
            played.append(piece.due)
    assert played[1] - played[0] == pytest.approx(20 * PACE)
    assert buffer.lost == 0


def test_packets_out_of_order_are_put_in_order_where_time_allows() -> None:
    network = Network()
    late = [(moment + (0.25 if number == 5 else 0.0), number) for moment, number in even(100)]
    swapped = [(moment + (0.045 if number % 10 == 3 else 0.0), number) for moment, number in late]
    network.run(swapped, until=3.0)
    numbers = [number for _, number in network.played]
    assert numbers == sorted(numbers)
    assert set(range(40, 100)) <= set(numbers)


@pytest.mark.parametrize("jitter", [0.03, 0.1, 0.2])
def test_after_a_while_no_jitter_is_heard_any_more(jitter: float) -> None:
    chance = random.Random(1)
    network = Network()
    network.run(((moment + chance.uniform(0, jitter), number) for moment, number in even(1000)), until=19.5)
    settled = 4.0
    assert network.silence_after(settled) <= 0.06
    delays = [moment - (0.1 + number * PACE) for moment, number in network.played if moment > settled]
    assert max(delays) <= jitter + 0.06


def test_sound_waits_less_again_when_the_jitter_is_over() -> None:
    chance = random.Random(2)
    network = Network()
    network.shrinks = True
    bad = [(moment + chance.uniform(0, 0.15), number) for moment, number in even(200)]
    good = [(moment, number) for moment, number in even(900) if number >= 200]
    network.run(bad + good, until=17.5)
    assert [moment - (0.1 + number * PACE) for moment, number in network.played][-1] < 0.02


def test_after_a_halt_of_the_network_only_the_newest_sound_is_heard() -> None:
    network = Network(longest=0.2)
    halted = [(max(moment, 3.0) if 1.0 < moment < 3.0 else moment, number) for moment, number in even(400)]
    network.run(halted, until=7.0)
    delays = [moment - (0.1 + number * PACE) for moment, number in network.played if moment > 3.0]
    assert max(delays) <= 0.25
    assert network.buffer.lost / RATE == pytest.approx(1.8, abs=0.1)


@pytest.mark.parametrize("parts_per_million", [-300, 300])
def test_a_sender_with_another_clock_is_followed_for_minutes(parts_per_million: int) -> None:
    network = Network()
    network.shrinks = True
    pace = PACE * (1 + parts_per_million / 1e6)
    count = int(900 / PACE)
    network.run(((0.1 + number * pace, number) for number in range(count)), until=895)
    delays = [moment - (0.1 + number * pace) for moment, number in network.played]
    assert max(delays) < 0.05
    assert len(network.played) > count - 1000  # all but the last 10 s
    assert network.buffer.lost == 0


@pytest.mark.parametrize("first", [65_530, (1 << 32) // LENGTH - 5, 0])
def test_the_counters_of_rtp_may_overflow(first: int) -> None:
    network = Network(first=first)
    network.run(even(50), until=1.5)
    assert [number for _, number in network.played] == list(range(50))
    assert network.buffer.lost == 0


@pytest.mark.parametrize("jump", [10 * RATE, -10 * RATE])
def test_a_sender_that_counts_anew_is_heard_at_once(jump: int) -> None:
    buffer: JitterBuffer[int] = JitterBuffer(RATE, 0.3, 0.0)
    heard = []
    for number in range(100):
        shift = jump if number >= 50 else 0
        buffer.add(number, (number * LENGTH + shift) % (1 << 32), LENGTH, number, number * PACE)
        while (piece := buffer.next(number * PACE)) is not None:
            if piece.payload is not None:
                heard.append(piece.payload)
    assert set(range(98)) - set(heard) <= {49}


def test_packets_of_one_moment_do_not_pile_up() -> None:
    buffer: JitterBuffer[int] = JitterBuffer(RATE, 0.3, 0.0)
    for number in range(6000):
        buffer.add(number, 0, LENGTH, number, 0.0)
    heard = []
    while (piece := buffer.next(buffer.due)) is not None and (piece.payload is not None or not heard):
        heard += [piece.payload] if piece.payload is not None else []
    assert heard == list(range(6000 - 120, 6000))
    assert buffer.lost == (6000 - 120) * LENGTH


def test_what_is_cleared_is_silence_and_what_comes_later_is_heard_at_its_moment() -> None:
    buffer: JitterBuffer[int] = JitterBuffer(RATE, 0.3, 0.0)
    for number in range(4):
        buffer.add(number, number * LENGTH, LENGTH, number, 0.0)
    buffer.clear()
    buffer.add(4, 4 * LENGTH, LENGTH, 4, 0.0)
    pieces = []
    while not pieces or pieces[-1].payload is None:
        piece = buffer.next(buffer.due)
        assert piece is not None
        pieces.append(piece)
    assert pieces[-1].payload == 4
    assert pieces[-1].due == pytest.approx(4 * PACE + 0.01)
    assert buffer.lost == 0


@pytest.mark.parametrize("start", [0, 7, 40_000])
def test_a_sender_that_numbers_its_packets_anew_is_heard_again_at_once(start: int) -> None:
    buffer: JitterBuffer[int] = JitterBuffer(48_000, 0.3, 0.0)
    heard = []
    for count in range(60):
        sequence = 50_000 + count if count < 30 else start + count - 30
        buffer.add(sequence, count * 960, 960, count, count * 0.02)
        while (piece := buffer.next(count * 0.02)) is not None:
            if piece.payload is not None:
                heard.append(piece.payload)
    assert len([count for count in range(57) if count not in heard]) <= 2
