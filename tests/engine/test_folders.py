"""Tests of the places of files: on Linux they stay where they have always been, on a Mac they are the system's."""

from pathlib import Path

import platformdirs.macos
import pytest

from liveface.engine import folders

VARIABLES = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
PLACES = (".config", ".local/share", ".cache")


def found() -> list[Path]:
    return [folders.settings_folder(), folders.data_folder(), folders.cache_folder()]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.skipif("sys.platform != 'linux'", reason="these are the places on Linux")
@pytest.mark.parametrize("value", [None, "", "relative/folder"])
def test_on_linux_they_are_where_they_have_always_been(
    home: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    for name in VARIABLES if value is not None else ():
        monkeypatch.setenv(name, str(value))
    assert found() == [home / place / "liveface" for place in PLACES]


@pytest.mark.skipif("sys.platform != 'linux'", reason="these are the places on Linux")
def test_on_linux_the_variables_name_others(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, str(home / name))
    assert found() == [home / name / "liveface" for name in VARIABLES]
    assert not any(path.exists() for path in found())


def test_on_a_mac_they_are_in_its_library(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "PlatformDirs", platformdirs.macos.MacOS)
    library = home / "Library"
    assert found() == [library / "Application Support" / "liveface"] * 2 + [library / "Caches" / "liveface"]
