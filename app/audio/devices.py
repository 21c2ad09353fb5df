"""The sound devices of this machine, by name, and streams to and from them. Knows nothing of what is done with them."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any
from weakref import WeakSet

from liveface.app.audio import pulse as sound_server
from liveface.app.audio.pulse import Kind as Kind
from liveface.engine.errors import DeviceError
from liveface.engine.extras import installing
from liveface.engine.media import SAMPLE_RATE

OWN_PREFIX = "liveface"  # of the sound server's names for what this program made: its voice must not be its ear
WORDS: dict[Kind, str] = {"input": "microphone", "output": "speaker"}
_ATTEMPTS = 2
_BEST_SYSTEMS = ("Windows WASAPI",)  # of those that list the same devices; the others cut names or add a delay
_WAYS_TO_SERVER = ("pulse", "default", "pipewire")  # PortAudio's names; the first one takes an endpoint

# PortAudio is one for the whole process: two threads may not be in it at once, and its list of devices can only be made
# anew while no stream is open. Who opens a stream changes the environment meanwhile.
_LOCK = threading.RLock()
_OPEN: WeakSet[Any] = WeakSet()


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """A microphone or a speaker: PortAudio's number of it, its rate in Hz.

    `endpoint` is the sound server's name of it, where it is one of several behind the same number. `listed`: its name
    as the system has it, where another device has the same and `name` tells them apart.
    """

    number: int
    name: str
    channels: int
    rate: int
    is_default: bool
    endpoint: str | None = None
    listed: str = ""

    @property
    def is_served(self) -> bool:
        """Whether it is a sound server's."""
        return self.endpoint is not None

    def is_same(self, other: "SoundDevice") -> bool:
        """Whether both are the same device, though maybe listed at different times."""
        if self.endpoint is not None and other.endpoint is not None:
            return self.endpoint == other.endpoint  # unlike the name it tells equal devices apart for good
        return (self.name, self.endpoint) == (other.name, other.endpoint)


def portaudio() -> ModuleType:
    """The sounddevice library; raises `DeviceError` if PortAudio is not installed."""
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise DeviceError(f"Microphones and speakers need the package sounddevice: {installing('desktop')}") from error
    except OSError as error:
        raise DeviceError(code="sound_library_missing", reason=str(error)) from error
    assert isinstance(sounddevice, ModuleType)
    return sounddevice


def sound_devices(kind: Kind) -> list[SoundDevice]:
    """All microphones or speakers, maybe none. Raises `DeviceError` if the sound system cannot be asked.

    What a sound server has is always up to date; PortAudio's own list is as old as the last `look_again`.
    """
    library = portaudio()
    try:
        with _LOCK:
            default = library.default.device[0 if kind == "input" else 1]
            found = list(library.query_devices())
            chosen = os.environ.get(sound_server.variable(kind))
    except library.PortAudioError as error:
        raise DeviceError(code="sound_system_silent", reason=str(error)) from error
    system, default = _preferred_system(library, kind, found, default)
    devices = [
        SoundDevice(number, one["name"], channels, int(one["default_samplerate"]), number == default)
        for number, one in enumerate(found)
        if (channels := one[f"max_{kind}_channels"]) and (system is None or one["hostapi"] == system)
    ]
    way = next((device for device in devices if device.name == _WAYS_TO_SERVER[0]), None)
    served = sound_server.endpoints(kind, chosen) if way is not None else None
    if way is not None and served is not None:
        devices = _with_endpoints(kind, devices, way.number, served, chosen)
    return _numbered(devices)


def _preferred_system(
    library: ModuleType, kind: Kind, found: list[dict[str, Any]], default: int
) -> tuple[int | None, int]:
    """Where PortAudio lists every device once for each of the system's ways to it: the best way, and its default."""
    if len({one.get("hostapi") for one in found}) < 2:
        return None, default
    for number, system in enumerate(library.query_hostapis()):
        if system["name"] in _BEST_SYSTEMS and system[f"default_{kind}_device"] >= 0:
            return number, system[f"default_{kind}_device"]
    return None, default


def _numbered(devices: list[SoundDevice]) -> list[SoundDevice]:
    """With a number in the name of each but the first of equal ones; served ones are not equal to others."""
    counts: Counter[tuple[str, bool]] = Counter()
    numbered = []
    for device in devices:
        key = device.name, device.is_served
        counts[key] += 1
        if counts[key] > 1:
            device = replace(device, name=f"{device.name} ({counts[key]})", listed=device.name)
        numbered.append(device)
    return numbered


def _with_endpoints(
    kind: Kind, devices: list[SoundDevice], number: int, served: list[sound_server.Endpoint], chosen: str | None
) -> list[SoundDevice]:
    """The server's devices before PortAudio's, less the ways to a server that has none and of which none is chosen."""
    endpoints = [
        SoundDevice(number, one.description, one.channels, one.rate, one.is_default, one.name)
        for one in served
        if kind == "output" or not one.name.startswith(OWN_PREFIX)
    ]
    if not endpoints and not chosen:
        return [device for device in devices if device.name not in _WAYS_TO_SERVER]
    if any(one.is_default for one in served):
        devices = [SoundDevice(device.number, device.name, device.channels, device.rate, False) for device in devices]
    return endpoints + devices


def choose(kind: Kind, wanted: str | None) -> SoundDevice:
    """The device with that number or with that text in its name; None means the default one.

    Raises `DeviceError` if there is none, or if several fit.
    """
    devices = sound_devices(kind)
    if not devices:
        raise DeviceError(code="microphone_absent" if kind == "input" else "speaker_absent")
    if wanted is None:
        return next((device for device in devices if device.is_default), devices[0])
    exact = [device for device in devices if wanted in (device.name, device.endpoint or str(device.number))]
    fitting = exact or [device for device in devices if wanted.lower() in device.name.lower()]
    names = [f"“{device.name}”" for device in (fitting or devices)]
    if not fitting:
        raise DeviceError(code="device_unknown", device=WORDS[kind], wanted=wanted, names=names)
    if len(fitting) > 1:
        raise DeviceError(code="device_ambiguous", device=WORDS[kind], wanted=wanted, names=names)
    return fitting[0]


def playable(device: SoundDevice) -> tuple[int, int]:
    """Rate and channels of speech to a speaker: 16 kHz and one where it converts by itself, else what it has."""
    return _first_possible(device, portaudio().check_output_settings)


def recordable(device: SoundDevice) -> tuple[int, int]:
    """Likewise from a microphone."""
    return _first_possible(device, portaudio().check_input_settings)


def _first_possible(device: SoundDevice, check: Callable[..., None]) -> tuple[int, int]:
    for rate, channels in ((SAMPLE_RATE, 1), (device.rate, 1), (device.rate, 2)):
        try:
            with _LOCK:
                check(device.number, channels, "float32", None, rate)
        except portaudio().PortAudioError:
            continue
        return rate, channels
    return device.rate, device.channels


def look_again() -> bool:
    """Let PortAudio list its devices anew, and return whether it did.

    Nothing is done while a stream is open in this process.
    """
    library = portaudio()
    with _LOCK:
        if _OPEN:
            return False
        # Where it cannot be made ready again it is tried once more, and then at the next look.
        with suppress(library.PortAudioError):
            library._terminate()
        for _ in range(_ATTEMPTS):
            with suppress(library.PortAudioError):
                library._initialize()
                return True
        return False


def start_stream(kind: Kind, device: SoundDevice, **settings: Any) -> Any:
    """Open a stream of `sounddevice` and start it; raises `DeviceError`. To be ended with `end_stream`.

    A sound server's device calls back with as many samples as the server likes, whatever `blocksize` says.
    """
    library = portaudio()
    make: Callable[..., Any] = library.InputStream if kind == "input" else library.OutputStream
    stream = None
    if device.is_served:
        # A server gives or takes a little more than a block at a time. With blocks of a fixed size the rest would stay
        # in a buffer and grow to a whole block, and so would the doubt about when a sound is heard.
        settings["blocksize"] = 0
    with _LOCK, _pointing_to(kind, device.endpoint):
        try:
            _require_listed(device)
            stream = make(device=device.number, **settings)
            stream.start()
        except library.PortAudioError as error:
            if stream is not None:
                stream.close()
            raise DeviceError(code="device_busy", device=WORDS[kind], name=device.name, reason=str(error)) from error
        _OPEN.add(stream)
    return stream


def end_stream(stream: Any) -> None:
    """Close a stream, whatever has become of its device."""
    with _LOCK:
        stream.close()
        _OPEN.discard(stream)


def _require_listed(device: SoundDevice) -> None:
    """Raise `DeviceError` if its number has become that of another device, when PortAudio looked again."""
    listed = [one["name"] for one in portaudio().query_devices()]
    name = _WAYS_TO_SERVER[0] if device.is_served else device.listed or device.name
    if listed[device.number : device.number + 1] != [name]:
        raise DeviceError(code="devices_changed", name=device.name)


@contextmanager
def _pointing_to(kind: Kind, endpoint: str | None) -> Iterator[None]:
    """Let what is opened meanwhile use that endpoint: ALSA's way to the server has no other place to name it."""
    if endpoint is None:
        yield
        return
    variable = sound_server.variable(kind)
    before = os.environ.get(variable)
    os.environ[variable] = endpoint
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before
