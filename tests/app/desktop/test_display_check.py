"""Tests of finding out whether a window can be opened."""

import ctypes

import pytest

from liveface.app.desktop.display_check import check_screen
from liveface.engine.errors import DeviceError


@pytest.fixture(autouse=True)
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


def test_no_display_is_an_error_that_names_the_way_out() -> None:
    with pytest.raises(DeviceError, match="--headless"):
        check_screen()


def test_a_platform_without_a_display_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    check_screen()


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_other_systems_are_not_looked_at_as_if_they_had_x(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setattr("sys.platform", system)
    check_screen()


def test_a_missing_library_of_qt_is_an_error_that_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise OSError("libxcb-cursor.so.0: cannot open shared object file")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    with pytest.raises(DeviceError, match=r"libxcb-cursor\.so\.0.*libxcb-cursor0"):
        check_screen()


def test_a_display_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(DeviceError):
        check_screen()
