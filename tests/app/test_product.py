"""Tests of the program as it is shipped: its own model, portrait and speech, each time in a process of its own."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from liveface.app.files.media_files import read_audio, read_video
from liveface.app.session.pipeline import ASSETS
from liveface.engine.media import SAMPLE_RATE
from tests.app.fakes import write_sound

SPEECH = ASSETS / "audio" / "speech.wav"
LIVEFACE = [sys.executable, "-m", "liveface.app.cli"]
WITHOUT_TORCH = """
import sys
from liveface.app.cli import main
try:
    main()
except SystemExit as end:
    assert "torch" not in sys.modules
    assert not [name for name in sys.modules if name.startswith(("liveface.engine.train", "liveface.engine.evaluate"))]
    raise
"""
TELLING = """
import sys
from liveface.app.cli import main
from liveface.app.session.session import Session
wait = Session.wait
def tell(*arguments):
    print("performing", file=sys.stderr, flush=True)
    return wait(*arguments)
Session.wait = tell
main()
"""


def liveface(*arguments: object, program: list[str] = LIVEFACE) -> subprocess.CompletedProcess[str]:
    command = [*program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """Two seconds of the shipped speech."""
    return write_sound(tmp_path / "words.wav", read_audio(SPEECH)[None, : 2 * SAMPLE_RATE], SAMPLE_RATE)


def test_render_makes_the_shipped_portrait_speak(words: Path, tmp_path: Path) -> None:
    done = liveface("render", "--audio", words, "--out", tmp_path / "o.mp4")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    pictures, _ = read_video(tmp_path / "o.mp4")
    assert pictures.shape == (50, 512, 512, 3)
    changes = np.abs(np.diff(pictures.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    assert changes.max() > 0.2


def test_the_same_seed_renders_the_same_video(words: Path, tmp_path: Path) -> None:
    outs = [tmp_path / "1.mp4", tmp_path / "2.mp4"]
    for out in outs:
        assert liveface("render", "--audio", words, "--out", out, "--seed", 3, "--size", "256x256").returncode == 0
    first, second = (read_video(out)[0] for out in outs)
    np.testing.assert_array_equal(first, second)


def test_run_measures_itself_without_torch_or_training() -> None:
    program = [sys.executable, "-c", WITHOUT_TORCH]
    done = liveface("run", "--headless", "--audio", SPEECH, "--seconds", 4, program=program)
    assert done.returncode == 0, done.stderr
    numbers = json.loads(done.stdout)
    assert numbers["frames"] >= 60
    assert numbers["resident_mb"] < 1000
    assert numbers["lost_ms"] < 4000
    assert set(numbers["stages_ms"]) == {"hear", "draw", "send"}


@pytest.mark.parametrize(
    ("command", "number", "status"),
    [
        ("run", signal.SIGINT, 130),
        ("render", signal.SIGINT, 130),
        ("render", signal.SIGTERM, 143),
        ("render", signal.SIGHUP, 129),
    ],
)
def test_a_signal_ends_quietly_and_leaves_no_file(
    command: str, number: signal.Signals, status: int, tmp_path: Path
) -> None:
    out = tmp_path / "o.mp4"
    arguments = ["--headless"] if command == "run" else ["--out", str(out), "--size", "1024x1024"]
    running = subprocess.Popen(
        [sys.executable, "-c", TELLING, command, "--audio", str(SPEECH), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A process started in the background inherits that signals are ignored; a program started by a user does not.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert running.stderr is not None
    assert running.stderr.readline() == "performing\n"
    assert [path.name for path in tmp_path.iterdir()] == (["o (incomplete).mp4"] if command == "render" else [])
    running.send_signal(number)
    if number != signal.SIGINT:
        running.send_signal(number)  # as `timeout` does
    output, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (status, "")
    if command == "run":
        assert "mic_to_picture_ms" in json.loads(output)  # what was measured until then
    else:
        assert output == ""
    assert list(tmp_path.iterdir()) == []


def test_a_photo_that_is_none_ends_in_one_sentence(words: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"no picture")
    done = liveface("render", "--audio", words, "--photo", tmp_path / "photo.jpg", "--out", tmp_path / "o.mp4")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
