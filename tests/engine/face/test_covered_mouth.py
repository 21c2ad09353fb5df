"""Mouths behind masks, hands and cups, which are drawn onto real faces here."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from liveface import assets
from liveface.engine.errors import PhotoError
from liveface.engine.face.avatar import Avatar, prepare
from liveface.engine.face.covered_mouth import covered_by
from liveface.engine.face.landmarks import FaceMesh

SHIPPED = sorted(path.parent for path in (Path(assets.__file__).parent / "avatars").glob("*/avatar.json"))
MASK = (93, 58, 172, 150, 152, 379, 397, 288, 323, 197)  # points of the mesh around a surgical mask


def laid_over(avatar: Avatar, shape: np.ndarray, fill: np.ndarray) -> np.ndarray:
    soft = cv2.GaussianBlur(shape, (0, 0), 1.5)[..., None] / 255.0
    return np.clip(avatar.photo * (1 - soft) + fill * soft, 0, 255).astype(np.uint8)


def masked(avatar: Avatar, colour: tuple[int, int, int]) -> np.ndarray:
    shape = np.zeros(avatar.photo.shape[:2], np.uint8)
    cv2.fillPoly(shape, [cv2.convexHull(np.rint(avatar.points[list(MASK), :2]).astype(np.int32))], 255)
    folds = 1 - 0.1 * np.abs(np.sin(np.arange(len(shape)) / 9.0))[:, None, None]
    return laid_over(avatar, shape, np.array(colour) * folds * np.ones((*shape.shape, 1)))


def behind_a_hand(avatar: Avatar) -> np.ndarray:
    shape = np.zeros(avatar.photo.shape[:2], np.uint8)
    middle = avatar.points[[61, 291, 0, 17], :2].mean(axis=0)
    iod = float(np.linalg.norm(avatar.points[33, :2] - avatar.points[263, :2]))
    cv2.ellipse(shape, np.rint(middle).astype(int).tolist(), (round(0.6 * iod), round(0.35 * iod)), 20, 0, 360, 255, -1)
    x, y = np.rint(avatar.points[50, :2]).astype(int)
    radius = round(0.1 * iod)
    skin = avatar.photo[y - radius : y + radius, x - radius : x + radius]
    return laid_over(avatar, shape, cv2.resize(skin, shape.shape[::-1]))


@pytest.fixture(params=SHIPPED, ids=lambda folder: folder.name)
def shipped(request: pytest.FixtureRequest) -> Avatar:
    return Avatar.load(request.param)


def test_lips_are_seen_in_portraits_in_colour_and_without(shipped: Avatar) -> None:
    assert covered_by(shipped.photo, shipped.points) is None
    grey = np.repeat(cv2.cvtColor(shipped.photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert covered_by(grey, shipped.points) is None


@pytest.mark.parametrize("size", [(256, 256), (1024, 1024)])
def test_lips_are_seen_at_any_size(shipped: Avatar, size: tuple[int, int]) -> None:
    framed = shipped.framed(*size)
    assert covered_by(framed.photo, framed.points) is None


@pytest.mark.parametrize(
    ("colour", "word"),
    [((190, 220, 240), "blue"), ((245, 245, 245), "white"), ((25, 25, 28), "black"), ((200, 30, 40), "red")],
)
def test_a_mask_is_named_by_its_colour(shipped: Avatar, colour: tuple[int, int, int], word: str) -> None:
    seen = covered_by(masked(shipped, colour), shipped.points)
    assert seen is not None
    assert word in seen


def test_a_hand_is_noticed(shipped: Avatar) -> None:
    seen = covered_by(behind_a_hand(shipped), shipped.points)
    assert seen is not None


def test_a_photo_with_a_mask_is_refused_with_what_was_seen(face_mesh: FaceMesh) -> None:
    avatar = prepare(np.ascontiguousarray(skimage.data.astronaut()), face_mesh, "astronaut")
    with pytest.raises(PhotoError, match=r"No lips .* blue covers them.*: use one that shows the mouth uncovered"):
        prepare(masked(avatar, (190, 220, 240)), face_mesh, "masked")
