"""Tests of the screen that nobody sees."""

import os
import shutil
import subprocess
import sys
import time

import pytest

from liveface.app.measure.virtual_screen import VirtualScreen
from liveface.engine.errors import DeviceError

PATIENCE = 30.0  # s until the window is there

PAINT = """
import sys
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QApplication, QWidget
application = QApplication([])
widget = QWidget()
widget.setStyleSheet("background: #102030")
widget.setGeometry(40, 30, 200, 100)
widget.show()
print("shown", flush=True)
application.exec()
"""


def test_a_window_on_it_is_found_and_read() -> None:
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: apt-get install xvfb")
    with VirtualScreen() as screen:
        assert screen.window() is None
        environment = os.environ | screen.environment
        program = subprocess.Popen([sys.executable, "-c", PAINT], env=environment, stdout=subprocess.PIPE, text=True)
        assert program.stdout is not None
        try:
            with program.stdout as output:
                assert output.readline() == "shown\n"
            deadline = time.monotonic() + PATIENCE
            while screen.window() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            assert screen.window() == (30, 40)
            assert (screen.green(30, 40, 100, 200) == 0x20).all()
            assert screen.picture()[129, 239].tolist() == [0x10, 0x20, 0x30]
            assert not screen.picture()[130].any()
        finally:
            program.kill()
            program.wait()


def test_without_the_program_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(DeviceError, match="package xvfb"), VirtualScreen():
        pass
