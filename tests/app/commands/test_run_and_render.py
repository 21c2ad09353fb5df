"""Tests of the commands run and render from the command line on, with a stand-in for the trained parts."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from aiohttp.test_utils import TestServer

import liveface.app.commands.render
import liveface.app.commands.run
from liveface.app.cli import main
from liveface.app.commands.window import Opening
from liveface.app.files.media_files import read_audio, read_video
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import Pipeline
from liveface.app.settings import Settings, parse_size
from liveface.engine.errors import ConfigurationError
from tests.app.fakes import FakeRenderer, FakeSink, FakeStreamer, an_avatar, write_sound
from tests.app.server.loopback import here, until
from tests.app.server.whip_receiver import Receiver


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 2 * 44_100 + 100)).astype(np.float32)
    return write_sound(tmp_path / "speech.wav", wave, 44_100, layout="stereo")


def stand_in(settings: Settings, *_: object, **__: object) -> Pipeline:
    avatar = an_avatar(settings.width, settings.height)
    return Pipeline(FakeStreamer(settings.lookahead), FakeRenderer(MonotonicClock()), avatar)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveface.app.commands.run, "load_streamer", lambda settings: FakeStreamer(settings.lookahead))
    for module in (liveface.app.commands.render, liveface.app.commands.run):
        monkeypatch.setattr(module, "load_pipeline", stand_in)


def called(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["liveface", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit:
        main()
    return exit.value.code


def test_render_writes_a_video_as_long_as_the_sound(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.mp4"
    assert not called(monkeypatch, "render", "--audio", speech, "--out", out, "--size", "256x192")
    pictures, fps = read_video(out)
    assert fps == 25
    assert pictures.shape == (51, 192, 256, 3)
    assert capsys.readouterr().out.startswith(f"{out}: 2.04 s, 51 pictures of 256x192")


def test_render_puts_sound_and_mouth_in_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = np.zeros((1, 96_000), np.float32)
    wave[0, 48_000 : 48_000 + 1920] = 0.9  # one frame, number 25
    speech = write_sound(tmp_path / "a.wav", wave, 48_000)
    out = tmp_path / "o.mp4"
    called(monkeypatch, "render", "--audio", speech, "--out", out, "--size", "128x128")
    pictures, _ = read_video(out)
    assert int(np.argmax(pictures[:, 64, 64, 1])) == 25
    loud = np.flatnonzero(np.abs(read_audio(out)) > 0.5)
    assert abs(int(loud[0]) - 25 * 640) <= 8
    assert abs(int(loud[-1]) - 26 * 640) <= 8


def test_run_without_a_window_ends_in_one_line_of_json(
    speech: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not called(monkeypatch, "run", "--headless", "--audio", speech, "--seconds", "0.8", "--size", "128x128")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    numbers = json.loads(lines[0])
    assert set(numbers) >= {"fps", "frames", "skipped", "mic_to_picture_ms", "resident_mb", "first_frame_s"}
    assert numbers["frames"] > 5
    assert set(numbers["mic_to_picture_ms"]) == {"p50", "p95", "p99"}
    assert numbers["mic_to_picture_ms"]["p50"] >= 120
    assert set(numbers["stages_ms"]) == {"hear", "draw", "send"}


def test_what_this_system_does_not_tell_is_null(
    speech: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("process_age", "resident_memory"):
        monkeypatch.setattr(liveface.app.commands.run, name, lambda: None)
    assert not called(monkeypatch, "run", "--headless", "--audio", speech, "--seconds", "0.4", "--size", "128x128")
    numbers = json.loads(capsys.readouterr().out)
    assert {numbers[name] for name in ("resident_mb", "resident_growth_mb", "first_frame_s")} == {None}


def test_run_repeats_a_file_that_is_shorter_than_the_time_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speech = write_sound(tmp_path / "a.wav", np.full((1, 1600), 0.1, np.float32), 16_000)  # two and a half frames
    assert not called(monkeypatch, "run", "--headless", "--audio", speech, "--seconds", "1", "--size", "128x128")
    assert json.loads(capsys.readouterr().out)["frames"] > 3


WINDOW = """
import liveface.app.commands.run
from liveface.app.cli import main
from tests.app.commands.test_run_and_render import stand_in
liveface.app.commands.run.load_pipeline = stand_in
main()
"""


def test_run_opens_a_window_and_tells_at_the_end_how_it_went(speech: Path, tmp_path: Path) -> None:
    # In a process of its own, because it makes its own Qt application.
    arguments = ["run", "--audio", speech, "--seconds", "5", "--size", "128x128"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    ran = subprocess.run(
        [sys.executable, "-c", WINDOW, *map(str, arguments)],
        env=environment | {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "mic to picture p50" in ran.stdout
    assert (tmp_path / ".config" / "liveface").is_dir()


def test_a_second_window_is_refused_and_raises_the_first(speech: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment |= {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)}
    command = [
        sys.executable,
        "-c",
        "import liveface.ui.window\n" + WINDOW,
        "run",
        "--size",
        "128x128",
        "--audio",
        str(speech),
    ]
    raising = "liveface.ui.window.Window.come_forward = lambda self: (print('raised', flush=True), self.close())\n"
    with subprocess.Popen(
        [*command[:2], command[2].replace("from liveface.app.cli", raising + "from liveface.app.cli"), *command[3:]],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as first:
        lock = tmp_path / ".config" / "liveface" / "window.socket"
        for _ in range(600):
            if lock.exists():
                break
            time.sleep(0.05)
        time.sleep(2)  # its window is there
        second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 2
        assert "A window of liveface is open already and has been raised" in second.stderr
        output, errors = first.communicate(timeout=60)
    assert output.startswith("raised"), errors
    assert first.returncode == 0


FAILING_WINDOW = """
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication
import liveface.ui.window
from liveface.ui.report_dialog import ReportDialog
shown = liveface.ui.window.Window._glance
def fail(self):
    shown(self)
    if self._glances == 20:
        QTimer.singleShot(300, look)
    if self._glances >= 20:
        raise ZeroDivisionError("no such thing")
def look():
    [dialog] = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, ReportDialog)]
    print("dialogue:", dialog.isVisible(), dialog.report.toPlainText().count("Traceback"))
    dialog.end.click()
liveface.ui.window.Window._glance = fail
"""


def test_a_mistake_in_the_window_is_shown_and_it_goes_on_until_it_is_closed(speech: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    ran = subprocess.run(
        [sys.executable, "-c", FAILING_WINDOW + WINDOW, "run", "--audio", str(speech), "--size", "128x128"],
        env=environment | {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "dialogue: True 1" in ran.stdout, ran.stderr
    assert ran.returncode == 1
    assert ran.stderr.endswith(
        "unexpected ZeroDivisionError: no such thing: run with LIVEFACE_DEBUG=1 for the traceback.\n"
    )


@pytest.mark.parametrize("command", ["run", "render"])
@pytest.mark.parametrize("fault", ["missing", "truncated", "empty", "not a number"])
def test_bad_sound_ends_in_one_sentence(
    command: str,
    fault: str,
    speech: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if fault == "missing":
        speech.unlink()
    elif fault == "truncated":
        speech.write_bytes(speech.read_bytes()[:5000])
    elif fault == "empty":
        speech.write_bytes(b"")
    else:
        write_sound(speech, np.full((1, 8000), np.nan, np.float32), 16_000)
    rest = ("--headless", "--seconds", "1") if command == "run" else ("--out", tmp_path / "o.mp4")
    assert called(monkeypatch, command, "--audio", speech, *rest) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert error.startswith("liveface: ")
    assert not list(tmp_path.glob("*o.mp4*"))


def test_an_output_that_cannot_be_written_ends_in_one_sentence(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "render", "--audio", speech, "--out", tmp_path / "no" / "o.mp4") == 2
    assert "cannot be written" in capsys.readouterr().err


def of_no_use(*_: object, **__: object) -> None:
    raise AssertionError("no work is done for an output that cannot be written")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("another kind", "ends in .mp4"),
        ("no folder", "does not exist"),
        ("a folder", "is a folder"),
        ("there already", "--force"),
        ("write-protected", "write-protected"),
        ("the sound", "also the input"),
        ("a link to the sound", "also the input"),
        ("the photo", "also the input"),
        ("a device", "device"),
    ],
)
def test_an_output_that_cannot_be_or_would_destroy_something_is_refused_before_the_work(
    fault: str,
    said: str,
    speech: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("load_pipeline", "iterate_audio"):
        monkeypatch.setattr(liveface.app.commands.render, name, of_no_use)
    out, photo, force = tmp_path / "o.mp4", tmp_path / "photo.mp4", ["--force"]
    photo.write_bytes(b"a photo")
    match fault:
        case "another kind":
            out = tmp_path / "o.mov"
        case "no folder":
            out = tmp_path / "no" / "o.mp4"
        case "a folder":
            out.mkdir()
        case "there already":
            out.write_bytes(b"the user's")
            force = []
        case "write-protected":
            out.write_bytes(b"the user's")
            out.chmod(0o444)
        case "the sound":
            speech = speech.rename(out)
        case "a link to the sound":
            out.symlink_to(speech)
        case "the photo":
            out = photo
        case "a device":
            os.mkfifo(out)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert called(monkeypatch, "render", "--audio", speech, "--out", out, "--photo", photo, *force) == 2
    [error] = capsys.readouterr().err.splitlines()
    assert said in error
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_an_older_video_is_replaced_where_that_is_asked_for_and_said(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.mp4"
    out.write_bytes(b"older")
    assert not called(monkeypatch, "render", "--audio", speech, "--out", out, "--size", "128x128", "--force")
    assert f"{out} exists and is replaced at the end (5 bytes)." in capsys.readouterr().err
    assert len(read_video(out)[0]) == 51
    assert {path.name for path in tmp_path.iterdir()} == {"o.mp4", "speech.wav"}


def test_a_video_that_appears_meanwhile_is_left_alone(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.mp4"

    def meanwhile(settings: Settings, *_: object) -> Pipeline:
        out.write_bytes(b"another's")
        return stand_in(settings)

    monkeypatch.setattr(liveface.app.commands.render, "load_pipeline", meanwhile)
    assert not called(monkeypatch, "render", "--audio", speech, "--out", out, "--size", "128x128")
    assert out.read_bytes() == b"another's"
    assert len(read_video(tmp_path / "o 2.mp4")[0]) == 51
    told = capsys.readouterr()
    assert told.out.startswith(f"{tmp_path / 'o 2.mp4'}: ")
    assert "meanwhile" in told.err


def test_two_sources_at_once_are_refused(
    speech: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "run", "--headless", "--audio", speech, "--microphone", "x") == 2
    assert "choose one" in capsys.readouterr().err


def test_a_missing_microphone_ends_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "run", "--headless", "--seconds", "1", "--microphone", "No such thing") == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize("size", ["511x512", "64x64", "4000x4000", "512", "x", "512x", "-512x512"])
def test_a_size_that_cannot_be_is_refused(size: str) -> None:
    with pytest.raises(ConfigurationError, match="512x512"):
        Settings(*parse_size(size))


def test_a_size_is_width_by_height() -> None:
    assert parse_size("1280X720") == (1280, 720)


def test_a_latency_budget_chooses_the_lookahead_and_is_kept(
    speech: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--headless", "--audio", speech, "--seconds", "0.8", "--size", "128x128")
    assert not called(monkeypatch, "run", *arguments, "--latency-budget", "230ms")
    output = capsys.readouterr()
    assert len(output.err.splitlines()) == len(output.out.splitlines()) == 1
    numbers = json.loads(output.out)
    budget, delay = numbers["budget"], numbers["mic_to_picture_ms"]
    assert output.err.startswith(f"latency budget 230 ms: lookahead {budget['lookahead']}, ")
    assert budget["expected_ms"] <= budget["ms"] == 230 < budget["expected_ms"] + 40
    assert budget["held"] == (delay["p95"] <= 230)
    assert delay["p50"] > 40 * (1 + budget["lookahead"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--latency-budget", "30ms"), "give --latency-budget"),
        (("--latency-budget", "soon"), "such as 150ms"),
        (("--latency-budget", "150ms", "--lookahead", "2"), "give one"),
    ],
)
def test_a_budget_that_cannot_be_is_refused_in_one_sentence(
    arguments: tuple[str, ...],
    message: str,
    speech: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert called(monkeypatch, "run", "--headless", "--audio", speech, "--size", "128x128", *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert message in error


def test_run_sends_the_face_to_a_whip_server_too(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEFACE_WHIP_TOKEN", "secret")
    receiver = Receiver()

    async def run() -> int | str | None:
        async with TestServer(receiver.application()) as server:
            command = ("run", "--headless", "--audio", speech, "--size", "256x192", "--whip", server.make_url("/whip"))
            return await asyncio.to_thread(called, monkeypatch, *command)

    with here():
        assert not asyncio.run(run())
    assert {picture.shape for picture in receiver.watched.pictures} == {(192, 256, 3)}
    assert len(receiver.watched.pcm()) > 24_000
    assert receiver.requests == [("POST", "Bearer secret"), ("DELETE", "Bearer secret")]


def test_a_run_that_is_told_to_end_prints_its_numbers_and_takes_leave_of_the_whip_server(
    speech: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver = Receiver()
    address: Future[str] = Future()

    async def serve() -> None:
        async with TestServer(receiver.application()) as server, asyncio.timeout(60):
            address.set_result(str(server.make_url("/whip")))
            await until(lambda: len(receiver.watched.pictures) > 5, 50)
            os.kill(os.getpid(), signal.SIGTERM)
            await until(lambda: len(receiver.requests) == 2, 50)

    with here(), ThreadPoolExecutor(1) as executor:
        serving = executor.submit(asyncio.run, serve())
        arguments = ("--seconds", "600", "--size", "128x128", "--whip", address.result())
        assert not called(monkeypatch, "run", "--headless", "--audio", speech, *arguments)
        serving.result()
    assert [method for method, _ in receiver.requests] == ["POST", "DELETE"]
    assert json.loads(capsys.readouterr().out)["frames"] > 5


@pytest.mark.parametrize(("address", "said"), [("nonsense", "begins with"), ("http://127.0.0.1:9/whip", "not answer")])
def test_run_says_when_there_is_no_whip_server(
    speech: Path, address: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "run", "--headless", "--audio", speech, "--whip", address) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_is_told_to_end_while_the_model_is_loaded_prints_its_numbers_nevertheless(
    number: signal.Signals, speech: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(*arguments: object) -> Pipeline:
        os.kill(os.getpid(), number)
        return stand_in(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(liveface.app.commands.run, "load_pipeline", load)
    code = called(monkeypatch, "run", "--headless", "--audio", speech, "--seconds", "600", "--size", "128x128")
    assert (code or 0) == (130 if number == signal.SIGINT else 0)
    assert json.loads(capsys.readouterr().out)["frames"] == 0


def test_what_becomes_of_a_whip_connection_is_told_in_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    openings: list[Opening] = []
    told: list[Callable[[str, bool], None]] = []
    monkeypatch.setattr(liveface.app.commands.run, "check_screen", lambda: None)
    monkeypatch.setattr(liveface.app.commands.run, "show", lambda opening, clock: openings.append(opening))
    monkeypatch.setattr(
        "liveface.app.server.webrtc.whip_sink.WhipSink", lambda address, token, *, tell: told.append(tell)
    )
    called(monkeypatch, "run", "--whip", "http://127.0.0.1:9/whip")
    openings[0].outputs["whip"]()
    told[0]("The connection is lost.", True)
    told[0]("It is there again.", False)
    lost, back = openings[0].board.take()
    assert (lost.text, lost.is_problem) == ("The connection is lost.", True)
    assert (back.text, back.is_problem, back.subject) == ("It is there again.", False, lost.subject)


def test_what_is_seen_and_heard_without_a_window_is_recorded(
    speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    film = tmp_path / "film.mp4"
    arguments = ("run", "--headless", "--audio", speech, "--seconds", "1", "--size", "128x128", "--avatar", "maya")
    assert not called(monkeypatch, *arguments, "--record", film)
    assert capsys.readouterr().err == f"recorded: {film}\n"
    pictures, _ = read_video(film)
    assert pictures.shape[1:] == (128, 128, 3)
    assert len(pictures) > 10
    assert called(monkeypatch, *arguments, "--record", film) == 2
    assert "exists already" in capsys.readouterr().err


def test_outputs_that_are_buttons_in_the_window_are_refused_with_it(
    speech: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "run", "--audio", speech, "--camera") == 2
    assert "for --headless" in capsys.readouterr().err


def test_camera_and_voice_get_the_frames_in_step(speech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: dict[str, FakeSink] = {}

    def opener(name: str) -> Callable[[object], FakeSink]:
        return lambda chosen: opened.setdefault(name, FakeSink(MonotonicClock()))

    openers = {name: opener(name) for name in ("camera", "voice")}
    monkeypatch.setattr(liveface.app.commands.run.VideoCall, "openers", openers)
    arguments = ("--headless", "--audio", speech, "--seconds", "0.6", "--size", "128x128")
    assert not called(monkeypatch, "run", *arguments, "--camera", "--voice")
    assert list(opened) == ["voice", "camera"]
    assert [frame.index for frame in opened["camera"].frames] == [frame.index for frame in opened["voice"].frames]
    assert opened["camera"].frames
