"""Examines whether everything that the program needs works on this machine. Knows nothing of how that is shown."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from math import inf
from operator import eq, ge, lt
from typing import Literal

import numpy as np

from liveface.app.audio.devices import choose
from liveface.app.audio.microphone import Microphone
from liveface.app.audio.pulse import endpoints
from liveface.app.capacity.admission import measure_drawing
from liveface.app.desktop.display_check import check_screen
from liveface.app.files.model_files import check_sums
from liveface.app.outputs.virtual_camera import cameras, remedy
from liveface.app.session.clock import Clock
from liveface.app.session.pipeline import CORES, DEFAULT_AVATAR, MODELS
from liveface.app.session.stats import Stats
from liveface.engine.errors import BackendError, ConfigurationError, DeviceError, LivefaceError
from liveface.engine.extras import EXTRAS, installing
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import FPS, SAMPLE_RATE

State = Literal["good", "absent", "bad"]
_OLDEST, _NEWEST = (3, 11), (3, 13)  # Python
_LISTENING = 1.0  # s
_START = 1.0  # s, that a microphone may take before it is listened to
_SIDE = 512  # pixels, of the pictures that are measured
_TRIALS = 4
_DRIVER_PATIENCE = 10.0  # s for the GPU's driver to answer
_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+?)\s*(?P<versions>[<>=!~].*)?")
_COMPARISONS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {">=": ge, "<": lt, "==": eq}
_BUSIEST = 0.8  # of the time between two pictures may go into drawing one


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what was found, with the remedy if it is not good.

    `absent` is something that the program does without; `bad` is something that it needs.
    """

    subject: str
    state: State
    text: str


def examine(clock: Clock, needs_desktop: bool = True) -> Iterator[Finding]:
    """All findings, each as soon as there is one. `needs_desktop`: a window and a microphone are needed too."""
    desktop: State = "bad" if needs_desktop else "absent"
    yield _tried("Python", "bad", _python)
    yield _tried("packages", "bad", _packages)
    yield _tried("extras", "absent", _extras)
    yield _tried("model", "bad", lambda: f"{check_sums(MODELS)} files are the listed ones")
    yield _tried("drawing", "bad", lambda: _drawing(clock))
    yield _tried("window", desktop, _window)
    yield _tried("microphone", desktop, lambda: _microphone(clock))
    yield _tried("speaker", "absent", lambda: f"“{choose('output', None).name}”")
    yield _tried("virtual camera", "absent", _camera)
    yield _tried("virtual microphone", "absent", _virtual_microphone)
    yield _tried("GPU", "absent", _gpu)


def _tried(subject: str, otherwise: State, look: Callable[[], str]) -> Finding:
    """What was found; where that raises an error, the state is `otherwise`: the others are to be examined too."""
    try:
        return Finding(subject, "good", look())
    except LivefaceError as error:
        return Finding(subject, otherwise, str(error))
    except Exception as error:
        return Finding(
            subject, otherwise, f"cannot be examined (unexpected {type(error).__name__}: {error}): report this to us."
        )


def _python() -> str:
    version = platform.python_version()
    if not _OLDEST <= sys.version_info[:2] <= _NEWEST:
        expected = " to ".join(".".join(map(str, one)) for one in (_OLDEST, _NEWEST))
        raise ConfigurationError(
            f"{version} runs, {expected} is expected: make the environment anew with one of these."
        )
    return f"{version} on {platform.platform(terse=True)}, {os.cpu_count()} cores"


def _packages() -> str:
    """The versions that are asked for, against those that are installed."""
    wanted = [_REQUIREMENT.fullmatch(line) for line in metadata.requires("liveface") or [] if ";" not in line]
    needed = [(found["name"], found["versions"] or "") for found in wanted if found is not None]
    wrong = [
        f"{name} {found or 'missing'} instead of {versions}"
        for name, versions in needed
        if (found := _installed(name)) is None or not _is_within(found, versions)
    ]
    if wrong:
        raise ConfigurationError(
            f"{', '.join(wrong)}: install liveface again, `pip install --force-reinstall liveface`."
        )
    return f"{len(needed)} have versions that are asked for"


def _is_within(version: str, bounds: str) -> bool:
    """Whether a version such as 2.4.6 keeps bounds such as `>=2.1,<3`."""
    number = _number(version)
    return all(
        _COMPARISONS[sign](number[: len(_number(bound))] if sign == "==" else number, _number(bound))
        for sign, bound in re.findall(r"(>=|==|<)([0-9.]+)", bounds)
    )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", re.match(r"[\d.]*", version)[0]))  # type: ignore[index]


def _extras() -> str:
    """Which extras are installed."""
    usable = {name: packages for name, packages in EXTRAS.items() if name != "train"}
    absent = [name for name, packages in usable.items() if any(find_spec(package) is None for package in packages)]
    if absent:
        raise ConfigurationError(f"without {', '.join(absent)}: {installing(','.join(absent))}, if you want them.")
    return f"{', '.join(usable)} are installed"


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _drawing(clock: Clock) -> str:
    """The arithmetic that was chosen for this machine, and how long a picture takes with it."""
    from liveface.engine.backends.openvino import PaintNetworks
    from liveface.engine.drawing.renderer import MouthRenderer

    painter = PaintNetworks(MODELS / "identity.onnx", MODELS / "generator.onnx", CORES)
    avatar = Avatar.load(DEFAULT_AVATAR).framed(_SIDE, _SIDE)
    renderer, seconds = MouthRenderer(painter), inf
    for _ in range(_TRIALS):  # what else runs disturbs some of them
        seconds = min(seconds, measure_drawing(renderer, avatar, clock).predict([_SIDE * _SIDE], calls=1))
        if seconds <= _BUSIEST / FPS:
            break
    found = f"{seconds * 1000:.1f} ms for a picture of {_SIDE}x{_SIDE}, {painter.precision} with OpenVINO"
    if seconds > _BUSIEST / FPS:
        raise BackendError(
            f"{found}, {_BUSIEST / FPS * 1000:.0f} ms is the most for {FPS} a second: close other programs, or choose "
            "a smaller --size."
        )
    return found


def _window() -> str:
    check_screen()
    return f"Qt {_installed('PyQt6-Qt6')} can open one"


def _microphone(clock: Clock) -> str:
    """How loud one second of it is."""
    microphone = Microphone(None, clock, Stats())
    microphone.open()
    try:
        name, heard, deadline = microphone.device, np.zeros(0, np.float32), clock.now() + _START + 2 * _LISTENING
        while len(heard) < round((_START + _LISTENING) * SAMPLE_RATE) and clock.now() < deadline:
            pcm = microphone.read(0.05)
            assert pcm is not None
            heard = np.concatenate([heard, pcm])
    finally:
        microphone.close()
    heard = heard[-round(_LISTENING * SAMPLE_RATE) :]
    if not heard.any():
        raise DeviceError(
            f"“{name}” gives nothing but silence: switch it on, raise its level in the sound settings, and let this "
            "program use it."
        )
    return f"“{name}”, {20 * np.log10(np.sqrt(np.mean(np.square(heard)))):.0f} dBFS in one second"


def _camera() -> str:
    found = cameras()
    if not found:
        raise DeviceError(f"none, so calls cannot show the face: {remedy()}.")
    return ", ".join(found)


def _virtual_microphone() -> str:
    if platform.system() != "Linux":
        raise DeviceError("other programs hear the voice through VB-Cable (Windows) or BlackHole (macOS): install it.")
    if endpoints("output") is None:
        raise DeviceError("no PulseAudio or PipeWire answers: start it, and install pulseaudio-utils.")
    choose("output", "pulse")
    return "can be made when it is wanted"


def _gpu() -> str:
    """The NVIDIA GPU, and whether the packages that can use it are there."""
    if shutil.which("nvidia-smi") is None:
        raise BackendError("no NVIDIA driver, so the CPU draws: nothing to do, unless there is such a GPU.")
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DRIVER_PATIENCE, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise BackendError(f"the NVIDIA driver does not answer ({error}): start the machine again.") from error
    if done.returncode:
        raise BackendError(f"nvidia-smi says “{done.stdout.strip() or done.stderr.strip()}”: install the driver again.")
    name = "; ".join(done.stdout.strip().splitlines())
    absent = [package for package in ("torch", "torch_tensorrt") if find_spec(package) is None]
    if "torch" in absent:
        raise BackendError(f"{name}, but torch is missing: install `liveface[train]`, then use --backend torch.")
    return f"{name}, for --backend torch" + ("" if absent else " or tensorrt")
