"""Tests of a session with stand-ins for engine and devices, in virtual time."""

import threading
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveface.app.session.clock import steady_delay_ms
from liveface.app.session.session import Session
from liveface.app.session.stats import Stats
from liveface.app.settings import BOUND_MS
from liveface.engine.drawing.liveliness import Liveliness
from liveface.engine.errors import AudioError, DeviceError, OutputError
from liveface.engine.expression import REST, Expression
from liveface.engine.media import HOP, SAMPLE_RATE, Frame, Samples
from tests.app.fakes import FakeRenderer, FakeSink, FakeSource, FakeStreamer, VirtualClock, an_avatar


def noise(seconds: float) -> Samples:
    return np.random.default_rng(0).uniform(-1, 1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def a_session(
    pcm: Samples,
    *,
    live: bool,
    seconds: Callable[[int], float] = lambda index: 0.0,
    then: Callable[[Frame], None] = lambda frame: None,
    lookahead: int = 2,
    block: int = HOP // 2,
    liveliness: Liveliness | None = None,
) -> tuple[Session, FakeSink, FakeRenderer]:
    clock = VirtualClock()
    renderer = FakeRenderer(clock, seconds)
    sink = FakeSink(clock, then)
    source = FakeSource(pcm, clock, live=live, block=block)
    session = Session(source, FakeStreamer(lookahead), renderer, an_avatar(), [sink], clock, Stats(), liveliness)
    return session, sink, renderer


def performed(session: Session) -> Session:
    session.start()
    assert session.wait(60)
    session.stop()
    return session


def joined(sink: FakeSink) -> Samples:
    return np.concatenate([frame.pcm for frame in sink.frames])


def test_a_file_gives_every_picture_with_its_own_sound() -> None:
    pcm = noise(2.01)
    session, sink, _ = a_session(pcm, live=False)
    performed(session)
    assert [frame.index for frame in sink.frames] == list(range(51))
    assert all(frame.drawn for frame in sink.frames)
    np.testing.assert_array_equal(joined(sink)[: len(pcm)], pcm)
    assert sink.size == (64, 48)
    assert sink.completed


def test_a_slow_renderer_loses_no_picture_of_a_file() -> None:
    session, sink, _ = a_session(noise(1), live=False, seconds=lambda index: 0.5)
    performed(session)
    assert all(frame.drawn for frame in sink.frames)
    assert [int(frame.image[0, 0, 0]) for frame in sink.frames] == list(range(25))


def test_live_pictures_come_every_40_ms_within_the_published_bound() -> None:
    session, sink, _ = a_session(noise(4), live=True, seconds=lambda index: 0.015)
    report = performed(session).report()
    np.testing.assert_allclose(np.diff(sink.moments), 0.04, atol=1e-6)
    assert (report.frames, report.skipped) == (100, 0)
    assert report.fps == pytest.approx(25)
    assert report.mic_to_picture_ms is not None
    assert report.mic_to_picture_ms.p50 == pytest.approx(145, abs=0.1)
    assert report.mic_to_picture_ms.p99 <= BOUND_MS


def test_one_late_picture_is_repeated_and_counted_and_its_sound_is_not() -> None:
    pcm = noise(4)
    session, sink, _ = a_session(pcm, live=True, seconds=lambda index: 0.07 if index == 50 else 0.015)
    report = performed(session).report()
    assert [frame.index for frame in sink.frames if not frame.drawn] == [50]
    assert report.skipped == 1
    assert int(sink.frames[50].image[0, 0, 0]) == 49
    np.testing.assert_array_equal(joined(sink), pcm)
    assert report.mic_to_picture_ms is not None
    assert report.mic_to_picture_ms.p99 <= BOUND_MS


def test_a_stall_of_half_a_second_is_made_up_for_at_once() -> None:
    pcm = noise(4)
    session, sink, _ = a_session(pcm, live=True, seconds=lambda index: 0.5 if index == 40 else 0.01)
    report = performed(session).report()
    missing = [frame.index for frame in sink.frames if not frame.drawn]
    assert missing
    assert set(missing) <= set(range(40, 56))
    np.testing.assert_array_equal(joined(sink), pcm)
    assert report.mic_to_picture_ms is not None
    assert report.mic_to_picture_ms.p99 <= BOUND_MS


@pytest.mark.parametrize("seconds", [0.064, 0.066, 0.1])
def test_a_machine_that_is_never_in_time_still_moves_the_face(seconds: float) -> None:
    session, sink, _ = a_session(noise(4), live=True, seconds=lambda index: seconds)
    performed(session)
    shown = {int(frame.image[0, 0, 0]) for frame in sink.frames}
    assert len(shown) >= 25
    assert [frame.index for frame in sink.frames] == list(range(100))


def test_a_machine_slightly_too_slow_keeps_the_delay_and_most_pictures() -> None:
    session, sink, _ = a_session(noise(8), live=True, seconds=lambda index: 0.045)
    report = performed(session).report()
    assert report.skipped <= 100
    assert report.mic_to_picture_ms is not None
    assert report.mic_to_picture_ms.p99 <= BOUND_MS + 15
    assert np.diff(sink.moments).max() < 0.08


def test_the_steady_delay_with_all_queues_stays_within_the_published_bound() -> None:
    assert steady_delay_ms(FakeStreamer(lookahead=2).latency) <= BOUND_MS


def test_an_interrupt_closes_the_mouth_within_100_ms_and_new_sound_opens_it_again() -> None:
    pcm = np.full(SAMPLE_RATE * 4, 0.5, np.float32)
    moments: list[float] = []

    def interrupt_once(frame: Frame) -> None:
        if frame.index == 30:
            session.interrupt()
            moments.append(sink.moments[-1])

    session, sink, _ = a_session(pcm, live=True, seconds=lambda index: 0.015, then=interrupt_once)
    performed(session)
    mouths = [int(frame.image[0, 0, 1]) for frame in sink.frames]
    closed = next(i for i in range(31, 100) if mouths[i] == 0)
    assert sink.moments[closed] - moments[0] <= 0.1
    opened = next(i for i in range(closed, 100) if mouths[i] > 0)
    assert opened - closed <= 4
    assert min(mouths[opened + 1 :]) > 0
    assert [frame.index for frame in sink.frames] == list(range(100))
    np.testing.assert_allclose(np.diff(sink.moments), 0.04, atol=0.01)


@pytest.mark.parametrize("lookahead", [0, 2, 6])
def test_no_sound_that_was_read_before_an_interrupt_is_heard_after_it(lookahead: int) -> None:
    heard: list[int] = []

    def interrupt_while_drawing(index: int) -> float:
        if len(sink.frames) < 30 or heard:
            return 0.015
        session.interrupt()
        heard.append(session._heard)
        return 0.1  # so that this frame is handed over before the engine sees the interrupt

    session, sink, _ = a_session(noise(3), live=True, seconds=interrupt_while_drawing, lookahead=lookahead)
    performed(session)
    assert joined(sink)[: 30 * HOP].all()
    assert not joined(sink)[30 * HOP : heard[0]].any()
    assert joined(sink)[-HOP * 25 :].all()


@settings(max_examples=8)
@given(
    interrupts=st.sets(st.integers(0, 49), max_size=5),
    block=st.integers(100, 1500),
    lookahead=st.integers(0, 6),
    draw_ms=st.integers(0, 50),
)
def test_interrupts_at_any_time_neither_lose_nor_repeat_a_frame(
    interrupts: set[int], block: int, lookahead: int, draw_ms: int
) -> None:
    pcm = noise(2)
    session, sink, _ = a_session(
        pcm,
        live=True,
        seconds=lambda index: draw_ms / 1000,
        then=lambda frame: session.interrupt() if frame.index in interrupts else None,
        lookahead=lookahead,
        block=block,
    )
    performed(session)
    assert [frame.index for frame in sink.frames] == list(range(50))
    for frame in sink.frames:
        own = pcm[frame.index * HOP : (frame.index + 1) * HOP]
        assert not frame.pcm.any() or (frame.pcm[frame.pcm != 0] == own[frame.pcm != 0]).all()
    assert interrupts or (joined(sink) == pcm).all()


def test_an_interrupt_before_any_sound_changes_nothing() -> None:
    session, sink, _ = a_session(noise(1), live=True)
    session.interrupt()
    performed(session)
    assert len(sink.frames) == 25


def test_a_muted_source_closes_the_mouth() -> None:
    session, sink, _ = a_session(noise(2), live=True, then=lambda frame: session.mute(frame.index >= 20))
    performed(session)
    mouths = [int(frame.image[0, 0, 1]) for frame in sink.frames]
    assert min(mouths[:20]) > 0
    assert max(mouths[26:]) == 0


def test_what_fails_in_a_sink_is_raised_by_stop_and_the_output_is_not_complete() -> None:
    def fail(frame: Frame) -> None:
        if frame.index == 5:
            raise OutputError("the disk is full")

    session, sink, _ = a_session(noise(2), live=False, then=fail)
    session.start()
    assert session.wait(60)
    with pytest.raises(OutputError, match="disk is full"):
        session.stop()
    assert sink.completed is False
    session.stop()


def test_every_sink_is_closed_whichever_of_them_fails() -> None:
    clock, closed = VirtualClock(), []

    class Failing(FakeSink):
        def close(self, completed: bool) -> None:
            closed.append(self)
            raise OutputError("it cannot be closed")

    sinks = [Failing(clock), Failing(clock), FakeSink(clock)]
    source = FakeSource(noise(0.2), clock, live=False)
    session = Session(source, FakeStreamer(2), FakeRenderer(clock), an_avatar(), sinks, clock, Stats())
    session.start()
    assert session.wait(60)
    with pytest.raises(OutputError, match="cannot be closed"):
        session.stop()
    assert closed == sinks[:2]
    assert sinks[2].completed is True
    assert not source.is_open


def test_after_a_long_stall_it_goes_on_with_what_is_heard_then() -> None:
    stalled = []

    def draw(index: int) -> float:
        if index == 50 and not stalled:
            stalled.append(index)
            return 5.0
        return 0.0

    pcm = np.full(10 * SAMPLE_RATE, 0.5, np.float32)
    session, sink, _ = a_session(pcm, live=True, seconds=draw)
    performed(session)
    assert [frame.index for frame in sink.frames] == list(range(len(sink.frames)))
    assert len(sink.frames) == pytest.approx(25 * 5, abs=8)  # what came during the stall was neither heard nor shown
    assert session.report().lost_ms == pytest.approx(5000, abs=200)
    later = sink.frames[60:]
    assert all(frame.drawn for frame in later[:-5])
    gaps = np.diff(sink.moments[60:-5])
    assert gaps.max() < 0.1


def test_what_fails_in_the_engine_is_raised_by_stop() -> None:
    def fail(index: int) -> float:
        if index == 20:
            raise AudioError("not a number")
        return 0.0

    session, sink, _ = a_session(noise(2), live=True, seconds=fail)
    session.start()
    assert session.wait(60)
    with pytest.raises(AudioError):
        session.stop()
    assert len(sink.frames) <= 21


def test_a_source_that_cannot_be_opened_closes_the_sinks() -> None:
    session, sink, _ = a_session(noise(1), live=True)

    def refuse() -> float:
        raise DeviceError("no microphone")

    session._source.open = refuse  # type: ignore[method-assign]
    with pytest.raises(DeviceError):
        session.start()
    assert sink.completed is False


@pytest.mark.parametrize("live", [False, True])
def test_stopping_early_discards_a_file_but_keeps_what_was_live(live: bool) -> None:
    first_seen = threading.Event()
    session, sink, _ = a_session(noise(600), live=live, then=lambda frame: first_seen.set())
    session.start()
    assert first_seen.wait(60)
    session.stop()
    assert sink.completed is live
    assert len(sink.frames) < 15_000


def test_a_session_that_runs_long_keeps_bounded_records() -> None:
    session, sink, _ = a_session(np.zeros(HOP * 5000, np.float32), live=False)
    performed(session)
    assert len(sink.frames) == 5000
    assert len(session._stats._moments) == 3000


def lived(
    pcm: Samples, *, live: bool, block: int = HOP // 2, liveliness: Liveliness | None = None
) -> dict[int, Expression]:
    """What the face did besides speaking, of each picture that was drawn."""
    session, _, renderer = a_session(pcm, live=live, block=block, liveliness=liveliness)
    performed(session)
    return {motion.index: motion.expression for motion in renderer.motions[1:]}


def test_the_same_sound_moves_the_head_equally_live_and_from_a_file_and_once_more() -> None:
    pcm, liveliness = noise(4), Liveliness(3)
    offline = lived(pcm, live=False, block=3 * HOP + 7, liveliness=liveliness)
    assert len({expression.yaw for expression in offline.values()}) > 90
    assert lived(pcm, live=False, block=HOP // 2, liveliness=liveliness) == offline
    live = lived(pcm, live=True, liveliness=Liveliness(3))
    assert live == {index: offline[index] for index in live}


def test_a_skipped_picture_leaves_the_others_as_they_were() -> None:
    pcm = noise(3)
    offline = lived(pcm, live=False, liveliness=Liveliness(0))
    session, sink, renderer = a_session(
        pcm, live=True, seconds=lambda index: 0.2 if index == 20 else 0.0, liveliness=Liveliness(0)
    )
    performed(session)
    assert not all(frame.drawn for frame in sink.frames)
    assert all(motion.expression == offline[motion.index] for motion in renderer.motions[1:])


def test_without_liveliness_the_face_does_nothing_but_speak() -> None:
    assert set(lived(noise(4), live=False).values()) == {REST}
