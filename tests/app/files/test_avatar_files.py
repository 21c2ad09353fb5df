"""Saved avatars of earlier versions are prepared anew, once, and the program says so."""

import json
from pathlib import Path

import numpy as np
import pytest

from liveface.app.files.avatar_files import load_avatar
from liveface.engine.errors import MediaError
from liveface.engine.face.avatar import FORMAT_VERSION, Avatar
from liveface.engine.face.landmarks import FaceMesh
from tests import faces


class MovedMesh:
    """Sees every point a pixel further right; as far as renewing needs it, a `FaceMesh`."""

    def still_points(self, image: np.ndarray, points: np.ndarray) -> np.ndarray:
        return np.concatenate([points + np.array([1, 0, 0], np.float32), np.zeros((10, 3), np.float32)])


def never() -> FaceMesh:
    raise AssertionError("the face mesh takes time to load, and is not needed")


def earlier(folder: Path) -> Avatar:
    """A folder as the first version wrote it, and what is in it."""
    avatar = faces.avatar()
    avatar.save(folder)
    about = json.loads((folder / "avatar.json").read_text())
    about["liveface_avatar"] = 1
    del about["kept_smile"]
    (folder / "avatar.json").write_text(json.dumps(about))
    return avatar


def test_an_avatar_of_this_version_is_read_as_it_is(tmp_path: Path) -> None:
    avatar = faces.avatar()
    avatar.save(tmp_path / "one")
    np.testing.assert_array_equal(load_avatar(tmp_path / "one", never).points, avatar.points)


def test_an_avatar_of_an_earlier_version_is_renewed_once(tmp_path: Path) -> None:
    old = earlier(tmp_path / "old")
    told: list[str] = []
    load = lambda: MovedMesh()  # noqa: E731
    renewed = load_avatar(tmp_path / "old", load, told.append)  # type: ignore[arg-type]
    eyes = [33, 263]
    np.testing.assert_allclose(renewed.points[eyes, 0], old.points[eyes, 0] + 1, atol=1e-4)
    assert json.loads((tmp_path / "old" / "avatar.json").read_text())["liveface_avatar"] == FORMAT_VERSION
    again = load_avatar(tmp_path / "old", never, told.append)
    np.testing.assert_array_equal(again.points, renewed.points)
    assert len(told) == 1
    assert renewed.name in told[0]
    assert "prepared anew" in told[0]


def test_an_earlier_avatar_that_cannot_be_saved_is_used_nevertheless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier(tmp_path / "old")

    def refuse(avatar: Avatar, folder: Path) -> None:
        from liveface.engine.errors import OutputError

        raise OutputError("The disk is full.")

    monkeypatch.setattr(Avatar, "save", refuse)
    told: list[str] = []
    assert load_avatar(tmp_path / "old", lambda: MovedMesh(), told.append).photo.shape == (300, 320, 3)  # type: ignore[arg-type, return-value]
    assert "could not be saved" in told[0]


def test_what_is_no_avatar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="not a prepared avatar"):
        load_avatar(tmp_path, never)
