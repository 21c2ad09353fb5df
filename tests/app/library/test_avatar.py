"""Tests of the library's avatars, with the real face mesh."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveface import Avatar, LivefaceError
from liveface.app.session.pipeline import DEFAULT_AVATAR

PHOTO = DEFAULT_AVATAR.parent / "maya" / "photo.png"


def test_a_photo_by_its_path_and_as_an_array_is_the_same_and_is_kept(tmp_path: Path) -> None:
    by_path = Avatar.from_photo(str(PHOTO))
    as_array = Avatar.from_photo(np.asarray(Image.open(PHOTO).convert("RGB")), name="maya")
    np.testing.assert_array_equal(by_path.prepared.points, as_array.prepared.points)
    by_path.save(tmp_path / "kept")
    kept = Avatar.load(tmp_path / "kept")
    assert (by_path.name, kept.name) == ("photo", "photo")
    np.testing.assert_array_equal(kept.photo, by_path.photo)


def test_shipped_portraits_have_names() -> None:
    assert Avatar.shipped().name == Avatar.shipped("clara").name
    with pytest.raises(LivefaceError, match="choose one of clara, jonas"):
        Avatar.shipped("nobody")


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(LivefaceError, match="expected uint8 and"):
        Avatar.from_photo(np.zeros((400, 400), np.uint8))
    with pytest.raises(LivefaceError, match="No face was found"):
        Avatar.from_photo(np.zeros((400, 400, 3), np.uint8))


def test_a_folder_of_an_earlier_version_is_renewed(tmp_path: Path) -> None:
    Avatar.shipped("maya").save(tmp_path / "old")
    about = json.loads((tmp_path / "old" / "avatar.json").read_text())
    (tmp_path / "old" / "avatar.json").write_text(json.dumps(about | {"liveface_avatar": 1}))
    assert Avatar.load(tmp_path / "old").prepared.photo.shape == Avatar.shipped("maya").prepared.photo.shape
    assert json.loads((tmp_path / "old" / "avatar.json").read_text())["liveface_avatar"] == 2
