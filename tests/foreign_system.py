"""Takes away from this Python what Windows, or macOS, does not have; for programs that import it before all else.

It cannot show that something runs there: it shows that nothing of ours asks for what is missing there.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec

_MODULES = ("resource", "fcntl", "termios", "pwd", "grp", "tty", "pty", "syslog", "pulsectl")
_FUNCTIONS = (
    *("sched_getaffinity", "sched_setaffinity", "sysconf", "getuid", "geteuid", "getpgid", "killpg", "setsid", "nice"),
    *("mkfifo", "getloadavg", "statvfs", "uname", "wait3", "wait4", "chown"),
)
_SIGNALS = ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGQUIT", "SIGALRM", "SIGCHLD", "SIGPIPE")
_FOLDERS = ("/proc/", "/sys/", "/dev/shm", "/dev/video")
_PROGRAMS = ("pactl", "pulseaudio", "sh", "nvidia-smi", "unshare", "git")


class _Absent(MetaPathFinder):
    """Finds nothing of what is missing, whoever asks."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        """Refuse what is missing, and leave the rest to others."""
        if name in _MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def _refuse_folders(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith(_FOLDERS):
        raise FileNotFoundError(2, "No such file or directory", str(arguments[0]))


def _refuse_programs(which: Callable[..., str | None]) -> Callable[..., str | None]:
    return lambda name, *rest, **options: None if name in _PROGRAMS else which(name, *rest, **options)


def _no_signal_handler(*_: object) -> None:
    raise NotImplementedError


def _unless_it_is_ours(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """The function for the packages that were made for this system, and none for what is to run on others too."""

    def called(*arguments: object, **options: object) -> object:
        if sys._getframe(1).f_globals.get("__name__", "").startswith("liveface"):
            raise AttributeError(f"module 'os' has no attribute {name!r}")
        return function(*arguments, **options)

    return called


for _name in _MODULES:
    sys.modules.pop(_name, None)
sys.meta_path.insert(0, _Absent())
sys.addaudithook(_refuse_folders)
shutil.which = _refuse_programs(shutil.which)  # type: ignore[assignment]
for _name in _SIGNALS:
    delattr(signal, _name)
for _name in _FUNCTIONS:
    setattr(os, _name, _unless_it_is_ours(_name, getattr(os, _name)))
for _loop in (asyncio.AbstractEventLoop, asyncio.SelectorEventLoop):
    _loop.add_signal_handler = _no_signal_handler  # type: ignore[assignment]
    _loop.remove_signal_handler = _no_signal_handler  # type: ignore[assignment]
