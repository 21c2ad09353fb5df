"""A virtual camera that other programs can choose. Knows nothing of who makes the frames."""

import platform
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liveface.app.session.clock import Clock, MonotonicClock
from liveface.engine.drawing.camera_picture import Background, Fit, fitted
from liveface.engine.errors import ConfigurationError, DeviceError
from liveface.engine.extras import installing
from liveface.engine.media import FPS, Frame, Picture

LABEL = "Liveface camera"  # under which other programs should list it
_LINUX_DEVICES = Path("/sys/devices/virtual/video4linux")
_NAMES = {"obs": "OBS Virtual Camera", "unitycapture": "Unity Video Capture"}  # of pyvirtualcam's ways, elsewhere
_REMEDIES = {
    "Linux": (
        "install the driver with `sudo apt-get install v4l2loopback-dkms` and load it with "
        f'`sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label="{LABEL}"`'
    ),
    "Windows": (
        "install OBS Studio (obsproject.com) and start its virtual camera once, or install Unity Capture "
        "(github.com/schellingb/UnityCapture)"
    ),
    "Darwin": "install OBS Studio 30 or later (obsproject.com) and start its virtual camera once, which asks for leave",
}
_MOST_WAITING = FPS  # pictures held back at a time, for a second of sound


@dataclass(frozen=True, slots=True)
class CameraLook:
    """What the camera shows: `width` x `height` pixels, even, at `fps` pictures a second.

    `fit`: all of the picture with `background` beside it, which is a colour (red, green, blue) or the picture itself
    blurred; or the middle of the picture, which fills the frame.
    """

    width: int = 1280
    height: int = 720
    fps: int = 30
    fit: Fit = "letterbox"
    background: Background = "blur"

    def __post_init__(self) -> None:
        if self.width % 2 or self.height % 2 or min(self.width, self.height, self.fps) < 1:
            raise ConfigurationError(
                f"The camera is to show {self.width}x{self.height} at {self.fps} fps: give it even sides and at least "
                "one picture a second, such as 1280x720 at 30."
            )


def cameras() -> list[str]:
    """The virtual cameras that could be opened here, maybe none."""
    if platform.system() == "Linux":
        folders = sorted(_LINUX_DEVICES.glob("video*"), key=lambda folder: (len(folder.name), folder.name))
        return [f"/dev/{folder.name}" for folder in folders if (folder / "max_openers").exists()]
    try:
        import pyvirtualcam.camera
    except ImportError:
        return []
    return [_NAMES[name] for name in pyvirtualcam.camera.BACKENDS if name in _NAMES]


def remedy() -> str:
    """What to install on this system, where there is no virtual camera."""
    return _REMEDIES.get(platform.system(), "liveface knows none for this system")


class VirtualCamera:
    """A sink that shows the pictures in other programs, at the camera's own even pace whatever comes and goes.

    The thread "liveface camera" repeats or leaves out pictures as their 25 a second become `look.fps`; each is shown
    at the moment nearest to the one that is right.
    """

    def __init__(
        self,
        look: CameraLook,
        device: str | None = None,
        *,
        clock: Clock | None = None,
        hold: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`device`: one of `cameras`, None for the first that is free.

        `hold` tells for how many seconds a picture that is sent now waits before it is shown: where its sound is
        played to others, until that is heard.
        """
        self._look = look
        self._device = device
        self._clock: Clock = clock or MonotonicClock()
        self._hold = hold
        self._camera: Any = None
        self._waiting: deque[tuple[float, Picture]] = deque(maxlen=_MOST_WAITING)
        self._changed = self._clock.condition()
        self._is_closing = False
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None
        self.shown = 0  # pictures, repeated ones included

    def open(self, width: int, height: int) -> None:
        """Start to show an empty picture; raises `DeviceError`, which says what to install or to close."""
        self._camera = _opened(self._look, self._device)
        self._is_closing, self._failure = False, None
        self._thread = threading.Thread(target=self._run, name="liveface camera")
        self._thread.start()

    @property
    def device(self) -> str | None:
        """The name of the camera that is in use."""
        return None if self._camera is None else str(self._camera.device)

    def send(self, frame: Frame) -> None:
        """Show a frame's picture when it is time; never blocks. Raises `DeviceError` if the camera has gone."""
        if self._failure is not None:
            raise DeviceError(
                f"The virtual camera has stopped ({self._failure}): switch it off and on again."
            ) from self._failure
        due = self._clock.now() + self._hold()
        with self._changed:
            self._waiting.append((due, frame.image))

    def close(self, completed: bool = True) -> None:
        """Release the camera; may be called twice."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _run(self) -> None:
        try:
            self._show()
        except Exception as error:
            self._failure = error

    def _show(self) -> None:
        look = self._look
        shown = fitted(np.zeros((2, 2, 3), np.uint8), look.width, look.height, look.fit, look.background)
        started, tick = self._clock.now(), 0
        while self._wait(started + tick / look.fps):
            now = self._clock.now()
            picture = self._due(now + 0.5 / look.fps)
            if picture is not None:
                shown = fitted(picture, look.width, look.height, look.fit, look.background)
            self._camera.send(shown)
            self.shown += 1
            # After a halt of the machine it goes on at its pace, instead of catching up.
            tick = max(tick + 1, int((now - started) * look.fps))

    def _wait(self, moment: float) -> bool:
        """Wait until then; False if the camera is closed before."""
        with self._changed:
            while not self._is_closing and (remaining := moment - self._clock.now()) > 0:
                self._changed.wait(remaining)
            return not self._is_closing

    def _due(self, moment: float) -> Picture | None:
        """The latest picture that is due at that moment, once."""
        picture = None
        with self._changed:
            while self._waiting and self._waiting[0][0] <= moment:
                picture = self._waiting.popleft()[1]
        return picture


def _opened(look: CameraLook, device: str | None) -> Any:
    """pyvirtualcam's camera."""
    try:
        import pyvirtualcam

        return pyvirtualcam.Camera(look.width, look.height, look.fps, device=device)
    except ModuleNotFoundError as error:
        raise DeviceError(f"The virtual camera needs the package pyvirtualcam: {installing('desktop')}") from error
    except (ImportError, RuntimeError, OSError) as error:
        reason = "; ".join(str(error).splitlines())
        found = cameras()
        if device is not None and found and device not in found:
            raise DeviceError(f"There is no virtual camera {device}: choose one of {', '.join(found)}.") from error
        if found and platform.system() == "Linux":
            raise DeviceError(
                f"The virtual camera cannot be opened ({reason}): close other programs that send to it, or load its "
                "driver with more devices."
            ) from error
        raise DeviceError(f"There is no virtual camera ({reason}): {remedy()}.") from error
