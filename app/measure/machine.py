"""The machine and the program that a measurement was made on, in a form for JSON. Knows nothing of what is measured."""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from liveface.app.session.stats import resident_memory
from liveface.engine.errors import BackendError

LIBRARIES = ("numpy", "opencv-python-headless", "openvino", "av", "scipy", "soxr", "torch")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_MEGABYTE = 1 << 20


def describe() -> dict[str, Any]:
    """Processor, cores, system, Python, libraries, and liveface's own version and commit."""
    return {
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MEGABYTE,
        "os": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name)) is not None},
        "liveface": _version("liveface"),
        "commit": commit(),
        "thread_variables": {name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
    }


def cpu_name() -> str:
    """The processor's name as Linux knows it, with family and model where the name says little."""
    first = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0]
    lines = [line.partition(":") for line in first.splitlines()]
    found = {name.strip(): value.strip() for name, _, value in lines}
    name = found.get("model name", platform.machine())
    family = f" (family {found['cpu family']}, model {found['model']})" if "cpu family" in found else ""
    return f"{name}{family}"


def commit() -> str | None:
    """The commit of the source that runs, with “-dirty” if it was changed; None outside a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return result.stdout.strip() or None


def memory_mb() -> float:
    """What this process holds of main memory, on Linux."""
    held = resident_memory()
    assert held is not None
    return round(held / _MEGABYTE, 3)


def peak_memory_mb() -> float:
    """The most that this process has ever held of main memory."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024, 1)


class OtherWork:
    """How much of the machine's processors other programs use from now on."""

    def __init__(self) -> None:
        self._before = self._jiffies()

    @property
    def percent(self) -> float:
        """Of all cores, since the beginning."""
        busy, idle, own = (now - then for now, then in zip(self._jiffies(), self._before, strict=True))
        return round(100 * max(0.0, busy - own) / max(busy + idle, 1.0), 1)

    @staticmethod
    def _jiffies() -> tuple[float, float, float]:
        """Busy and idle time of all cores, and what this process and its children used, in ticks of the clock."""
        line = Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0]
        user, nice, system, idle, waiting, *interrupts = (float(value) for value in line.split()[1:9])
        own = sum(os.times()[:4]) * os.sysconf("SC_CLK_TCK")
        return user + nice + system + sum(interrupts), idle + waiting, own


def in_a_fresh_process(program: str, threads: int, is_confined: bool = False) -> str:
    """What a Python program prints in a process of its own, whose libraries use so many threads.

    `is_confined`: it gets the first core only. Raises `BackendError` if it fails.
    """
    confine = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); " if is_confined else ""
    result = subprocess.run(
        [sys.executable, "-c", confine + program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **dict.fromkeys(_THREAD_VARIABLES, str(threads))},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        reason = result.stderr.strip().rpartition("\n")[2] or f"status {result.returncode}"
        raise BackendError(f"A measurement in a process of its own failed ({reason}): run it again.")
    return result.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
