"""The command that lists the microphones, speakers and virtual cameras."""

from liveface.app.audio.devices import Kind, sound_devices
from liveface.app.outputs.virtual_camera import cameras, remedy


def devices() -> None:
    """List the microphones, speakers and virtual cameras."""
    _list("input", "Microphones", "No microphone was found: connect one, or use `liveface run --audio FILE`.")
    _list("output", "Speakers", "No speaker was found: connect one; liveface works without.")
    found = cameras()
    print("Virtual cameras:" if found else f"No virtual camera was found: {remedy()}.")
    for name in found:
        print(f"       {name}")


def _list(kind: Kind, title: str, none_found: str) -> None:
    found = sound_devices(kind)
    if not found:
        print(none_found)
        return
    print(f"{title}:")
    for device in found:
        default = ", default" if device.is_default else ""
        number = "" if device.endpoint else device.number
        print(f"  {number:3}  {device.name} ({device.rate} Hz{default})")
