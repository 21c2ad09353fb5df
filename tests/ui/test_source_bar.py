"""Tests of what is heard: the microphone, or a file with its transport."""

import pytest
from PyQt6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from liveface.app.desktop.state import Playback
from liveface.ui.source_bar import SourceBar
from tests.ui.program import FakeProgram


@pytest.fixture
def program() -> FakeProgram:
    return FakeProgram()


@pytest.fixture
def bar(qtbot: QtBot, program: FakeProgram) -> SourceBar:
    made = SourceBar(program)
    qtbot.addWidget(made)
    made.resize(640, 40)
    made.show()
    return made


def test_the_microphone_gives_way_to_a_file_and_comes_back(bar: SourceBar, program: FakeProgram) -> None:
    bar.look()
    assert bar.microphone.isVisible()
    program.file = Playback("talk.mp3", 4.2, 75.0, True)
    bar.look()
    assert not bar.microphone.isVisible()
    assert bar.transport.name.text() == "talk"
    assert bar.transport.times.text() == "0:04 / 1:15"
    bar.back_button.click()
    assert program.calls == [("open_file", None)]


def test_the_button_pauses_and_plays(bar: SourceBar, program: FakeProgram) -> None:
    for is_playing in (True, False):
        program.file = Playback("talk.mp3", 0.0, 75.0, is_playing)
        bar.look()
        assert bar.transport.button.accessibleName() == ("Pause" if is_playing else "Play")
        bar.transport.button.click()
        assert program.calls[-1] == ("play", not is_playing)


def test_it_is_wound_by_pointer_and_keys(bar: SourceBar, program: FakeProgram, qtbot: QtBot) -> None:
    program.file = Playback("talk.mp3", 10.0, 80.0, True)
    bar.look()
    slider = bar.transport.slider
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(slider.width() // 2, 5))
    bar.look()  # the file goes on meanwhile, the handle stays with the pointer
    assert program.calls == []
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton)
    [(name, seconds)] = program.calls
    assert name == "seek"
    assert seconds == pytest.approx(40.0, abs=0.5)
    bar.look()
    for key, expected in ((Qt.Key.Key_Right, 10.5), (Qt.Key.Key_PageDown, 5.5), (Qt.Key.Key_End, 80.0)):
        qtbot.keyClick(slider, key)
        assert program.calls[-1] == ("seek", pytest.approx(expected))
