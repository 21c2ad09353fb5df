"""Tests of the card that tells one thing at a time."""

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

import liveface.ui.notice_bar
from liveface.app.audio.device_failover import DeviceChange
from liveface.app.desktop.notifications import Notice, Noticeboard
from liveface.ui.notice_bar import NoticeBar


@pytest.fixture
def bar(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> NoticeBar:
    monkeypatch.setattr(liveface.ui.notice_bar, "_SHOWN", 30)
    made = NoticeBar()
    qtbot.addWidget(made)
    return made


def test_what_is_no_problem_goes_by_itself_and_a_problem_stays(bar: NoticeBar, qtbot: QtBot) -> None:
    bar.tell(Notice("Saved."))
    assert bar.isVisible()
    qtbot.waitUntil(lambda: not bar.isVisible())
    bar.tell(Notice("Saved."))
    bar.tell(Notice("The microphone has gone.", is_problem=True))
    qtbot.wait(60)
    assert bar.isVisible()
    assert (bar.accessibleName(), bar.accessibleDescription()) == ("Problem", "The microphone has gone.")
    bar.dismiss.click()
    assert not bar.isVisible()


def test_what_comes_while_a_problem_is_shown_waits_until_it_is_dismissed(bar: NoticeBar, qtbot: QtBot) -> None:
    bar.tell(Notice("The microphone has gone.", is_problem=True))
    bar.tell(Notice("The speaker has gone.", is_problem=True, remedy="retry"))
    bar.tell(Notice("The microphone has gone.", is_problem=True))
    bar.tell(Notice("Saved."))
    assert bar.text.text() == "The microphone has gone."
    bar.dismiss.click()
    assert bar.text.text() == "The speaker has gone."
    bar.act()
    assert bar.text.text() == "Saved."
    qtbot.waitUntil(lambda: not bar.isVisible())


def test_later_news_of_a_device_take_the_place_of_its_problem(bar: NoticeBar, qtbot: QtBot) -> None:
    board = Noticeboard()
    for change in (
        DeviceChange("device_replaced", "microphone", "USB", "Desk"),
        DeviceChange("device_gone", "microphone", "Desk"),
        DeviceChange("device_back", "microphone", "USB"),
    ):
        board.tell_of_device(change)
    for notice in board.take():
        bar.tell(notice)
    assert bar.text.text() == "The microphone “USB” is back."
    qtbot.waitUntil(lambda: bar.text.text().startswith("The microphone “Desk” has gone: "))


def test_its_text_can_be_reached_and_copied_by_keys(bar: NoticeBar, qtbot: QtBot) -> None:
    bar.tell(Notice("The microphone has gone.", is_problem=True))
    bar.activateWindow()
    bar.text.setFocus(Qt.FocusReason.TabFocusReason)
    assert bar.text.focusPolicy() & Qt.FocusPolicy.TabFocus
    for key in (Qt.Key.Key_A, Qt.Key.Key_C):
        qtbot.keyClick(bar.text, key, Qt.KeyboardModifier.ControlModifier)
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == "The microphone has gone."


def test_its_remedy_is_done_once(bar: NoticeBar, qtbot: QtBot) -> None:
    bar.tell(Notice("Anna was removed.", remedy="undo", subject="anna"))
    with qtbot.waitSignal(bar.acted) as acted:
        bar.act()
    assert acted.args == ["undo", "anna"]
    with qtbot.assertNotEmitted(bar.acted):
        bar.act()


def test_without_a_remedy_there_is_no_button(bar: NoticeBar, qtbot: QtBot) -> None:
    bar.tell(Notice("Welcome."))
    assert not bar.action.isVisible()
    with qtbot.assertNotEmitted(bar.acted):
        bar.act()


def test_a_report_can_be_copied_while_the_notice_stays(bar: NoticeBar) -> None:
    bar.tell(Notice("It failed.", True, "retry", report="Traceback"))
    bar.copy.click()
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == "Traceback"
    assert bar.isVisible()
    bar.dismiss.click()
    bar.tell(Notice("Saved."))
    assert bar.copy.isHidden()
