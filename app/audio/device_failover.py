"""Keeps a sound device in use: where it vanishes another one takes its place until it returns. Knows no sound."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from liveface.app.audio.devices import WORDS, Kind, SoundDevice, choose, look_again, sound_devices
from liveface.app.session.clock import Clock
from liveface.engine.errors import DeviceError
from liveface.engine.sentences import sentence

SILENT_AFTER = 1.0  # s without a block after which a device counts as lost; halts of a busy machine are shorter
_LOOK = 1.0  # s between two looks at what is connected
_GLANCE = 0.05  # s likewise, while a device is tried

ChangeCode = Literal["device_gone", "device_replaced", "device_back", "device_followed"]


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """What has become of a device; as text a sentence for the user. `instead`: the name of the one that is used now."""

    code: ChangeCode
    device: str
    name: str
    instead: str = ""

    @property
    def is_loss(self) -> bool:
        """Whether something is missing now that was there."""
        return self.code in ("device_gone", "device_replaced")

    def __str__(self) -> str:
        return sentence(self.code, {"device": self.device, "name": self.name, "instead": self.instead})


Notify = Callable[[DeviceChange], None]


class Line(Protocol):
    """An open device. `has_begun` once sound has passed."""

    device: SoundDevice
    has_begun: bool

    def is_silent(self) -> bool:
        """Whether the device has stopped, which it tells or not."""

    def close(self) -> None:
        """Release it."""


OpenLine = TypeVar("OpenLine", bound=Line)
Open = Callable[[SoundDevice, Callable[[], None]], OpenLine]


class DeviceFailover(Generic[OpenLine]):
    """Opens and closes lines, in the thread "liveface microphone" or "liveface speaker".

    `line` is the one in use now, None where there is none. It may be another one from one moment to the next.
    """

    def __init__(
        self,
        kind: Kind,
        name: str | None,
        open_line: Open[OpenLine],
        clock: Clock,
        on_notice: Notify,
        may_change: bool = True,
    ) -> None:
        """`name` as `devices.choose` takes it. `open_line` gets the device and what to call when it ends by itself.

        `on_notice` gets what to tell the user, in the thread. `may_change`: whether another device is better than
        none.
        """
        self._kind: Kind = kind
        self._name = name
        self._open_line = open_line
        self._clock = clock
        self._on_notice = on_notice
        self._may_change = may_change
        self._thread: threading.Thread | None = None
        self._changed = clock.condition()
        self._is_closing = False
        self._failure: BaseException | None = None
        self._follows = False  # the default has changed since it was opened
        self.line: OpenLine | None = None

    def open(self) -> OpenLine:
        """Open the device; raises `DeviceError` if there is no such one or it cannot be used."""
        self._wanted = choose(self._kind, self._name)
        self.line = line = self._open_line(self._wanted, self._wake)
        self._thread = threading.Thread(target=self._look_after, name=f"liveface {WORDS[self._kind]}")
        self._thread.start()
        return line

    def close(self) -> None:
        """Close what is open; may be called twice."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        line, self.line = self.line, None
        if line is not None:
            line.close()

    def check(self) -> None:
        """Raise what the thread has failed of, which is a mistake of ours."""
        if self._failure is not None:
            raise self._failure

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _look_after(self) -> None:
        try:
            while not self._waited(_LOOK):
                self._look()
        except BaseException as error:
            self._failure = error

    def _waited(self, seconds: float) -> bool:
        """Wait, at most until somebody has something to say; returns whether all is over."""
        with self._changed:
            if not self._is_closing:
                self._changed.wait(seconds)
            return self._is_closing

    def _look(self) -> None:
        """Change the device if the one in use has gone, or the one that was asked for is back."""
        connected = self._connected()
        self._follow_default(connected)
        line = self.line
        if line is not None and not (line.is_silent() or _is_gone(line.device, connected)):
            if not line.device.is_same(self._wanted) and (back := self._again(connected)) is not None:
                self.line = back
                line.close()
                self._on_notice(self._change("device_followed" if self._follows else "device_back"))
            return
        self.line = None
        if line is not None:
            line.close()
        self._replace(line, connected)

    def _follow_default(self, connected: list[SoundDevice]) -> None:
        """Where no device was asked for, want the one that the system's default has become."""
        default = next((device for device in connected if device.is_default), None)
        if self._name is None and default is not None and not default.is_same(self._wanted):
            self._wanted, self._follows = default, True

    def _replace(self, lost: OpenLine | None, connected: list[SoundDevice]) -> None:
        self.line = now = self._again(connected) or self._another(lost, connected)
        if now is None:
            if lost is not None:
                self._on_notice(self._change("device_gone", lost.device.name))
            look_again()
        elif lost is None or not now.device.is_same(lost.device):
            is_back = now.device.is_same(self._wanted)
            self._on_notice(
                self._change("device_back") if is_back else self._change("device_replaced", instead=now.device.name)
            )

    def _again(self, connected: list[SoundDevice]) -> OpenLine | None:
        """The wanted device, if it is there and works."""
        return next(filter(None, map(self._tried, filter(self._wanted.is_same, connected))), None)

    def _another(self, lost: OpenLine | None, connected: list[SoundDevice]) -> OpenLine | None:
        """The default device, if it is another one and works."""
        default = next((device for device in connected if device.is_default), None)
        if not self._may_change or default is None or default.is_same(self._wanted):
            return None
        return None if lost is not None and default.is_same(lost.device) else self._tried(default)

    def _tried(self, device: SoundDevice) -> OpenLine | None:
        """An open line on which sound has passed; there are devices that can be opened and do nothing."""
        try:
            line = self._open_line(device, self._wake)
        except DeviceError:
            return None
        until = self._clock.now() + SILENT_AFTER
        while not line.has_begun and self._clock.now() < until:
            if self._waited(_GLANCE):
                break
        if line.has_begun:
            return line
        line.close()
        return None

    def _connected(self) -> list[SoundDevice]:
        try:
            return sound_devices(self._kind)
        except DeviceError:
            return []

    def _change(self, code: ChangeCode, name: str = "", instead: str = "") -> DeviceChange:
        return DeviceChange(code, WORDS[self._kind], name or self._wanted.name, instead)


def _is_gone(device: SoundDevice, connected: list[SoundDevice]) -> bool:
    """Whether the sound server has lost it: it then uses another one for us without a word."""
    return device.is_served and not any(map(device.is_same, connected))
