"""PulseAudio, or PipeWire in its place, asked and told through pactl. Knows nothing of PortAudio."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Literal

from liveface.engine.errors import DeviceError

Kind = Literal["input", "output"]
_LISTS: dict[Kind, str] = {"input": "sources", "output": "sinks"}
_DEFAULTS: dict[Kind, tuple[str, str]] = {
    "input": ("PULSE_SOURCE", "default_source_name"),
    "output": ("PULSE_SINK", "default_sink_name"),
}
_MODULE = re.compile(r"^(\d+)\t(\S+)\t?([^\t\n]*)", re.MULTILINE)  # PipeWire's arguments may be several lines long
_PATIENCE = 2.0  # s for an answer: a server that hangs must not take the program with it


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the server records from or plays to: its own name of it, the one for people, and its format."""

    name: str
    description: str
    channels: int
    rate: int
    is_default: bool


@dataclass(frozen=True, slots=True)
class LoadedModule:
    """A part of the server: its number, its kind, and what it was told."""

    number: int
    kind: str
    argument: str


def variable(kind: Kind) -> str:
    """The environment variable in which a program names its endpoint."""
    return _DEFAULTS[kind][0]


def endpoints(kind: Kind, chosen: str | None = None) -> list[Endpoint] | None:
    """All of that kind but the monitors of sinks, maybe none; None where there is no server.

    `chosen` is the default instead of the server's own.
    """
    try:
        found = _asked("list", _LISTS[kind])
        default = chosen or _asked("info").get(_DEFAULTS[kind][1])
        return [
            Endpoint(one["name"], one["description"], *_format(one["sample_specification"]), one["name"] == default)
            for one in found
            if one["properties"].get("device.class") != "monitor"
        ]
    except (DeviceError, KeyError, ValueError):
        return None


def modules() -> list[LoadedModule]:
    """What is loaded; raises `DeviceError` where there is no server."""
    found = _MODULE.findall(_run("list", "short", "modules"))
    return [LoadedModule(int(number), kind, argument) for number, kind, argument in found]


def load(kind: str, *arguments: str) -> int:
    """Load a module and return its number; raises `DeviceError`."""
    return int(_run("load-module", kind, *arguments))


def unload(number: int) -> None:
    """Remove a module; raises `DeviceError`."""
    _run("unload-module", str(number))


def _format(specification: str) -> tuple[int, int]:
    """Channels and rate of text such as `s16le 2ch 48000Hz`."""
    _, channels, rate = specification.split()
    return int(channels.removesuffix("ch")), int(rate.removesuffix("Hz"))


def _asked(*words: str) -> Any:
    return json.loads(_run("--format=json", *words))


def _run(*words: str) -> str:
    if shutil.which("pactl") is None:
        raise DeviceError("pactl, which speaks with PulseAudio and PipeWire, is missing: install pulseaudio-utils.")
    try:
        # In other languages it writes numbers that are no JSON. By `env`, because a copy of os.environ can fail while
        # another thread changes that.
        done = subprocess.run(
            ["env", "LC_ALL=C", "pactl", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"The sound server does not answer ({error}): start it again.") from error
    if done.returncode:
        raise DeviceError(
            f"The sound server refuses `pactl {' '.join(words)}` ({done.stderr.strip() or 'without a reason'}): "
            "check that PulseAudio or PipeWire is running."
        )
    return done.stdout
