"""What the tests of the window share: a program that only remembers, and a window on it."""

import pytest
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from liveface.ui.bridge import FrameBridge
from liveface.ui.theme import Theme
from liveface.ui.window import Window
from tests.ui.program import FakeProgram


@pytest.fixture(scope="session")
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp)


@pytest.fixture
def program() -> FakeProgram:
    return FakeProgram()


@pytest.fixture
def bridge(qtbot: QtBot) -> FrameBridge:
    return FrameBridge()


@pytest.fixture
def window(qtbot: QtBot, program: FakeProgram, bridge: FrameBridge, theme: Theme) -> Window:
    made = Window(program.program, bridge, theme)
    qtbot.addWidget(made)
    made.resize(1180, 760)
    made.show()
    program.calls.clear()
    return made
