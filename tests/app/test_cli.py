"""Tests of the command line: what is written, where, with which exit status, and what is not loaded."""

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from liveface.app import cli
from liveface.engine.errors import PhotoError

ROOT = Path(__file__).resolve().parents[2]


def run_command_line(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run liveface in a process of its own, as a user does."""
    environment = {**os.environ, "COLUMNS": "120"}
    environment.pop("LIVEFACE_DEBUG", None)
    return subprocess.run(
        [sys.executable, "-m", "liveface.app.cli", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def status_of(monkeypatch: pytest.MonkeyPatch, command: Callable[[], None]) -> int:
    """Return the exit status of the program when a command does what is given."""
    program = typer.Typer(pretty_exceptions_enable=False)
    program.command()(command)
    monkeypatch.setattr(cli, "command_line", lambda chosen: program)
    monkeypatch.setattr(sys, "argv", ["liveface"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def raising(error: BaseException) -> Callable[[], None]:
    """Return a command that fails."""

    def command() -> None:
        raise error

    return command


def test_help_names_every_command() -> None:
    result = run_command_line("--help")
    assert result.returncode == 0
    assert all(command in result.stdout for command in cli.SUMMARIES)


def test_help_comes_at_once() -> None:
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "liveface.app.cli", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stderr
    slow = {"av", "cv2", "numpy", "openvino", "PIL", "PyQt6", "scipy", "torch"}
    assert "typer" in loaded
    assert not slow & {line.rpartition("|")[2].strip().partition(".")[0] for line in loaded.splitlines()}


@pytest.mark.parametrize("command", cli.SUMMARIES)
def test_every_command_has_help(command: str) -> None:
    result = run_command_line(command, "--help")
    assert result.returncode == 0, result.stderr
    assert "Usage: liveface " + command in result.stdout


def test_the_version_is_the_packages() -> None:
    result = run_command_line("--version")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert result.stdout == f"liveface {version}\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("render", "--nonsense"), ("--nonsense",)])
def test_a_mistyped_command_line_ends_with_status_2_and_no_traceback(arguments: tuple[str, ...]) -> None:
    result = run_command_line(*arguments)
    assert result.returncode == 2
    assert "No such" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_users_error_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(monkeypatch, raising(PhotoError("No face found: choose another photo."))) == 2
    assert capsys.readouterr() == ("", "liveface: No face found: choose another photo.\n")


def test_an_unexpected_error_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(monkeypatch, raising(IndexError("17\nand more"))) == 1
    output = capsys.readouterr()
    assert output.err == "liveface: unexpected IndexError: 17: run with LIVEFACE_DEBUG=1 for the traceback.\n"


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEFACE_DEBUG", "1")
    with pytest.raises(IndexError):
        status_of(monkeypatch, raising(IndexError(17)))


def test_an_absent_training_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")
    assert status_of(monkeypatch, raising(error)) == 2
    assert 'needs the package torch: pip install "liveface[train]"\n' in capsys.readouterr().err


def test_another_absent_module_is_our_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        status_of(monkeypatch, raising(ModuleNotFoundError("No module named 'engine.oops'", name="engine.oops"))) == 1
    )


def test_control_c_ends_with_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    assert status_of(monkeypatch, raising(KeyboardInterrupt())) == 130


def test_only_the_first_of_several_signals_ends_the_program_and_it_tidies_up(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            done.append("tidied")

    before = signal.getsignal(signal.SIGTERM)
    assert status_of(monkeypatch, work) == 143
    assert done == ["tidied"]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("before", [None, "/opt/lib"])
def test_what_the_frozen_program_starts_gets_the_users_libraries(
    monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    # As PyInstaller's first process leaves it. Set first, so that it is undone whatever the program does with it.
    for name in ("LD_LIBRARY_PATH", "LD_LIBRARY_PATH_ORIG", "PYINSTALLER_RESET_ENVIRONMENT"):
        monkeypatch.setenv(name, "/opt/liveface/_internal")
    if before is None:
        monkeypatch.delenv("LD_LIBRARY_PATH_ORIG")
    else:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)
    seen: list[str | None] = []
    assert status_of(monkeypatch, lambda: seen.append(os.environ.get("LD_LIBRARY_PATH"))) == 0
    assert seen == [before]
    assert os.environ["PYINSTALLER_RESET_ENVIRONMENT"] == "1"


@pytest.mark.parametrize(
    ("words", "expected"),
    [("liveface ren", "render"), ("liveface render --loo", "--lookahead"), ("liveface avatars r", "remove")],
)
def test_a_shell_completes_commands_and_their_options(words: str, expected: str) -> None:
    asked = {"_LIVEFACE_COMPLETE": "complete_bash", "_TYPER_COMPLETE_ARGS": words}
    asked |= {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    program = "import sys; sys.argv = ['liveface']; from liveface.app.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | asked,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert expected in done.stdout.split(), done.stderr
