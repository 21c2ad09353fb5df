"""A microphone for other programs, on PulseAudio or PipeWire: what is played to its sink comes out of it."""

from liveface.app.audio.devices import OWN_PREFIX, choose
from liveface.app.audio.pulse import load, modules, unload
from liveface.engine.errors import DeviceError

NAME = "Liveface microphone"  # as other programs list it
SINK = f"{OWN_PREFIX}_voice"
SOURCE = f"{OWN_PREFIX}_microphone"
_NULL_SINK = (
    f"sink_name={SINK}",
    "rate=48000",
    "channels=1",
    "sink_properties=device.description='Liveface\\ voice'",
)
_PROMPT = "norewinds=1"  # without it PulseAudio holds sound back; PipeWire does not know it, and does not need it


def create() -> str:
    """Make it, or find the one of a program that crashed; returns the name of the speaker that leads into it.

    Raises `DeviceError` where there is no sound server, or no way from here to it.
    """
    found = {_made(module.argument) for module in modules()}
    if SINK not in found:
        try:
            load("module-null-sink", *_NULL_SINK, _PROMPT)
        except DeviceError:
            load("module-null-sink", *_NULL_SINK)
    try:
        if SOURCE not in found:
            load(
                "module-remap-source",
                f"source_name={SOURCE}",
                f"master={SINK}.monitor",
                "source_properties=device.description='Liveface\\ microphone'",
            )
        choose("output", SINK)
    except DeviceError as error:
        remove()
        raise DeviceError(
            f"The virtual microphone cannot be used ({error}) "
            "Install ALSA's way to the sound server: on Debian and Ubuntu the package libasound2-plugins."
        ) from error
    return SINK


def remove() -> None:
    """Take it away, whoever made it; nothing happens if there is none. Raises `DeviceError`."""
    for module in reversed(modules()):
        if _made(module.argument) in (SINK, SOURCE):
            unload(module.number)


def _made(argument: str) -> str | None:
    """What a module with that argument has made: the name of a sink or a source."""
    words = dict(word.partition("=")[::2] for word in argument.split())
    return words.get("sink_name") or words.get("source_name")
