"""Plays the frames' sound to another program, in step with their pictures. Knows nothing of where those are shown."""

import platform
from collections.abc import Callable
from contextlib import suppress

from liveface.app.audio import virtual_microphone
from liveface.app.audio.devices import choose
from liveface.app.audio.speaker import Speaker
from liveface.app.session.clock import Clock
from liveface.engine.errors import DeviceError
from liveface.engine.media import Frame

_CABLES = {"Windows": "CABLE Input", "Darwin": "BlackHole"}  # names of their speakers
_REMEDIES = {
    "Windows": "install VB-Cable (vb-audio.com/Cable), then choose “CABLE Output” as microphone in the call",
    "Darwin": "install BlackHole 2ch (existential.audio/blackhole), then choose it as microphone in the call",
}


class VirtualMicrophoneSink:
    """A sink that plays sound only: to a speaker, or into a virtual microphone that is there while the sink is open.

    A frame that is sent now is heard `delay()` seconds later: who shows pictures waits as long.
    """

    def __init__(self, device: str | None, clock: Clock, picture_delay: Callable[[], float] = lambda: 0.0) -> None:
        """`device` as `devices.choose` takes it; None is the virtual microphone.

        `picture_delay`: seconds from sending a frame until its picture is seen, where nobody waits for the sound; the
        sound is not heard earlier than that.
        """
        self._device = device
        self._speaker: Speaker | None = None
        self._clock = clock
        self._picture_delay = picture_delay
        self._has_made = False

    def open(self, width: int, height: int) -> None:
        """Start playing; raises `DeviceError`, which names what to install where there is no virtual microphone."""
        device = self._device
        if device is None and platform.system() in _CABLES:
            device = _cable(platform.system())
        elif device is None:
            device = virtual_microphone.create()
            self._has_made = True
        speaker = Speaker(device, self._clock, self._picture_delay, may_change=False)
        try:
            speaker.open(width, height)
        except DeviceError:
            self.close()
            raise
        self._speaker = speaker

    def send(self, frame: Frame) -> None:
        """Play a frame's sound after that of the frames before; never blocks. Raises `DeviceError` if it has gone."""
        assert self._speaker is not None, "it is not open"
        if self._speaker.has_ended:
            raise DeviceError("The device that others hear the voice through has gone: connect it and switch it on.")
        self._speaker.send(frame)

    def delay(self) -> float:
        """Seconds from the sending of a frame until it is heard, 0 before any was; from any thread."""
        return 0.0 if self._speaker is None else self._speaker.delay()

    def close(self, completed: bool = True) -> None:
        """Release the device, and take away the virtual microphone that was made; may be called twice."""
        speaker, self._speaker = self._speaker, None
        if speaker is not None:
            speaker.close(completed)
        if self._has_made:
            self._has_made = False
            with suppress(DeviceError):  # the server has ended, and the microphone with it
                virtual_microphone.remove()


def _cable(system: str) -> str:
    """The name of the speaker that leads into a microphone."""
    try:
        return choose("output", _CABLES[system]).name
    except DeviceError as error:
        raise DeviceError(f"There is no virtual microphone on this machine: {_REMEDIES[system]}.") from error
