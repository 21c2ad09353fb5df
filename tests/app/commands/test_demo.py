"""Tests of the demonstration: its files, and what it prints where there is no display."""

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import liveface.app.commands.demo
from liveface.app.commands.demo import ContactSheet
from liveface.app.files.media_files import read_audio, read_video
from liveface.engine.errors import OutputError
from liveface.engine.media import HOP, Frame

ROOT = Path(__file__).resolve().parents[3]


def frame_of(index: int) -> Frame:
    """Return a small frame of one shade, brighter from frame to frame."""
    return Frame(index, np.full((32, 64, 3), index, np.uint8), np.zeros(HOP, np.float32), drawn=True)


def test_the_sheet_shows_every_tenth_picture_in_rows(tmp_path: Path) -> None:
    sheet = ContactSheet(tmp_path / "sheet.png")
    sheet.open(64, 32)
    for index in range(101):
        sheet.send(frame_of(index))
    sheet.close(completed=True)
    sheet.close(completed=True)
    picture = cv2.imread(str(tmp_path / "sheet.png"))
    assert picture is not None
    assert picture.shape == (2 * 96, 8 * 192, 3)
    shown = picture[48::96, 96::192, 0].ravel()
    np.testing.assert_array_equal(shown, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 0, 0, 0, 0, 0])


def test_an_unfinished_sheet_is_no_file(tmp_path: Path) -> None:
    sheet = ContactSheet(tmp_path / "sheet.png")
    sheet.open(64, 32)
    sheet.send(frame_of(0))
    sheet.close(completed=False)
    assert not list(tmp_path.iterdir())


def test_a_sheet_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    sheet = ContactSheet(tmp_path / "absent" / "sheet.png")
    sheet.open(64, 32)
    sheet.send(frame_of(0))
    with pytest.raises(OutputError, match="cannot be written"):
        sheet.close(completed=True)


def test_what_this_system_does_not_tell_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = {"fps": 25.0, "skipped": 0, "frames": 100, "mic_to_picture_ms": None, "first_frame_s": None}
    for name, stand_in in (("load_pipeline", None), ("measure", numbers), ("_record", None)):
        monkeypatch.setattr(liveface.app.commands.demo, name, lambda *_, result=stand_in: result)
    liveface.app.commands.demo._show_in_files(tmp_path)
    assert "too late on this busy machine\n" in capsys.readouterr().out


def test_without_a_display_the_demo_makes_files_and_prints_its_measurements(tmp_path: Path) -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "LIVEFACE_DEBUG")
    }
    result = subprocess.run(
        [sys.executable, "-m", "liveface.app.cli", "demo", "--out", str(tmp_path / "out")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert re.search(r"[\d.]+ fps, .* mic to picture (p50 \d+ ms, p95 \d+ ms|too late)", result.stdout)
    pictures, rate = read_video(tmp_path / "out" / "demo.mp4")
    assert rate == 25
    assert pictures.shape[1:] == (512, 512, 3)
    sound = read_audio(tmp_path / "out" / "demo.mp4")
    assert abs(len(sound) - len(pictures) * HOP) <= 2 * HOP
    assert (tmp_path / "out" / "demo.png").stat().st_size > 10_000
