"""The face and the voice for a video call: a virtual camera and a virtual microphone that are in step.

Knows what the user has chosen for them, and nothing of when they are on.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from liveface.app.outputs.virtual_camera import CameraLook, VirtualCamera
from liveface.app.outputs.virtual_microphone_sink import VirtualMicrophoneSink
from liveface.app.session.clock import Clock
from liveface.app.session.session import Sink


class Chosen(Protocol):
    """What the user has chosen for a call."""

    @property
    def camera(self) -> str:
        """The device's name, or nothing for the first."""

    @property
    def camera_fit(self) -> str:
        """Letterbox or crop."""

    @property
    def camera_background(self) -> str:
        """The word blur, or a colour such as #202020."""

    @property
    def voice(self) -> str:
        """The device's name, or nothing for a virtual microphone of our own."""


class VideoCall:
    """Opens both; the pictures of the camera wait until their sound is heard by the others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._voice: VirtualMicrophoneSink | None = None

    @property
    def openers(self) -> Mapping[str, Callable[[Chosen], Sink]]:
        """What makes each, by its name."""
        return {"camera": self._camera, "voice": self._new_voice}

    def _camera(self, chosen: Chosen) -> Sink:
        background = chosen.camera_background
        look = CameraLook(
            fit="crop" if chosen.camera_fit == "crop" else "letterbox",
            background="blur" if background == "blur" else _colour(background),
        )
        return VirtualCamera(look, chosen.camera or None, clock=self._clock, hold=self._delay)

    def _new_voice(self, chosen: Chosen) -> Sink:
        self._voice = VirtualMicrophoneSink(chosen.voice or None, self._clock)
        return self._voice

    def _delay(self) -> float:
        return 0.0 if self._voice is None else self._voice.delay()


def _colour(text: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour such as #202020."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue
