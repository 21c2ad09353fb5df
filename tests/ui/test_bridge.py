"""Tests of the way of a frame into the window's thread."""

import time

from pytestqt.qtbot import QtBot

from liveface.ui.bridge import FrameBridge
from tests.ui.program import a_frame


def test_a_frame_that_is_held_back_arrives_when_it_is_due(qtbot: QtBot) -> None:
    bridge = FrameBridge()
    bridge.hold = lambda: 0.2
    sent = time.monotonic()
    with qtbot.waitSignal(bridge.arrived, timeout=10_000):
        bridge.send(a_frame(1))
        assert bridge.take() is None
    assert time.monotonic() - sent >= 0.2
    taken = bridge.take()
    assert taken is not None
    assert taken.index == 1
    assert bridge.take() is None


def test_a_frame_that_is_held_back_arrives_though_the_one_before_was_not_taken(qtbot: QtBot) -> None:
    bridge = FrameBridge()
    holds = iter([0.0, 0.02])
    bridge.hold = lambda: next(holds)
    bridge.send(a_frame(1))
    bridge.send(a_frame(2))
    with qtbot.waitSignal(bridge.arrived, timeout=10_000):
        pass
    taken = bridge.take()
    assert taken is not None
    assert taken.index == 2


def test_of_many_frames_only_the_latest_waits(qtbot: QtBot) -> None:
    bridge = FrameBridge()
    arrivals: list[None] = []
    bridge.arrived.connect(lambda: arrivals.append(None))
    for index in range(5):
        bridge.send(a_frame(index))
    taken = bridge.take()
    assert taken is not None
    assert taken.index == 4
    assert bridge.take() is None
    assert len(arrivals) == 1
