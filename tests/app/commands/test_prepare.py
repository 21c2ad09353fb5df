"""The prepare command, as a person runs it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from liveface.app.commands.prepare import prepare
from liveface.engine.errors import OutputError, PhotoError
from liveface.engine.face.avatar import Avatar


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "eileen.jpg"
    Image.fromarray(skimage.data.astronaut()).save(path, quality=95)
    return path


def test_a_photo_becomes_a_folder_named_after_it(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(photo, tmp_path / "avatar")
    assert Avatar.load(tmp_path / "avatar").name == "eileen"
    assert "512x512 pixels" in capsys.readouterr().out


def test_the_name_can_be_chosen(photo: Path, tmp_path: Path) -> None:
    prepare(photo, tmp_path / "avatar", name="Commander")
    assert Avatar.load(tmp_path / "avatar").name == "Commander"


def test_a_folder_of_something_else_is_refused_before_the_photo_is_read(tmp_path: Path) -> None:
    (tmp_path / "avatar").mkdir()
    (tmp_path / "avatar" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="is not an avatar"):
        prepare(tmp_path / "there is no photo.jpg", tmp_path / "avatar")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="admits no files"):
        prepare(tmp_path / "there is no photo.jpg", tmp_path / "file" / "avatar")


def test_one_of_several_faces_can_be_chosen(tmp_path: Path) -> None:
    head = skimage.data.astronaut()[:300, 75:375]
    Image.fromarray(np.concatenate([head, head[:, ::-1]], axis=1)).save(tmp_path / "pair.png")
    with pytest.raises(PhotoError, match="--face N"):
        prepare(tmp_path / "pair.png", tmp_path / "avatar")
    assert not (tmp_path / "avatar").exists()
    prepare(tmp_path / "pair.png", tmp_path / "avatar", face=2)
    assert Avatar.load(tmp_path / "avatar").points[1, 0] > 300


def test_a_bad_photo_ends_in_one_sentence_and_a_failing_exit_code(tmp_path: Path) -> None:
    Image.new("RGB", (300, 300)).save(tmp_path / "dark.png")
    command = [
        sys.executable,
        "-m",
        "liveface.app.cli",
        "prepare",
        str(tmp_path / "dark.png"),
        "--out",
        str(tmp_path / "avatar"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("liveface: No face was found")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "avatar").exists()
