"""Tests of one window for each user; the other one is a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from liveface.ui.one_window import OneWindow

ANOTHER = """
import sys
from pathlib import Path
from PyQt6.QtCore import QCoreApplication
from liveface.ui.one_window import OneWindow
application = QCoreApplication([])
one = OneWindow(Path(sys.argv[1]))
print(one.is_first, flush=True)
if one.is_first:
    sys.stdin.read()
else:
    one.raise_first()
    print(one.is_first)
"""


def another(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", ANOTHER, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("depth", [1, 30])
def test_the_second_window_raises_the_first(qtbot: QtBot, tmp_path: Path, depth: int) -> None:
    folder = tmp_path / "/".join(["abcd"] * depth)  # too long for a socket, or not
    first = OneWindow(folder)
    assert first.is_first
    with qtbot.waitSignal(first.asked, timeout=20_000):
        second = another(folder)
    assert second.communicate(timeout=20)[0].split() == ["False", "False"]
    first.close()
    first.close()


def test_a_window_that_was_killed_is_not_the_first_any_more(qtbot: QtBot, tmp_path: Path) -> None:
    with another(tmp_path) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "True\n"
        assert not OneWindow(tmp_path).is_first
        killed.kill()
    mine = OneWindow(tmp_path)
    assert mine.is_first
    mine.close()


def test_users_of_different_folders_have_a_window_each(qtbot: QtBot, tmp_path: Path) -> None:
    both = [OneWindow(tmp_path / name) for name in ("a", "b")]
    assert [one.is_first for one in both] == [True, True]
    for one in both:
        one.close()


def test_where_nothing_can_be_written_each_is_the_first(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert OneWindow(tmp_path / "file" / "folder").is_first
