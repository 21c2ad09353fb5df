"""Tests of live sound from a network, in virtual time."""

import random

import numpy as np
import pytest

from liveface.app.server.webrtc.codecs import VoiceEncoder
from liveface.app.server.webrtc.rtp_source import RemoteSource
from liveface.app.session.clock import PlayoutClock
from liveface.app.session.stats import Stats
from liveface.engine.media import SAMPLE_RATE, Samples
from tests.app.server.stepping_clock import SteppingClock

BLOCK = 0.02  # s of sound in a packet


class Call:
    """A peer that sends a tone in Opus packets, each at its own moment, and a reader."""

    def __init__(self) -> None:
        self.clock = SteppingClock(self._deliver)
        self.stats = Stats()
        self.source = RemoteSource(self.clock, self.stats)
        self.source.open()
        self.started = self.clock.now()
        self.arrivals: list[tuple[float, int]] = []
        self.heard: list[tuple[float, Samples]] = []
        encoder = VoiceEncoder()
        self._packets = [encoder.encode(tone(BLOCK, number * BLOCK)) for number in range(100)]

    def send(self, arrivals: list[tuple[float, int]]) -> None:
        """Let packets arrive: seconds after the start, and number."""
        self.arrivals = sorted(((self.started + moment, number) for moment, number in arrivals), reverse=True)

    def listen(self, seconds: float) -> None:
        until = self.clock.now() + seconds
        while self.clock.now() < until:
            pcm = self.source.read(until - self.clock.now())
            assert pcm is not None
            self.heard.append((self.clock.now(), pcm))

    def pcm(self) -> Samples:
        return np.concatenate([pcm for _, pcm in self.heard])

    def _deliver(self, now: float) -> None:
        while self.arrivals and self.arrivals[-1][0] <= now:
            _, number = self.arrivals.pop()
            self.source.receive(1, number % 65536, number * 960, self._packets[number % 100])


def tone(seconds: float, start: float = 0.0) -> Samples:
    times = start + np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.float32(0.4) * np.sin(2 * np.pi * 440 * times, dtype=np.float32).astype(np.float32)


def even(count: int, start: float = 0.1) -> list[tuple[float, int]]:
    return [(start + number * BLOCK, number) for number in range(count)]


def loudness(pcm: Samples) -> float:
    return float(np.sqrt(np.square(pcm).mean()))


def test_time_goes_on_in_silence_when_nothing_arrives() -> None:
    call = Call()
    call.listen(2.0)
    assert len(call.pcm()) == pytest.approx(2.0 * SAMPLE_RATE, abs=0.02 * SAMPLE_RATE)
    assert not call.pcm().any()
    assert all(len(pcm) <= 0.02 * SAMPLE_RATE for _, pcm in call.heard)


def test_opus_packets_are_heard_as_they_were_spoken() -> None:
    call = Call()
    call.send(even(100))
    call.listen(1.5)
    assert loudness(call.pcm()[SAMPLE_RATE // 2 :]) == pytest.approx(0.4 / np.sqrt(2), rel=0.1)


def test_lost_packets_are_silence_that_is_counted_and_time_does_not_shift() -> None:
    call = Call()
    call.send([arrival for arrival in even(200) if arrival[1] % 20])
    call.listen(3.0)
    assert call.stats.report().lost_ms == pytest.approx(3.0 / BLOCK / 20 * 20, abs=25)
    assert len(call.pcm()) == pytest.approx(3.0 * SAMPLE_RATE, abs=0.02 * SAMPLE_RATE)


@pytest.mark.parametrize("jitter", [0.0, 0.05, 0.2])
def test_pictures_are_due_at_an_even_pace_whatever_the_jitter(jitter: float) -> None:
    chance = random.Random(3)
    call = Call()
    call.send([(moment + chance.uniform(0, jitter), number) for moment, number in even(500)])
    call.listen(10.0)
    playout = PlayoutClock(0, 0.0)
    samples, lateness = 0, []
    for moment, pcm in call.heard:
        samples += len(pcm)
        playout.observe(samples, moment)
        lateness.append(moment - playout.captured(0) - samples / SAMPLE_RATE)
    assert max(lateness) < 0.012  # a step of the clock and one of the resampler: no picture is late because of it


def test_a_reader_that_comes_too_late_gets_silence_for_what_is_too_old() -> None:
    call = Call()
    call.send(even(200))
    call.listen(0.5)
    call.clock.advance(1.0)
    call.heard.clear()
    call.listen(0.02)
    assert len(call.pcm()) == pytest.approx(1.0 * SAMPLE_RATE, abs=0.05 * SAMPLE_RATE)
    assert not call.pcm()[100 : SAMPLE_RATE // 2].any()  # what the filter still holds comes first
    assert call.pcm()[-SAMPLE_RATE // 10 :].any()
    assert call.stats.report().lost_ms == pytest.approx(800, abs=150)


def test_what_is_cleared_is_not_heard() -> None:
    call = Call()
    call.send([(0.001 * number, number) for number in range(10)])
    call.clock.advance(0.05)
    call.source.clear()
    call.listen(0.3)
    assert not call.pcm().any()
    assert call.stats.report().lost_ms == 0


def test_another_peer_is_heard_when_the_first_has_gone_and_time_goes_on_evenly() -> None:
    call = Call()
    encoder = VoiceEncoder()
    deliver, sent = call.clock.then, 0

    def change(now: float) -> None:
        nonlocal sent
        deliver(now)
        while now >= call.started + 0.613 + sent * BLOCK:  # while the reader waits
            packet = encoder.encode(tone(BLOCK, sent * BLOCK))
            call.source.receive(2, 4000 + sent, 77 + sent * 960, packet)
            sent += 1

    call.clock.then = change
    call.send(even(25))
    call.listen(1.5)
    assert len(call.pcm()) == pytest.approx(1.5 * SAMPLE_RATE, abs=0.021 * SAMPLE_RATE)
    assert loudness(call.pcm()[-SAMPLE_RATE // 2 :]) == pytest.approx(0.4 / np.sqrt(2), rel=0.1)


def test_it_ends_when_it_is_told_to() -> None:
    call = Call()
    call.source.end()
    assert call.source.read(1.0) is None


def test_packets_that_are_no_opus_are_silence() -> None:
    call = Call()
    for number in range(30):
        call.source.receive(1, number, number * 960, bytes([0x78, number, 255, 255, 3]))
        call.source.receive(1, number, number * 960, b"")
        call.listen(BLOCK)
    assert np.isfinite(call.pcm()).all()


def test_what_comes_before_it_is_opened_or_after_it_is_closed_is_ignored() -> None:
    source = RemoteSource(SteppingClock(), Stats())
    packet = VoiceEncoder().encode(tone(BLOCK))
    source.receive(1, 0, 0, packet)
    source.open()
    source.close()
    source.receive(1, 1, 960, packet)
    assert source.delay_ms == 0
