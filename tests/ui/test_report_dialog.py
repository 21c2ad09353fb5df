"""Tests of the dialogue that shows what has failed in the window."""

import pytest
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from liveface.ui.report_dialog import ReportDialog


@pytest.fixture
def dialog(qtbot: QtBot) -> ReportDialog:
    made = ReportDialog()
    qtbot.addWidget(made)
    return made


def test_what_has_failed_is_shown_once_and_can_be_copied(dialog: ReportDialog) -> None:
    dialog.tell("It failed.", "Traceback 1")
    assert dialog.isVisible()
    assert dialog.text.text() == "It failed."
    assert dialog.go_on is not None
    dialog.go_on.click()
    assert not dialog.isVisible()
    dialog.tell("It failed.", "Traceback 1")
    assert not dialog.isVisible()
    dialog.tell("It failed otherwise.", "Traceback 2")
    assert dialog.isVisible()
    assert dialog.copy is not None
    dialog.copy.click()
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text().splitlines() == ["Traceback 1", "Traceback 2"]


def test_the_program_can_be_closed(dialog: ReportDialog, qtbot: QtBot) -> None:
    dialog.tell("It failed.", "Traceback")
    assert dialog.end is not None
    with qtbot.waitSignal(dialog.closing_wished, timeout=1000):
        dialog.end.click()
