"""Tests of sound that comes in bursts, in virtual time; the last ones with a whole session."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveface.app.server.sessions.pcm_source import AHEAD_SECONDS, PacedSource, decode_pcm16
from liveface.app.session.clock import sleep_until
from liveface.app.session.session import Session
from liveface.app.session.stats import Stats
from liveface.engine.media import HOP, SAMPLE_RATE, Frame, Samples
from tests.app.fakes import FakeRenderer, FakeSink, FakeStreamer, VirtualClock, an_avatar


def speech(seconds: float, rate: int = SAMPLE_RATE) -> Samples:
    """Noise without a zero in it."""
    sound = np.random.default_rng(0).uniform(0.1, 1.0, round(seconds * rate)).astype(np.float32)
    return sound * np.where(np.arange(len(sound)) % 2, 1, -1).astype(np.float32)


def tone(seconds: float, rate: int) -> Samples:
    return np.sin(2 * np.pi * 250 * np.arange(round(seconds * rate)) / rate).astype(np.float32)


class Listener:
    """Reads a source as the engine does."""

    def __init__(self) -> None:
        self.clock = VirtualClock(1)
        self.source = PacedSource(self.clock)
        self.source.open()
        self.source.read(0.0)
        self.start = self.clock.now()

    def read(self, timeout: float = 0.05) -> Samples:
        pcm = self.source.read(timeout)
        assert pcm is not None
        return pcm

    def listen(self, seconds: float) -> Samples:
        heard = [np.zeros(0, np.float32)]
        while sum(map(len, heard)) < round(seconds * SAMPLE_RATE):
            heard.append(self.read())
        return np.concatenate(heard)

    def elapsed(self) -> float:
        return self.clock.now() - self.start


def test_silence_comes_at_real_time_while_nothing_is_pushed() -> None:
    listener = Listener()
    assert not listener.listen(1.0).any()
    assert listener.elapsed() == pytest.approx(1.0)


def test_a_burst_is_given_out_whole_at_real_time_and_silence_follows() -> None:
    listener = Listener()
    listener.listen(0.1)
    burst = speech(1.5)
    for piece in np.array_split(burst, 7):
        assert listener.source.push(piece, SAMPLE_RATE)
    assert listener.source.ahead == pytest.approx(1.5)
    heard = listener.listen(2.0)
    np.testing.assert_array_equal(heard[: len(burst)], burst)
    assert not heard[len(burst) :].any()
    assert listener.elapsed() == pytest.approx(2.1)


def test_the_first_sound_after_silence_is_read_within_one_block_and_begins_with_it() -> None:
    listener = Listener()
    listener.listen(0.1)
    sleep_until(listener.clock, listener.clock.now() + 0.013)
    pushed = listener.clock.now()
    listener.source.push(speech(0.5), SAMPLE_RATE)
    assert listener.read()[0] != 0
    assert listener.clock.now() - pushed == pytest.approx(0.007)


def test_a_read_waits_no_longer_than_asked() -> None:
    listener = Listener()
    assert len(listener.read(0.005)) == 0
    assert listener.elapsed() == pytest.approx(0.005)
    assert len(listener.read(0.0)) == 0


def test_a_late_reader_gets_silence_for_what_it_missed_and_then_all_of_the_sound() -> None:
    listener = Listener()
    sound = speech(2.0)
    listener.source.push(sound, SAMPLE_RATE)
    sleep_until(listener.clock, listener.start + 1.0)
    late = listener.read()
    assert len(late) == SAMPLE_RATE
    assert not late[: SAMPLE_RATE * 4 // 5].any()
    heard = np.concatenate([late, listener.listen(2.0)])
    np.testing.assert_array_equal(heard[heard != 0], sound)


def test_more_than_fits_is_not_taken_and_can_be_pushed_later() -> None:
    listener = Listener()
    block = speech(1.0, 24_000)
    pushes = 0
    while listener.source.push(block, 24_000):
        pushes += 1
    assert pushes == AHEAD_SECONDS - 1
    before = listener.source.pushed
    assert not listener.source.push(block, 24_000)
    assert listener.source.pushed == before
    listener.listen(1.0)
    assert listener.source.push(block, 24_000)


def test_sound_waits_while_the_source_is_paused() -> None:
    listener = Listener()
    sound = speech(0.2)
    listener.source.push(sound, SAMPLE_RATE)
    listener.source.is_paused = True
    assert not listener.listen(0.5).any()
    listener.source.is_paused = False
    np.testing.assert_array_equal(listener.listen(0.2), sound)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_any_rate_becomes_16_khz_in_pieces_of_any_length_without_drift(rate: int) -> None:
    listener = Listener()
    sound = tone(10.0, rate)
    cuts = np.random.default_rng(1).choice(len(sound), 300, replace=False)
    for piece in np.split(sound, np.sort(cuts)):
        assert listener.source.push(piece, rate)
    assert abs(listener.source.pushed - 160_000) <= 1
    heard = listener.listen(10.0)
    expected = tone(10.0, SAMPLE_RATE)
    late = 160_000 - 8_000
    lags = range(64)  # one period
    offsets = [
        min(lags, key=lambda lag: float(np.abs(heard[at + lag : at + lag + 4000] - expected[at : at + 4000]).mean()))
        for at in (1_000, late)
    ]
    assert offsets[0] == offsets[1] <= 32


def test_a_new_rate_is_followed() -> None:
    listener = Listener()
    listener.source.push(tone(1.0, 24_000), 24_000)
    listener.source.push(tone(1.0, 48_000), 48_000)
    listener.source.push(tone(1.0, 16_000), 16_000)
    assert abs(listener.source.pushed - 48_000) <= 2
    assert np.abs(listener.listen(3.0)).max() < 1.1


def test_what_was_heard_is_told_by_the_frames_that_were_shown() -> None:
    listener = Listener()
    listener.listen(0.1)  # 2.5 frames
    listener.source.push(speech(0.1), SAMPLE_RATE)
    listener.listen(0.5)
    listener.source.push(speech(1.0), SAMPLE_RATE)
    listener.listen(1.0)
    shown = [listener.source.heard(frames) for frames in (0, 2, 3, 4, 5, 6, 15, 16, 20)]
    assert shown == [0, 0, 320, 960, 1600, 1600, 1600, 1600 + 640, 1600 + 5 * 640]


def test_clearing_forgets_what_was_not_shown_and_counts_it_as_not_heard() -> None:
    listener = Listener()
    listener.source.push(speech(2.0), SAMPLE_RATE)
    listener.listen(1.0)
    assert listener.source.clear(20) == 20 * HOP
    assert listener.source.clears == 1
    assert listener.source.ahead == 0
    assert not listener.listen(0.4).any()
    listener.source.push(speech(1.0), SAMPLE_RATE)
    listener.listen(0.4)
    told = [listener.source.heard(frames) for frames in (20, 25, 26, 35, 36)]
    assert told == [20 * HOP, 20 * HOP, 2 * SAMPLE_RATE, 2 * SAMPLE_RATE, 2 * SAMPLE_RATE + HOP]
    assert [listener.source.spans(index) for index in (19, 20, 26)] == [[(0, 19 * HOP, HOP)], [], []]


def test_the_places_of_sound_in_a_frame_are_told() -> None:
    listener = Listener()
    listener.listen(0.1)
    listener.source.push(speech(0.01), SAMPLE_RATE)
    listener.listen(0.02)
    listener.source.push(speech(0.05), SAMPLE_RATE)
    listener.listen(0.2)
    spans = [listener.source.spans(index) for index in (1, 2, 3, 4, 5)]
    assert spans == [[], [(320, 0, 160)], [(0, 160, 640)], [(0, 800, 160)], []]


def test_clearing_before_anything_was_heard_is_harmless() -> None:
    listener = Listener()
    assert listener.source.clear(0) == 0
    listener.source.push(speech(0.1), SAMPLE_RATE)
    assert listener.source.clear(0) == 0
    assert not listener.listen(0.2).any()


def test_a_clear_leaves_nothing_of_the_old_sound_in_the_resampler() -> None:
    listener = Listener()
    listener.source.push(np.ones(2400, np.float32), 24_000)
    listener.source.clear(0)
    listener.source.push(np.zeros(2400, np.float32), 24_000)
    assert not listener.listen(0.2).any()


@given(
    pushes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 30)), max_size=12),
    cleared_after=st.integers(0, 12),
)
def test_all_that_is_read_is_what_was_pushed_in_order_with_silence_between(
    pushes: list[tuple[int, int]], cleared_after: int
) -> None:
    listener = Listener()
    sound = speech(2.0)
    heard, expected, position = [], [], 0
    for number, (length, wait) in enumerate(pushes):
        piece = sound[position : position + length]
        position += length
        listener.source.push(piece, SAMPLE_RATE)
        expected.append(piece)
        if number == cleared_after:
            listener.source.clear(10_000)
            expected = [block[block != 0] for block in heard]
        heard.append(listener.listen(wait / 50))
    heard.append(listener.listen(2.0))
    everything = np.concatenate(heard)
    np.testing.assert_array_equal(everything[everything != 0], np.concatenate([*expected, np.zeros(0, np.float32)]))
    frames = -(-len(everything) // HOP)
    assert listener.source.heard(frames) <= listener.source.pushed
    told = [listener.source.heard(index) for index in range(frames + 1)]
    assert told == sorted(told)


def test_pcm16_becomes_samples() -> None:
    np.testing.assert_array_equal(decode_pcm16(b"\x00\x80\x00\x00\xff\x7f"), np.float32([-1, 0, 32767 / 32768]))


def a_session(
    then: Callable[[Frame], None], seconds: Callable[[int], float] = lambda index: 0.015
) -> tuple[Session, PacedSource, FakeSink]:
    clock = VirtualClock()
    source, sink = PacedSource(clock), FakeSink(clock, then)
    renderer = FakeRenderer(clock, seconds)
    session = Session(source, FakeStreamer(), renderer, an_avatar(), [sink], clock, Stats())
    return session, source, sink


def mouths(sink: FakeSink) -> list[int]:
    return [int(frame.image[0, 0, 1]) for frame in sink.frames]


def performed(session: Session, until: int, sink: FakeSink) -> None:
    session.start()
    while len(sink.frames) < until:
        assert not session.wait(0.01)
    session.stop()


def test_a_session_shows_pictures_without_a_break_and_opens_the_mouth_for_the_sound_only() -> None:
    sound = speech(1.0)
    pushed: list[float] = []

    def push_once(frame: Frame) -> None:
        if frame.index == 20:
            assert source.push(sound, SAMPLE_RATE)
            pushed.append(sink.moments[-1])

    session, source, sink = a_session(push_once)
    performed(session, 80, sink)
    heard = np.concatenate([frame.pcm for frame in sink.frames[:80]])
    np.testing.assert_array_equal(heard[heard != 0], sound)
    np.testing.assert_allclose(np.diff(sink.moments), 0.04, atol=0.001)
    opened = [index for index, mouth in enumerate(mouths(sink)[:80]) if mouth]
    assert opened == list(range(opened[0], opened[-1] + 1))
    assert len(opened) in (25, 26)
    assert sink.moments[opened[0]] - pushed[0] <= 0.19


@pytest.mark.parametrize("draw_ms", [1, 15, 35])
@pytest.mark.parametrize("moment_ms", [0, 7, 13, 19, 26, 33])
def test_an_interrupt_in_the_middle_of_a_burst_closes_the_mouth_within_100_ms_for_good(
    draw_ms: int, moment_ms: int
) -> None:
    interrupted: list[tuple[float, int]] = []

    def push_and_interrupt(frame: Frame) -> None:
        if frame.index == 0:
            source.push(np.full(10 * SAMPLE_RATE, 0.5, np.float32), SAMPLE_RATE)
        if frame.index == 40:
            sleep_until(session._clock, session._clock.now() + moment_ms / 1000)
            heard = source.clear(frame.index + 1)
            session.interrupt()
            interrupted.append((session._clock.now(), heard))
        if frame.index == 60:
            source.push(np.full(SAMPLE_RATE, 0.25, np.float32), SAMPLE_RATE)

    session, source, sink = a_session(push_and_interrupt, lambda index: draw_ms / 1000)
    performed(session, 110, sink)
    moment, heard = interrupted[0]
    sound = np.concatenate([frame.pcm for frame in sink.frames])
    assert heard == np.count_nonzero(sound == 0.5)
    closed = next(index for index in range(41, 110) if mouths(sink)[index] == 0)
    assert sink.moments[closed] - moment <= 0.1
    again = next(index for index in range(closed, 110) if mouths(sink)[index] > 0)
    assert again > 60
    assert not sound[41 * HOP : 61 * HOP].any()
    assert np.count_nonzero(sound == 0.25) == SAMPLE_RATE
    assert [frame.index for frame in sink.frames] == list(range(len(sink.frames)))
