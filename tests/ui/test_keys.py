"""Tests of the keys, and that everything can be reached and is named without a pointer."""

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QAbstractButton, QApplication, QDialog, QLabel, QWidget
from pytestqt.qtbot import QtBot

from liveface.app.desktop.notifications import Notice
from liveface.app.desktop.state import Playback
from liveface.ui.window import Window
from tests.ui.program import FakeProgram

_CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def active(window: Window, qtbot: QtBot) -> Window:
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


@pytest.mark.parametrize(
    ("key", "modifier", "call"),
    [
        (Qt.Key.Key_Return, _CONTROL, ("stop",)),
        (Qt.Key.Key_M, Qt.KeyboardModifier.NoModifier, ("mute", True)),
        (Qt.Key.Key_I, Qt.KeyboardModifier.NoModifier, ("interrupt",)),
        (Qt.Key.Key_R, _CONTROL, ("record", True)),
        (Qt.Key.Key_S, _CONTROL, ("snapshot",)),
        (Qt.Key.Key_K, _CONTROL, ("send", "camera", True)),
        (Qt.Key.Key_J, _CONTROL, ("send", "voice", True)),
        (Qt.Key.Key_Comma, _CONTROL, ("change", "panel", "settings")),
        (Qt.Key.Key_L, _CONTROL, ("change", "panel", "")),
    ],
)
def test_a_key_does_what_its_button_does(
    active: Window,
    program: FakeProgram,
    qtbot: QtBot,
    key: Qt.Key,
    modifier: Qt.KeyboardModifier,
    call: tuple[object, ...],
) -> None:
    qtbot.keyClick(active, key, modifier)
    assert call in program.calls


def test_p_pauses_the_file(active: Window, program: FakeProgram, qtbot: QtBot) -> None:
    program.file = Playback("talk.mp3", 1.0, 2.0, True)
    active.source.look()
    qtbot.keyClick(active, Qt.Key.Key_P)
    assert program.calls == [("play", False)]


def test_while_t_is_held_one_is_heard_wherever_the_focus_is(active: Window, program: FakeProgram, qtbot: QtBot) -> None:
    active.settings.switches["is_push_to_talk"].click()
    active.notice.tell(Notice("The microphone has gone.", is_problem=True))
    for widget in (active.notice.text, active.source.microphone):
        widget.setFocus()
        qtbot.keyPress(widget, Qt.Key.Key_T)
        assert program.calls[-1] == ("mute", False)
        qtbot.keyRelease(widget, Qt.Key.Key_T)
        assert program.calls[-1] == ("mute", True)
    assert active.source.microphone.chosen == ""


@pytest.fixture
def talking(active: Window, program: FakeProgram, qtbot: QtBot) -> Window:
    """T is held."""
    active.settings.switches["is_push_to_talk"].click()
    qtbot.keyPress(active, Qt.Key.Key_T)
    assert program.calls[-1] == ("mute", False)
    return active


def test_whoever_leaves_the_window_while_t_is_held_is_heard_no_more(
    talking: Window, program: FakeProgram, qtbot: QtBot
) -> None:
    talking.keys.show_page()
    qtbot.waitUntil(lambda: program.calls[-1] == ("mute", True))
    assert not talking.controls.talk.isDown()


def test_whoever_opens_a_list_while_t_is_held_is_heard_no_more(talking: Window, program: FakeProgram) -> None:
    talking.source.microphone.showPopup()
    assert ("mute", True) in program.calls[-2:]
    talking.source.microphone.hidePopup()


def test_t_is_let_go_whatever_else_is_held(talking: Window, program: FakeProgram, qtbot: QtBot) -> None:
    qtbot.keyRelease(talking, Qt.Key.Key_T, _CONTROL)
    assert program.calls[-1] == ("mute", True)


def test_push_to_talk_that_is_switched_off_while_t_is_held_begins_anew(talking: Window, program: FakeProgram) -> None:
    for _ in range(2):
        talking.settings.switches["is_push_to_talk"].click()
    assert program.calls[-1] == ("mute", True)


def test_t_works_where_there_is_nothing_but_the_face(active: Window, program: FakeProgram, qtbot: QtBot) -> None:
    active.settings.switches["is_push_to_talk"].click()
    active.show_bare(True)
    active._glance()
    assert active.canvas.accessibleDescription() == "Hold T to talk"
    qtbot.keyPress(active, Qt.Key.Key_T)
    assert program.calls[-1] == ("mute", False)
    qtbot.keyRelease(active, Qt.Key.Key_T)
    assert program.calls[-1] == ("mute", True)


def test_escape_leaves_nothing_but_the_face(active: Window, qtbot: QtBot) -> None:
    qtbot.keyClick(active, Qt.Key.Key_F, _CONTROL)
    assert active.is_bare
    qtbot.keyClick(active, Qt.Key.Key_Escape)
    assert not active.is_bare


def test_alt_shows_the_letters_that_work_with_it(active: Window, qtbot: QtBot) -> None:
    def picture() -> object:
        return active.controls.grab().toImage()

    before = picture()
    qtbot.keyPress(active, Qt.Key.Key_Alt)
    assert picture() != before
    qtbot.keyRelease(active, Qt.Key.Key_Alt)
    assert picture() == before


def test_one_page_lists_all_keys(active: Window, qtbot: QtBot) -> None:
    qtbot.keyClick(active, Qt.Key.Key_F1)
    [page] = active.findChildren(QDialog)
    words = {label.text() for label in page.findChildren(QLabel)}
    assert {what for _, what, _ in active.keys.bindings} <= words
    page.close()


@pytest.mark.parametrize("panel", ["live", "settings"])
def test_everything_that_takes_the_focus_has_a_name_and_can_be_reached_by_tab(
    active: Window, qtbot: QtBot, panel: str
) -> None:
    if panel == "settings":
        active.toggle_panel("settings")
    wanted = {
        widget
        for widget in active.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisible() and widget.isEnabled()
    }
    for widget in wanted:
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        assert widget.accessibleName() or text.strip(), widget
    reached = set()
    for _ in range(2 * len(wanted)):
        qtbot.keyClick(QApplication.focusWidget() or active, Qt.Key.Key_Tab)
        reached.add(QApplication.focusWidget())
    groups = {widget for widget in wanted if isinstance(widget, QAbstractButton) and widget.group()}
    assert wanted - groups <= reached  # of a group, arrow keys reach the others


def test_no_two_buttons_share_a_letter(active: Window) -> None:
    active.toggle_panel("settings")
    letters = [
        button.shortcut().toString()
        for button in active.findChildren(QAbstractButton)
        if button.isVisible() and not button.shortcut().isEmpty()
    ]
    assert len(letters) == len(set(letters)), sorted(letters)
