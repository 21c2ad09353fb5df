"""Tests of several sinks at once: what a slow or broken one does to itself, and what not to the others."""

import threading

import numpy as np
import pytest

from liveface.app.outputs.fan_out import FanOut
from liveface.app.session.clock import MonotonicClock
from liveface.engine.errors import OutputError
from liveface.engine.media import HOP, Frame
from tests.app.fakes import FakeSink

CLOCK = MonotonicClock()


def a_frame(index: int) -> Frame:
    return Frame(index, np.zeros((4, 4, 3), np.uint8), np.zeros(HOP, np.float32), True)


class HeldSink(FakeSink):
    """Takes a frame only when it is let."""

    def __init__(self) -> None:
        super().__init__(CLOCK)
        self.has_begun = threading.Event()
        self.may_go_on = threading.Event()

    def send(self, frame: Frame) -> None:
        self.has_begun.set()
        assert self.may_go_on.wait(10)
        super().send(frame)


class BrokenSink(FakeSink):
    """Fails in one of its methods."""

    def __init__(self, method: str) -> None:
        super().__init__(CLOCK)
        self._method = method

    def _step(self, name: str) -> None:
        if name == self._method:
            raise OutputError(f"{name} fails")

    def open(self, width: int, height: int) -> None:
        self._step("open")
        super().open(width, height)

    def send(self, frame: Frame) -> None:
        self._step("send")
        super().send(frame)

    def close(self, completed: bool) -> None:
        super().close(completed)
        self._step("close")


def indices(sink: FakeSink) -> list[int]:
    return [frame.index for frame in sink.frames]


def test_every_sink_gets_every_frame_in_order() -> None:
    sinks = [FakeSink(CLOCK) for _ in range(3)]
    fan = FanOut(CLOCK)
    for number, sink in enumerate(sinks):
        fan.add(f"sink {number}", sink, waiting_ms=4000)
    fan.open(4, 2)
    for index in range(100):
        fan.send(a_frame(index))
    fan.close(completed=True)
    for sink in sinks:
        assert indices(sink) == list(range(100))
        assert (sink.size, sink.completed) == ((4, 2), True)


def test_a_slow_sink_loses_only_its_own_oldest_frames_and_they_are_counted() -> None:
    slow, fast = HeldSink(), FakeSink(CLOCK)
    fan = FanOut(CLOCK)
    fan.add("slow", slow)
    fan.add("fast", fast, waiting_ms=4000)
    fan.open(4, 4)
    fan.send(a_frame(0))
    assert slow.has_begun.wait(10)
    for index in range(1, 21):
        fan.send(a_frame(index))
    assert fan.deliveries()["slow"].dropped == 15
    assert fan.deliveries()["slow"].waiting_ms == 200
    slow.may_go_on.set()
    fan.close(completed=True)
    assert indices(slow) == [0, 16, 17, 18, 19, 20]
    assert indices(fast) == list(range(21))


def test_sinks_come_and_go_while_frames_flow() -> None:
    first, second = FakeSink(CLOCK), FakeSink(CLOCK)
    fan = FanOut(CLOCK)
    fan.add("first", first, waiting_ms=1000)
    fan.open(4, 4)
    fan.send(a_frame(0))
    fan.add("second", second, waiting_ms=1000)
    fan.send(a_frame(1))
    delivery = fan.remove("first")
    fan.send(a_frame(2))
    fan.close(completed=False)
    assert delivery is not None
    assert (delivery.sent, delivery.dropped, delivery.failure) == (2, 0, None)
    assert (indices(first), first.completed) == ([0, 1], True)
    assert set(indices(second)) <= {1, 2}
    assert second.completed is False
    assert fan.remove("first") is None


def test_a_sink_that_fails_is_reported_once_and_closed_and_the_others_go_on() -> None:
    reports: list[tuple[str, str]] = []
    broken, good = BrokenSink("send"), FakeSink(CLOCK)
    fan = FanOut(CLOCK, lambda name, error: reports.append((name, str(error))))
    fan.add("broken", broken)
    fan.add("good", good, waiting_ms=1000)
    fan.open(4, 4)
    for index in range(10):
        fan.send(a_frame(index))
    delivery = fan.remove("broken")
    fan.close(completed=True)
    assert delivery is not None
    assert isinstance(delivery.failure, OutputError)
    assert (broken.completed, broken.frames) == (False, [])
    assert indices(good) == list(range(10))
    assert reports == [("broken", "send fails")]


def test_a_sink_that_cannot_be_opened_is_reported_and_the_others_are_opened() -> None:
    reports: list[str] = []
    good = FakeSink(CLOCK)
    fan = FanOut(CLOCK, lambda name, error: reports.append(name))
    fan.add("broken", BrokenSink("open"))
    fan.add("good", good)
    fan.open(4, 4)
    assert (reports, good.size, list(fan.deliveries())) == (["broken"], (4, 4), ["good"])
    fan.close(completed=True)


def test_a_sink_that_is_added_later_says_at_once_why_it_cannot_be_opened() -> None:
    fan = FanOut(CLOCK)
    fan.open(4, 4)
    with pytest.raises(OutputError, match="open fails"):
        fan.add("broken", BrokenSink("open"))
    assert not fan.deliveries()
    fan.close(completed=True)


def test_a_recording_that_cannot_be_finished_is_told_to_who_ends_it() -> None:
    reports: list[str] = []
    fan = FanOut(CLOCK, lambda name, error: reports.append(name))
    fan.add("recording", BrokenSink("close"))
    fan.open(4, 4)
    delivery = fan.remove("recording")
    assert delivery is not None
    assert str(delivery.failure) == "close fails"
    assert reports == ["recording"]
    fan.close(completed=True)


def test_a_sink_may_be_removed_where_its_failure_is_reported() -> None:
    has_gone = threading.Event()

    def give_up(name: str, error: Exception) -> None:
        fan.remove(name)
        has_gone.set()

    fan = FanOut(CLOCK, give_up)
    fan.add("broken", BrokenSink("send"))
    fan.open(4, 4)
    fan.send(a_frame(0))
    assert has_gone.wait(10)
    assert not fan.deliveries()
    fan.close(completed=True)


def test_no_thread_outlives_the_fan_out() -> None:
    fan = FanOut(CLOCK)
    fan.open(4, 4)
    fan.add("camera", FakeSink(CLOCK))
    assert "liveface camera" in {thread.name for thread in threading.enumerate()}
    fan.close(completed=True)
    fan.close(completed=True)
    assert "liveface camera" not in {thread.name for thread in threading.enumerate()}


def test_a_sink_that_comes_when_all_is_over_is_closed_again() -> None:
    class Late(FakeSink):
        def open(self, width: int, height: int) -> None:
            super().open(width, height)
            fan.close(completed=True)

    fan, late = FanOut(CLOCK), Late(CLOCK)
    fan.open(4, 4)
    fan.add("late", late)
    assert late.completed is False
    assert not fan.deliveries()
