"""The command line: the names of the commands and what becomes of their errors.

Knows nothing of what a command does.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from liveface.engine.errors import ERRORS, LivefaceError
from liveface.engine.extras import extra_of, installing

SUMMARIES = {
    "run": "Make a face speak live, from the microphone or a file at real time.",
    "serve": "Serve faces to browsers, calls and agents, over WebRTC.",
    "token": "Make a token that allows a client a part of what a server does.",
    "render": "Turn a photo and a sound file into a video file.",
    "prepare": "Find the face in a photo and save it as an avatar.",
    "avatars": "List, add and remove the avatars that are known by name.",
    "devices": "List the microphones, speakers and virtual cameras.",
    "doctor": "Check that everything works on this machine, and say what to do.",
    "demo": "Show a shipped portrait speaking a shipped sentence, and measure it.",
    "compile": "Prepare the networks for this machine, so that later starts are fast.",
    "bench": "Measure how fast everything is on this machine.",
    "evaluate": "Measure the model on a corpus and write tables and pictures.",
    "train": "Prepare a corpus and train the networks.",
}
# Windows has no SIGHUP.
_ENDINGS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def main() -> None:
    """Run the command that `sys.argv` names, then exit.

    The status is 0 when all is done, 1 after a mistake of ours, 2 after the user's or the world's, 130 after Ctrl-C,
    143 after SIGTERM and 129 after SIGHUP.
    """
    if sys.platform == "linux" and hasattr(sys, "frozen"):
        _lend_no_libraries()
    try:
        with _ending_tidily():
            command_line(_chosen())(prog_name="liveface")
    except LivefaceError as error:
        _fail(str(error), 2, error)
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as error:
        if (extra := extra_of(error.name)) is None:
            _fail_unexpectedly(error)
        else:
            package = (error.name or "").partition(".")[0]
            _fail(f"this command needs the package {package}: {installing(extra)}", 2, error)
    except Exception as error:
        _fail_unexpectedly(error)


def _chosen() -> str | None:
    """The command that is called, or whose options a shell wants to complete."""
    words = sys.argv
    if "_LIVEFACE_COMPLETE" in os.environ:
        words = os.environ.get("_TYPER_COMPLETE_ARGS", "").split()
    return words[1] if len(words) > 1 else None


@contextmanager
def _ending_tidily() -> Iterator[None]:
    """Let the signals that end a program end it as an exception does, so that nothing half-written is left behind.

    Only the first one counts: `timeout` and service managers send several, and the tidying would be interrupted.
    """

    def end(number: int, _frame: object) -> None:
        for one in _ENDINGS:
            signal.signal(one, lambda *_: None)  # unlike SIG_IGN, no program that is started inherits it
        sys.exit(128 + number)

    # Only the main thread gets signals. A program that was started to survive its terminal (nohup) goes on doing so.
    is_main = threading.current_thread() is threading.main_thread()
    before = {one: signal.getsignal(one) for one in _ENDINGS} if is_main else {}
    for one, handler in before.items():
        if handler == signal.SIG_DFL:
            signal.signal(one, end)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _lend_no_libraries() -> None:
    """Start the system's programs with the system's libraries, not with those of the frozen program.

    https://pyinstaller.org/en/stable/common-issues-and-pitfalls.html: the folder has served this process already, and
    a child that is this program again is told to set it itself.
    """
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if before is None:
        os.environ.pop("LD_LIBRARY_PATH", None)
    else:
        os.environ["LD_LIBRARY_PATH"] = before
    os.environ["PYINSTALLER_RESET_ENVIRONMENT"] = "1"


def command_line(chosen: str | None) -> typer.Typer:
    """Return the program with all commands named, of which only the chosen one is imported, so that help is instant."""
    program = typer.Typer(pretty_exceptions_enable=False)

    @program.callback(invoke_without_command=True)
    def liveface(
        context: typer.Context,
        _: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
        ] = False,
    ) -> None:
        """One photo and live speech become a talking head. Without a command, its window opens."""
        if context.invoked_subcommand is None:
            from liveface.app.commands.run import run

            run()

    for name, summary in SUMMARIES.items():
        body = _load(name) if name == chosen else _not_loaded
        if isinstance(body, typer.Typer):
            program.add_typer(body, name=name, help=summary)
        else:
            program.command(name, short_help=summary)(body)
    return program


def _load(name: str) -> Callable[..., Any] | typer.Typer:
    match name:
        case "run":
            from liveface.app.commands.run import run

            return run
        case "serve":
            from liveface.app.commands.serve import serve

            return serve
        case "token":
            from liveface.app.commands.token import token

            return token
        case "render":
            from liveface.app.commands.render import render

            return render
        case "prepare":
            from liveface.app.commands.prepare import prepare

            return prepare
        case "avatars":
            from liveface.app.commands.avatars import avatars

            return avatars
        case "devices":
            from liveface.app.commands.devices import devices

            return devices
        case "doctor":
            from liveface.app.commands.doctor import doctor

            return doctor
        case "demo":
            from liveface.app.commands.demo import demo

            return demo
        case "compile":
            from liveface.app.commands.compile import compile_networks

            return compile_networks
        case "bench":
            from liveface.app.commands.bench import bench

            return bench
        case "evaluate":
            from liveface.app.commands.evaluate import evaluate

            return evaluate
        case _:
            from liveface.app.commands.train import train

            return train


def _not_loaded() -> None:
    raise AssertionError("only the chosen command is ever run")


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"liveface {version('liveface')}")
        raise typer.Exit


def _fail(message: str, status: int, error: Exception) -> None:
    if os.environ.get("LIVEFACE_DEBUG"):
        raise error
    if os.environ.get(ERRORS) == "json" and isinstance(error, LivefaceError):
        print(json.dumps({"error": error.as_object()}), file=sys.stderr)
    else:
        print(f"liveface: {message}", file=sys.stderr)
    sys.exit(status)


def _fail_unexpectedly(error: Exception) -> None:
    message = f"unexpected {type(error).__name__}: {error}".splitlines()[0]
    _fail(f"{message}: run with LIVEFACE_DEBUG=1 for the traceback.", 1, error)


if __name__ == "__main__":
    main()
