"""Tests of the letters that work with Alt."""

from PyQt6.QtWidgets import QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from liveface.ui.letters import label, underline


def test_letters_are_underlined_while_they_are_wanted_and_always_work(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    lettered, other = QPushButton(), QPushButton("Other")
    label(lettered, "Pict&ure")
    for button in (lettered, other):
        layout.addWidget(button)
    for is_wanted, text in ((False, "Picture"), (True, "Pict&ure"), (True, "Pict&ure"), (False, "Picture")):
        underline(window, is_wanted)
        assert lettered.text() == text
        assert lettered.shortcut().toString() == "Alt+U"
        assert other.text() == "Other"
