"""The sound devices of this machine, by name. Knows nothing of what is done with them."""

from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from engine.errors import DeviceError

Kind = Literal["input", "output"]
_WORDS: dict[Kind, str] = {"input": "microphone", "output": "speaker"}


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """A microphone or a speaker: PortAudio's number of it, its rate in Hz."""

    number: int
    name: str
    channels: int
    rate: int
    is_default: bool


def portaudio() -> ModuleType:
    """The sounddevice library; raises `DeviceError` if PortAudio is not installed."""
    try:
        import sounddevice
    except OSError as error:
        raise DeviceError(
            f"The PortAudio library is missing ({error}): install the Debian package libportaudio2."
        ) from error
    assert isinstance(sounddevice, ModuleType)
    return sounddevice


def sound_devices(kind: Kind) -> list[SoundDevice]:
    """All microphones or speakers, maybe none. Raises `DeviceError` if the sound system cannot be asked."""
    library = portaudio()
    try:
        default = library.default.device[0 if kind == "input" else 1]
        found = list(library.query_devices())
    except library.PortAudioError as error:
        raise DeviceError(f"The sound system cannot be asked ({error}): check that it is running.") from error
    return [
        SoundDevice(number, one["name"], channels, int(one["default_samplerate"]), number == default)
        for number, one in enumerate(found)
        if (channels := one[f"max_{kind}_channels"])
    ]


def choose(kind: Kind, wanted: str | None) -> SoundDevice:
    """The device with that number or with that text in its name; None means the default one.

    Raises `DeviceError` if there is none, or if several fit.
    """
    word = _WORDS[kind]
    devices = sound_devices(kind)
    if not devices:
        raise DeviceError(
            f"No {word} was found: connect one and look with `liveface devices`, or use --audio with a file."
        )
    if wanted is None:
        return next((device for device in devices if device.is_default), devices[0])
    exact = [device for device in devices if wanted in (str(device.number), device.name)]
    fitting = exact or [device for device in devices if wanted.lower() in device.name.lower()]
    names = ", ".join(f"“{device.name}”" for device in (fitting or devices))
    if not fitting:
        raise DeviceError(f"There is no {word} “{wanted}”: choose one of {names}.")
    if len(fitting) > 1:
        raise DeviceError(
            f"Several {word}s fit “{wanted}”: choose one of {names}, or its number from `liveface devices`."
        )
    return fitting[0]
