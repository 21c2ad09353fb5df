"""Tests of the whole program in its window, on a real screen with a real sound server, by its keys."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from liveface.app.files.media_files import read_audio
from liveface.app.measure import virtual_sound_card
from liveface.app.measure.virtual_screen import VirtualScreen
from liveface.app.measure.virtual_sound_card import VirtualSoundCard
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import ASSETS
from liveface.engine.media import Picture

_PATIENCE = 60.0  # s, on a machine with much else to do
_SIDE = 512  # pixels of the window while there is nothing but the face
_MOUTH = np.s_[360:420, 210:300]  # of the default portrait, in that window
_FOREHEAD = np.s_[60:120, 210:300]
_DARK = 110  # of 255, the brightest channel of a pixel inside the mouth
_OPENING = 60.0  # pixels, standard deviation

pytestmark = pytest.mark.skipif(
    shutil.which("Xvfb") is None or shutil.which("xdotool") is None or not virtual_sound_card.is_available(),
    reason="needs Xvfb, xdotool and PulseAudio",
)


class Program:
    """The program in a process of its own, and somebody in front of its screen."""

    def __init__(self, screen: VirtualScreen, environment: dict[str, str], *arguments: str) -> None:
        self.screen = screen
        self._environment = environment
        command = [sys.executable, "-m", "liveface.app.cli", *arguments]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._window = ""
        self.until(self._find)
        self._do("windowmove", self._window, "0", "0", "windowfocus", self._window)

    def press(self, keys: str) -> None:
        self._do("key", keys)

    def type(self, text: str) -> None:
        self._do("type", "--delay", "10", text)

    def resize(self, width: int, height: int) -> None:
        self._do("windowsize", self._window, str(width), str(height))

    def until(self, is_so: Callable[[], object]) -> None:
        end = time.monotonic() + _PATIENCE
        while not is_so():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < end, "it never became so"
            time.sleep(0.05)

    def shows_face(self) -> bool:
        """Whether there is nothing but the face, in its own size."""
        picture = self.screen.picture()
        return bool(picture[_FOREHEAD].mean() > 150 and not picture[_SIDE + 8 :, :_SIDE].any())

    def watched(self, seconds: float) -> list[Picture]:
        """What the window showed in that time, some 20 pictures a second."""
        pictures = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pictures.append(self.screen.picture()[:_SIDE, :_SIDE])
            time.sleep(0.05)
        return pictures

    def _find(self) -> str:
        self._window = self._do("search", "--onlyvisible", "--name", "^liveface$").partition("\n")[0]
        return self._window

    def _do(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments], env=self._environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user who has never started the program."""
    return os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""}


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def started(resources: ExitStack, environment: dict[str, str], *arguments: str) -> Program:
    screen = resources.enter_context(VirtualScreen())
    program = Program(screen, environment | screen.environment, *arguments)
    resources.callback(program.process.communicate)
    resources.callback(program.process.kill)
    return program


def is_speaking(pictures: list[Picture]) -> bool:
    """Whether the dark inside of the mouth comes and goes: by hundreds of pixels, where breathing moves it by tens."""
    return float(np.std([(picture[_MOUTH].max(axis=2) < _DARK).sum() for picture in pictures])) > _OPENING


def test_speech_into_the_microphone_moves_the_mouth(
    resources: ExitStack, environment: dict[str, str], tmp_path: Path
) -> None:
    voice = np.tile(read_audio(ASSETS / "audio" / "speech.wav"), 8)
    card = resources.enter_context(VirtualSoundCard(voice, MonotonicClock()))
    program = started(resources, environment | card.environment)  # no arguments: its window opens
    program.press("ctrl+f")
    program.resize(_SIDE, _SIDE)
    program.until(lambda: program.shows_face() and is_speaking(program.watched(1.5)))
    program.press("m")
    program.until(lambda: not is_speaking(program.watched(1.5)))
    assert not is_speaking(program.watched(2))
    program.press("m")
    program.until(lambda: is_speaking(program.watched(1.5)))
    program.press("ctrl+f")
    program.press("ctrl+q")
    output, errors = program.process.communicate(timeout=_PATIENCE)
    assert (program.process.returncode, errors) == (0, b"")
    assert b"mic to picture p50" in output
    assert (tmp_path / ".config" / "liveface" / "preferences.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order_even_while_it_loads(
    resources: ExitStack, environment: dict[str, str], number: signal.Signals
) -> None:
    program = started(resources, environment | {"PULSE_SERVER": "unix:/nowhere"}, "run")
    program.process.send_signal(number)
    _, errors = program.process.communicate(timeout=_PATIENCE)
    assert program.process.returncode in (0, 130)
    assert errors == b""


_MISTAKEN = """
import signal, time
del signal.SIGHUP  # as on Windows

from liveface.app.session.clock import MonotonicClock
from liveface.app.commands.window import Opening, show
from liveface.app.desktop.controller import Desktop
from liveface.ui.report_dialog import ReportDialog
from liveface.ui.window import Window
from PyQt6.QtCore import QTimer


def load(folder):
    time.sleep(60)


def close(desktop, timeout):
    print("closed")
    return False


def stumble(*_):
    raise ValueError("a mistake of ours")


def tell(dialog, text, report):
    print("told")
    QTimer.singleShot(0, dialog.closing_wished.emit)


Desktop.close = close
ReportDialog.tell = tell
Window.PLACE = stumble
show(Opening(load, None, None, remembers=False), MonotonicClock())
"""


@pytest.mark.parametrize(("place", "shown"), [("_connect", ""), ("showEvent", "told\n")])
def test_a_mistake_while_it_loads_is_told_and_the_rest_is_closed(
    environment: dict[str, str], place: str, shown: str
) -> None:
    """In a dialogue, where there is a window that it can lie over."""
    done = subprocess.run(
        [sys.executable, "-c", _MISTAKEN.replace("PLACE", place)],
        env=environment | {"QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, f"{shown}closed\n")
    assert done.stderr == "liveface: unexpected ValueError: a mistake of ours\n"


def test_without_any_sound_device_the_face_lives_and_a_photo_becomes_another(
    resources: ExitStack, environment: dict[str, str], tmp_path: Path
) -> None:
    program = started(resources, environment | {"PULSE_SERVER": "unix:/nowhere"}, "run")
    program.press("ctrl+f")
    program.resize(_SIDE, _SIDE)
    program.until(lambda: program.shows_face() and len({one.tobytes() for one in program.watched(1)}) > 3)
    before = program.screen.picture()[_FOREHEAD].mean(axis=(0, 1))
    program.press("ctrl+o")
    program.until(lambda: not program.shows_face())  # the dialog covers it
    program.type(str(ASSETS / "avatars" / "samuel" / "photo.png"))
    program.press("Return")
    program.until((tmp_path / ".local/share/liveface/avatars/photo/avatar.json").exists)
    program.until(lambda: np.abs(program.screen.picture()[_FOREHEAD].mean(axis=(0, 1)) - before).max() > 30)
    program.process.terminate()
    _, errors = program.process.communicate(timeout=_PATIENCE)
    assert b"No microphone was found" in errors
