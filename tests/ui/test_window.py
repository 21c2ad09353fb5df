"""Tests of the window without a screen: what it shows, and what it asks the program for."""

from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
from PyQt6.QtGui import QColor, QDropEvent, QImage
from PyQt6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from liveface.app.desktop.notifications import Notice
from liveface.app.desktop.state import LiveMetrics, RunState
from liveface.ui.bridge import FrameBridge
from liveface.ui.window import Window
from tests.ui.program import FakeProgram, a_frame, a_portrait
from tests.ui.test_canvas import colour_at


def test_a_frame_from_another_part_is_shown_with_its_level_and_action_units(
    window: Window, program: FakeProgram, bridge: FrameBridge, qtbot: QtBot
) -> None:
    program.units = np.array([5.0, 2.5], np.float32)
    program.loudness = -6.0
    bridge.send(a_frame())
    middle = window.canvas.rect().center()
    qtbot.waitUntil(lambda: colour_at(window.canvas, middle.x(), middle.y()) == (200, 30, 60))
    qtbot.waitUntil(lambda: window.source.meter.share == 0.9)
    assert [bar.share for bar in window.live.bars] == [1.0, 0.5]


def test_the_main_button_stops_and_starts(window: Window, program: FakeProgram) -> None:
    assert window.controls.start.text() == " Stop"
    window.controls.start.click()
    assert window.controls.start.text() == " Start"
    window.controls.start.click()
    assert program.calls == [("stop",), ("start",)]


def test_mute_is_told_and_shown(window: Window, program: FakeProgram, qtbot: QtBot) -> None:
    window.controls.mute.click()
    assert program.calls == [("mute", True)]
    qtbot.waitUntil(lambda: window.canvas.accessibleDescription() == "Muted")
    window.controls.mute.click()
    assert program.calls[-1] == ("mute", False)


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (RunState("starting", False, "clara", None), "Getting ready…"),
        (RunState("live", False, "clara", None), "Live"),
        (RunState("live", True, "clara", None), "Nothing to hear"),
        (RunState("stopped", False, "clara", None), "Stopped"),
    ],
)
def test_the_face_says_how_it_stands(
    window: Window, program: FakeProgram, qtbot: QtBot, standing: RunState, words: str
) -> None:
    program.stands = standing
    qtbot.waitUntil(lambda: window.canvas.accessibleDescription() == words)
    assert window.controls.interrupt.isEnabled() == (standing.phase == "live")


def test_push_to_talk_is_heard_only_while_the_button_is_held(
    window: Window, program: FakeProgram, qtbot: QtBot
) -> None:
    window.settings.switches["is_push_to_talk"].click()
    assert program.calls[-1] == ("mute", True)
    qtbot.mousePress(window.controls.talk, Qt.MouseButton.LeftButton)
    assert program.calls[-1] == ("mute", False)
    qtbot.mouseRelease(window.controls.talk, Qt.MouseButton.LeftButton)
    assert program.calls[-1] == ("mute", True)
    window.settings.switches["is_push_to_talk"].click()
    assert program.calls[-1] == ("mute", False)


def test_figures_are_shown_as_they_change(window: Window, program: FakeProgram, qtbot: QtBot) -> None:
    program.measured = LiveMetrics(24.96, (145.2, 151.7), 3, 240.0)
    qtbot.waitUntil(lambda: window.live.fps.value.text() == "25.0")
    assert window.live.typical.value.text() == "145 ms"
    assert window.live.worst.value.text() == "152 ms"
    assert window.live.skipped.value.text() == "3"
    assert "0.2 s of sound" in window.live.lost.text()


def test_a_machine_that_stays_too_slow_is_told(window: Window, program: FakeProgram, qtbot: QtBot) -> None:
    program.measured = LiveMetrics(9.0, None, 300, 0.0)
    for _ in range(4):
        window._glances = 0
        window._glance()
    assert window.canvas.accessibleDescription() == "Live"
    for _ in range(4):
        window._glances = 0
        window._glance()
    assert window.canvas.accessibleDescription() == "Live, but this machine is busy"


def test_a_refused_photo_is_explained_and_another_can_be_chosen(
    window: Window, program: FakeProgram, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (["/photos/better.jpg"], ""))
    program.news.append(Notice("No face was found in cat.jpg.", True, "photo", "cat"))
    qtbot.waitUntil(window.notice.isVisible)
    assert window.notice.text.text() == "No face was found in cat.jpg."
    window.notice.action.click()
    assert program.calls[-1] == ("add", Path("/photos/better.jpg"))
    assert not window.notice.isVisible()


@pytest.mark.parametrize(
    ("remedy", "call"),
    [
        ("retry", ("start",)),
        ("sample", ("open_file", Path("speech.wav"))),
        ("undo", ("restore", "anna")),
        ("recover", ("recover", Path("anna"))),
        ("show", ("show", Path("anna"))),
    ],
)
def test_a_notice_offers_its_remedy(
    window: Window, program: FakeProgram, qtbot: QtBot, remedy: str, call: tuple[object, ...]
) -> None:
    program.news.append(Notice("Something happened.", False, remedy, "anna"))  # type: ignore[arg-type]
    qtbot.waitUntil(window.notice.isVisible)
    window.notice.action.click()
    assert program.calls[-1] == call


def dropped(window: Window, data: QMimeData) -> None:
    buttons, modifiers = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, buttons, modifiers))


def test_a_dropped_photo_becomes_a_face_and_a_dropped_sound_speaks(window: Window, program: FakeProgram) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/a/me.JPG"), QUrl.fromLocalFile("/a/talk.mp3")])
    dropped(window, data)
    assert program.calls == [("add", Path("/a/me.JPG")), ("open_file", Path("/a/talk.mp3"))]


def test_a_file_of_another_kind_is_handed_on_to_be_refused(window: Window, program: FakeProgram) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/a/letter.pdf")])
    dropped(window, data)
    assert program.calls == [("add", Path("/a/letter.pdf"))]


def test_a_pasted_picture_becomes_a_face(window: Window, program: FakeProgram) -> None:
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(QColor(10, 20, 30))
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    clipboard.setImage(image)
    window.paste()
    name, content = program.calls[-1]
    assert name == "add"
    assert isinstance(content, bytes)
    assert content.startswith(b"\x89PNG")


def test_panels_open_and_close_and_are_remembered(window: Window, program: FakeProgram) -> None:
    assert window.live.isVisible()
    window.controls.settings.click()
    assert window.settings.isVisible()
    assert not window.live.isVisible()
    window.controls.settings.click()
    assert not window.settings.isVisible()
    assert [call for call in program.calls if call[0] == "change"] == [
        ("change", "panel", "settings"),
        ("change", "panel", ""),
    ]


def test_a_small_window_keeps_its_room_for_the_face(window: Window) -> None:
    window.resize(window.minimumSize())
    assert not window.gallery.isVisible()
    assert not window.live.isVisible()
    window.resize(1180, 760)
    assert window.gallery.isVisible()
    assert window.live.isVisible()


def test_a_small_window_grows_for_what_is_asked_for(window: Window) -> None:
    window.resize(window.minimumSize())
    window.controls.settings.click()
    assert window.settings.isVisible()
    assert not window.gallery.isVisible()
    assert window.controls.width() >= 440
    window.controls.faces.click()
    assert window.gallery.isVisible()
    assert not window.settings.isVisible()
    window.controls.faces.click()
    assert not window.gallery.isVisible()
    assert window.settings.isVisible()


def test_nothing_but_the_face_fills_the_window(window: Window) -> None:
    window.show_bare(True)
    assert window.canvas.size() == window.size()
    window.show_bare(False)
    assert window.controls.isVisible()


def test_the_place_of_the_window_is_remembered(window: Window, program: FakeProgram) -> None:
    window.close()
    name, preference, value = program.calls[-1]
    assert (name, preference) == ("change", "geometry")
    assert value


def test_the_running_recording_is_shown(window: Window, program: FakeProgram, qtbot: QtBot) -> None:
    window.controls.record.click()
    assert program.calls[-1] == ("record", True)
    window._glance()
    assert window.controls.record.isChecked()  # though it has not begun yet
    program.stands = RunState("live", False, "clara", 65.0)
    qtbot.waitUntil(lambda: window.canvas._recorded == "1:05")
    assert window.controls.record.isChecked()


def test_the_worn_face_is_chosen_in_the_gallery(window: Window, program: FakeProgram, qtbot: QtBot) -> None:
    program.faces.append(a_portrait("anna", is_shipped=False))
    program.stands = RunState("live", False, "anna", None)
    qtbot.waitUntil(lambda: (item := window.gallery.list.currentItem()) is not None and item.text() == "Anna")
    assert ("change", "avatar", "anna") not in program.calls  # it is worn already
