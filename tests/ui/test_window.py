"""Tests of the window without a screen."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from PyQt6.QtCore import QSize, Qt
from pytestqt.qtbot import QtBot

from engine.errors import DeviceError
from engine.media import HOP, Frame
from ui.bridge import FrameBridge
from ui.canvas import Canvas
from ui.meters import LevelMeter
from ui.window import Window


def a_frame(index: int = 0, colour: tuple[int, int, int] = (200, 30, 60), peak: float = 0.5) -> Frame:
    image = np.full((100, 200, 3), colour, np.uint8)
    return Frame(index, image, np.full(HOP, peak, np.float32), True)


class FakePerformance:
    def __init__(self, status: Callable[[], tuple[bool, str]] = lambda: (True, "25.0 fps")) -> None:
        self.calls: list[str] = []
        self.status = status

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def mute(self, is_muted: bool) -> None:
        self.calls.append("mute" if is_muted else "unmute")


@pytest.fixture
def performance() -> FakePerformance:
    return FakePerformance()


@pytest.fixture
def window(qtbot: QtBot, performance: FakePerformance) -> Window:
    made = Window("someone", FrameBridge(), performance)
    qtbot.addWidget(made)
    made.toggle_running()
    return made


def colour_at(canvas: Canvas, x: int, y: int) -> tuple[int, int, int]:
    colour = canvas.grab().toImage().pixelColor(x, y)
    return colour.red(), colour.green(), colour.blue()


def test_the_picture_keeps_its_proportions_and_colours(qtbot: QtBot) -> None:
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(400, 400)
    canvas.show_picture(a_frame().image)
    assert colour_at(canvas, 200, 200) == (200, 30, 60)
    assert colour_at(canvas, 5, 110) == (200, 30, 60)
    assert colour_at(canvas, 200, 90) != (200, 30, 60)
    assert canvas.sizeHint() == QSize(200, 100)


def test_a_picture_at_its_own_size_is_shown_pixel_for_pixel(qtbot: QtBot) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.show_picture(picture)
    for x, y in ((0, 0), (399, 299), (123, 45)):
        assert colour_at(canvas, x, y) == tuple(picture[y, x])


def test_the_window_shows_a_frame_that_another_part_sends(window: Window, qtbot: QtBot) -> None:
    window.canvas.resize(400, 200)
    window._bridge.send(a_frame())
    qtbot.waitUntil(lambda: colour_at(window.canvas, 200, 100) == (200, 30, 60))
    assert window.meter.share > 0.8


def test_the_window_fits_the_picture(window: Window) -> None:
    window.canvas.show_picture(np.zeros((480, 640, 3), np.uint8))
    window.fit()
    window.show()
    assert window.canvas.size() == QSize(640, 480)


def test_a_frame_that_is_held_back_arrives_when_it_is_due(qtbot: QtBot) -> None:
    bridge = FrameBridge()
    bridge.hold = lambda: 0.05
    sent = time.monotonic()
    with qtbot.waitSignal(bridge.arrived, timeout=1000):
        bridge.send(a_frame(1))
        assert bridge.take() is None
    assert 0.05 <= time.monotonic() - sent < 0.5
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
    with qtbot.waitSignal(bridge.arrived, timeout=1000):
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


@pytest.mark.parametrize("key", [Qt.Key.Key_Space, Qt.Key.Key_M])
def test_space_and_m_mute_and_unmute(window: Window, performance: FakePerformance, qtbot: QtBot, key: Qt.Key) -> None:
    window.show()
    performance.calls.clear()
    qtbot.keyClick(window, key)
    qtbot.keyClick(window, key)
    assert performance.calls == ["mute", "unmute"]


def test_escape_stops_and_closes(window: Window, performance: FakePerformance, qtbot: QtBot) -> None:
    window.show()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.isVisible())
    assert performance.calls[-1] == "stop"
    assert window.failure is None


def test_the_button_stops_and_starts_again(window: Window, performance: FakePerformance) -> None:
    performance.calls.clear()
    window.start_button.click()
    assert window.start_button.text() == "Start"
    window.start_button.click()
    assert window.start_button.text() == "Stop"
    assert performance.calls == ["stop", "start", "unmute"]


def test_a_new_start_stays_muted(window: Window, performance: FakePerformance) -> None:
    window.mute_button.toggle()
    window.start_button.click()
    window.start_button.click()
    assert performance.calls[-1] == "mute"


def test_the_status_line_tells_how_it_goes(window: Window, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.status.text() == "25.0 fps")


def test_the_end_of_the_sound_offers_a_new_start(qtbot: QtBot) -> None:
    performance = FakePerformance(lambda: (False, "0 fps"))
    window = Window("someone", FrameBridge(), performance)
    qtbot.addWidget(window)
    window.toggle_running()
    qtbot.waitUntil(lambda: window.start_button.text() == "Start")
    assert performance.calls[-1] == "stop"


def test_a_failure_closes_the_window_and_is_kept(qtbot: QtBot) -> None:
    def lost() -> tuple[bool, str]:
        raise DeviceError("the microphone has gone")

    window = Window("someone", FrameBridge(), FakePerformance(lost))
    qtbot.addWidget(window)
    window.show()
    window.toggle_running()
    qtbot.waitUntil(lambda: not window.isVisible())
    assert isinstance(window.failure, DeviceError)


def test_the_meter_rises_at_once_and_falls_slowly(qtbot: QtBot) -> None:
    meter = LevelMeter()
    qtbot.addWidget(meter)
    meter.show_level(1.0)
    assert meter.share == 1
    meter.show_level(0.0)
    assert 0.8 < meter.share < 1
    meter.show_level(0.001)
    for _ in range(20):
        meter.show_level(0.0)
    assert meter.share == 0
    assert not meter.grab().isNull()
