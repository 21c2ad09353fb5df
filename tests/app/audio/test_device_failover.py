"""Tests of keeping a device in use, with lines that are made up here; see also those of microphone and speaker."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

import liveface.app.audio.device_failover
from liveface.app.audio.device_failover import DeviceChange, DeviceFailover
from liveface.app.audio.devices import SoundDevice
from liveface.app.session.clock import sleep_until
from liveface.engine.errors import DeviceError
from tests.app.fakes import VirtualClock

DESK = SoundDevice(0, "Desk", 1, 48_000, True, "desk")
USB = SoundDevice(0, "USB", 1, 48_000, False, "usb")


class FakeLine:
    def __init__(self, device: SoundDevice, on_end: Callable[[], None]) -> None:
        self.device = device
        self.has_begun = True
        self.is_closed = False
        self.end = on_end

    def is_silent(self) -> bool:
        return False

    def close(self) -> None:
        self.is_closed = True


class Room:
    """What is connected, and what has been opened."""

    def __init__(self) -> None:
        self.connected = [DESK, USB]
        self.is_answering = True
        self.lines: list[FakeLine] = []
        self.looks = 0

    def devices(self, kind: str) -> list[SoundDevice]:
        if not self.is_answering:
            raise DeviceError("The sound system cannot be asked.")
        return self.connected

    def open(self, device: SoundDevice, on_end: Callable[[], None]) -> FakeLine:
        if device not in self.connected:
            raise DeviceError("It cannot be opened.")
        self.lines.append(FakeLine(device, on_end))
        return self.lines[-1]

    def look_again(self) -> None:
        self.looks += 1


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    room = Room()
    monkeypatch.setattr(liveface.app.audio.device_failover, "sound_devices", room.devices)
    monkeypatch.setattr(liveface.app.audio.device_failover, "choose", lambda kind, name: USB)
    monkeypatch.setattr(liveface.app.audio.device_failover, "look_again", room.look_again)
    return room


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def keeper(room: Room, clock: VirtualClock) -> Iterator[DeviceFailover[FakeLine]]:
    keeper = DeviceFailover("input", "USB", room.open, clock, lambda text: None)
    keeper.open()
    yield keeper
    keeper.close()


def test_a_device_that_the_server_has_lost_is_left_though_sound_still_comes(
    room: Room, clock: VirtualClock, keeper: DeviceFailover[FakeLine]
) -> None:
    room.connected = [DESK]
    sleep_until(clock, clock.now() + 2.5)
    assert keeper.line is not None
    assert keeper.line.device == DESK
    assert room.lines[0].is_closed
    room.connected = [DESK, USB]
    sleep_until(clock, clock.now() + 2.5)
    assert keeper.line.device == USB
    assert [line.is_closed for line in room.lines] == [True, True, False]


def test_where_nothing_is_left_the_list_is_made_anew_again_and_again(
    room: Room, clock: VirtualClock, keeper: DeviceFailover[FakeLine]
) -> None:
    room.is_answering = False
    sleep_until(clock, clock.now() + 5.5)
    assert keeper.line is None
    assert room.looks >= 4
    room.is_answering = True
    sleep_until(clock, clock.now() + 2.5)
    assert keeper.line is not None
    assert keeper.line.device == USB


def test_nothing_changes_while_the_device_works(
    room: Room, clock: VirtualClock, keeper: DeviceFailover[FakeLine]
) -> None:
    sleep_until(clock, clock.now() + 10)
    assert keeper.line is room.lines[0]
    keeper.close()
    keeper.close()
    assert (keeper.line, room.lines[0].is_closed) == (None, True)


def test_a_mistake_in_the_thread_is_raised_where_the_device_is_used(
    room: Room, clock: VirtualClock, keeper: DeviceFailover[FakeLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.check()
    monkeypatch.setattr(room.lines[0], "is_silent", lambda: 1 / 0)
    sleep_until(clock, clock.now() + 1.5)
    with pytest.raises(ZeroDivisionError):
        keeper.check()


def test_the_systems_default_is_followed_where_no_device_was_asked_for(
    room: Room, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveface.app.audio.device_failover, "choose", lambda kind, name: DESK)
    told: list[DeviceChange] = []
    keeper = DeviceFailover("input", None, room.open, clock, told.append)
    keeper.open()
    try:
        sleep_until(clock, clock.now() + 2.5)
        assert keeper.line is room.lines[0]
        desk, usb = replace(DESK, is_default=False), replace(USB, is_default=True)
        room.connected = [desk, usb]
        sleep_until(clock, clock.now() + 2.5)
        assert keeper.line is not None
        assert keeper.line.device == usb
        assert room.lines[0].is_closed
        assert list(map(str, told)) == ["The microphone “USB” is used now: it is the system's default."]
    finally:
        keeper.close()


def test_a_device_that_was_asked_for_is_kept_whatever_the_default_becomes(
    room: Room, clock: VirtualClock, keeper: DeviceFailover[FakeLine]
) -> None:
    room.connected = [replace(DESK, is_default=False), USB, SoundDevice(0, "New", 1, 48_000, True, "new")]
    sleep_until(clock, clock.now() + 2.5)
    assert keeper.line is room.lines[0]
