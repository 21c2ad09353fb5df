"""Tests of what is remembered, and of files that somebody else has written."""

import json
import os
from pathlib import Path

import pytest

from liveface.app.desktop.preferences import Preferences, PreferencesFile, preferences_path
from liveface.engine.errors import ConfigurationError, OutputError
from liveface.engine.folders import avatars_folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "preferences.json"


def test_what_is_kept_is_found_at_the_next_start(path: Path) -> None:
    first = PreferencesFile(path)
    assert not first.exists
    assert first.load(pytest.fail) == Preferences()
    first.keep("lookahead", 4)
    first.keep("theme", "dark")
    assert PreferencesFile(path).load(pytest.fail) == Preferences(lookahead=4, theme="dark")
    assert first.exists


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '"x"', "\\xff"])
def test_a_file_that_is_none_means_defaults_says_so_and_is_put_aside(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_bytes(content.encode().replace(b"\\xff", b"\xff"))
    file, told = PreferencesFile(path), []
    assert file.load(told.append) == Preferences()
    assert len(told) == 1
    assert "default settings are used" in told[0]
    assert (path.parent / "preferences.damaged.json").exists()
    file.keep("lookahead", 1)
    assert PreferencesFile(path).load(pytest.fail) == Preferences(lookahead=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("lookahead", 9), ("lookahead", "2"), ("theme", "pink"), ("camera_background", "red"), ("avatar", None)],
)
def test_one_value_that_cannot_be_is_told_and_leaves_the_others(path: Path, name: str, value: object) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps({"microphone": "USB", "panel": "settings", name: value}))
    told: list[str] = []
    assert PreferencesFile(path).load(told.append) == Preferences(microphone="USB", panel="settings")
    assert len(told) == 1
    assert f"The setting {name} is {value!r}" in told[0]


def test_what_another_version_has_written_wipes_nothing_and_is_kept(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"colour": [1], "theme": "dark"}')
    file = PreferencesFile(path)
    assert file.load(pytest.fail) == Preferences(theme="dark")
    file.keep("lookahead", 1)
    assert json.loads(path.read_text())["colour"] == [1]
    assert PreferencesFile(path).load(pytest.fail) == Preferences(theme="dark", lookahead=1)


def test_a_crash_while_writing_leaves_the_file_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = PreferencesFile(path)
    file.keep("lookahead", 3)

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)  # what was written is not on the disk yet
    with pytest.raises(KeyboardInterrupt):
        file.keep("lookahead", 5)
    assert PreferencesFile(path).load(pytest.fail) == Preferences(lookahead=3)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="until the window closes"):
        PreferencesFile(tmp_path / "file" / "preferences.json").keep("lookahead", 3)


def test_a_setting_that_cannot_be_is_refused_and_not_kept(path: Path) -> None:
    file = PreferencesFile(path)
    with pytest.raises(ConfigurationError, match="lookahead"):
        file.keep("lookahead", 7)
    assert not path.exists()


def test_files_are_where_the_desktop_wants_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert preferences_path() == tmp_path / "c" / "liveface" / "preferences.json"
    assert avatars_folder() == tmp_path / ".local" / "share" / "liveface" / "avatars"
