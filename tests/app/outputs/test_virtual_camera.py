"""Tests of the virtual camera, with a driver that is made up here, in virtual time."""

import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import liveface.app.outputs.virtual_camera
from liveface.app.outputs.virtual_camera import CameraLook, VirtualCamera, cameras
from liveface.app.session.clock import sleep_until
from liveface.engine.errors import ConfigurationError, DeviceError
from liveface.engine.media import FPS, HOP, Frame
from tests.app.fakes import VirtualClock

LOOK = CameraLook(32, 18)


class FakeCamera:
    def __init__(self, library: "FakeDriver", device: str | None) -> None:
        self.device = device or "/dev/video7"
        self.is_closed = False
        self._library = library

    def send(self, picture: np.ndarray) -> None:
        assert picture.shape == (18, 32, 3)
        if self._library.has_gone:
            raise RuntimeError("no such device")
        self._library.shown.append((self._library.clock.now(), int(picture[9, 16, 0])))

    def close(self) -> None:
        self.is_closed = True


class FakeDriver(ModuleType):
    """Remembers when it was shown what."""

    def __init__(self) -> None:
        super().__init__("pyvirtualcam")
        self.clock = VirtualClock()
        self.refusal = ""
        self.has_gone = False
        self.shown: list[tuple[float, int]] = []

    def Camera(self, width: int, height: int, fps: int, device: str | None) -> FakeCamera:  # noqa: N802
        if self.refusal:
            raise RuntimeError(self.refusal)
        self.opened = FakeCamera(self, device)
        return self.opened


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    fake = FakeDriver()
    monkeypatch.setitem(sys.modules, "pyvirtualcam", fake)
    return fake


def a_frame(index: int) -> Frame:
    return Frame(index, np.full((18, 32, 3), index, np.uint8), np.zeros(HOP, np.float32), True)


def speak(driver: FakeDriver, camera: VirtualCamera, seconds: float) -> float:
    """Send 25 frames a second, the first of them with number 1; returns when."""
    started = driver.clock.now()
    for index in range(round(seconds * FPS)):
        sleep_until(driver.clock, started + index / FPS)
        camera.send(a_frame(index + 1))
    sleep_until(driver.clock, started + seconds)
    return started


def test_25_pictures_a_second_become_30_at_even_times(driver: FakeDriver) -> None:
    camera = VirtualCamera(LOOK, clock=driver.clock)
    camera.open(32, 18)
    speak(driver, camera, 4)
    camera.close()
    moments, numbers = np.array(driver.shown).T
    assert len(moments) == pytest.approx(120, abs=2)
    np.testing.assert_allclose(np.diff(moments), 1 / 30, atol=1e-6)
    assert (np.diff(numbers) >= 0).all()
    assert set(numbers) >= set(range(1, 100))  # each is shown, some twice
    assert driver.opened.is_closed
    assert "liveface camera" not in {thread.name for thread in threading.enumerate()}


def test_a_picture_is_shown_at_the_moment_nearest_to_the_one_when_its_sound_is_heard(driver: FakeDriver) -> None:
    camera = VirtualCamera(LOOK, clock=driver.clock, hold=lambda: 0.1)
    camera.open(32, 18)
    started = speak(driver, camera, 3)
    camera.close()
    first: dict[int, float] = {}
    for moment, number in driver.shown:
        first.setdefault(number, moment)
    late = [moment - (started + (number - 1) / FPS + 0.1) for number, moment in first.items() if number]
    assert len(late) > 60
    assert max(map(abs, late)) <= 0.5 / 30 + 1e-6
    assert abs(np.mean(late)) < 0.005


def test_the_last_picture_stays_while_no_frames_come(driver: FakeDriver) -> None:
    camera = VirtualCamera(LOOK, clock=driver.clock)
    camera.open(32, 18)
    camera.send(a_frame(5))
    sleep_until(driver.clock, driver.clock.now() + 1)
    camera.close()
    assert [number for _, number in driver.shown[-25:]] == [5] * 25


def test_it_can_be_switched_off_and_on(driver: FakeDriver) -> None:
    camera = VirtualCamera(LOOK, "/dev/video3", clock=driver.clock)
    for _ in range(2):
        camera.open(32, 18)
        assert camera.device == "/dev/video3"
        camera.close()
        camera.close()
        assert camera.device is None


def test_a_camera_that_has_gone_is_told_to_who_sends(driver: FakeDriver) -> None:
    camera = VirtualCamera(LOOK, clock=driver.clock)
    camera.open(32, 18)
    sleep_until(driver.clock, driver.clock.now() + 0.1)
    driver.has_gone = True
    sleep_until(driver.clock, driver.clock.now() + 0.1)
    with pytest.raises(DeviceError, match="no such device"):
        camera.send(a_frame(0))
    camera.close()


@pytest.mark.parametrize(
    ("system", "remedy"),
    [("Linux", r"v4l2loopback-dkms.*exclusive_caps=1"), ("Windows", "OBS.*Unity Capture"), ("Darwin", "OBS Studio")],
)
def test_where_there_is_no_driver_it_says_what_to_install(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch, system: str, remedy: str
) -> None:
    driver.refusal = "'v4l2loopback' backend: none found"
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr(liveface.app.outputs.virtual_camera, "cameras", list)
    with pytest.raises(DeviceError, match=remedy):
        VirtualCamera(LOOK).open(32, 18)


def test_a_busy_camera_and_one_that_does_not_exist_are_told_apart(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.refusal = "busy"
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr(liveface.app.outputs.virtual_camera, "cameras", lambda: ["/dev/video2"])
    with pytest.raises(DeviceError, match="close other programs"):
        VirtualCamera(LOOK).open(32, 18)
    with pytest.raises(DeviceError, match=r"no virtual camera /dev/video9.*/dev/video2"):
        VirtualCamera(LOOK, "/dev/video9").open(32, 18)


def test_the_cameras_of_the_driver_are_listed_and_no_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, attribute in (("video10", "max_openers"), ("video2", "max_openers"), ("video0", "dev")):
        (tmp_path / name).mkdir()
        (tmp_path / name / attribute).touch()
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr(liveface.app.outputs.virtual_camera, "_LINUX_DEVICES", tmp_path)
    assert cameras() == ["/dev/video2", "/dev/video10"]


@pytest.mark.parametrize("settings", [{"width": 1281}, {"height": 0}, {"fps": 0}])
def test_a_look_that_no_camera_has_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="even sides"):
        CameraLook(**settings)
