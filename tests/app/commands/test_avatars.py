"""The commands for avatars, and how the others find one by its name."""

import sys
from pathlib import Path

import pytest

from liveface.app.cli import main
from liveface.app.library.avatar_folders import find_avatar
from liveface.app.session.pipeline import DEFAULT_AVATAR
from liveface.engine.errors import NotFoundError

PHOTO = DEFAULT_AVATAR.parent / "maya" / "photo.png"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def called(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["liveface", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_an_avatar_is_added_listed_found_and_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not called(monkeypatch, "avatars", "add", PHOTO, "--name", "aunt-2")
    place = find_avatar("aunt-2")
    assert capsys.readouterr().out == f"aunt-2: {place}\n"
    assert not called(monkeypatch, "avatars", "list")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines][-2:] == [["samuel", "shipped"], ["aunt-2", "yours"]]
    assert called(monkeypatch, "avatars", "add", PHOTO, "--name", "aunt-2") == 2
    assert "called aunt-2 already" in capsys.readouterr().err
    assert not called(monkeypatch, "avatars", "remove", "aunt-2")
    assert not place.exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("add", PHOTO, "--name", "../up"), "cannot be called"),
        (("add", PHOTO, "--name", "clara"), "called clara already"),
        (("remove", "clara"), "comes with liveface and stays"),
        (("remove", "nobody"), "is not there"),
        (("add", "nothing.jpg"), "does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[object, ...],
    complaint: str,
) -> None:
    assert called(monkeypatch, "avatars", *arguments) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_an_avatar_is_found_by_its_name_or_its_folder(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own)
    assert find_avatar("maya") == DEFAULT_AVATAR.parent / "maya"
    assert find_avatar(own) == own
    assert find_avatar("some/where") == Path("some/where")
    with pytest.raises(NotFoundError, match="no avatar called nobody: give one of clara, jonas, maya"):
        find_avatar("nobody")
