"""Photos of one tint, and faces that keep it while they speak."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

from liveface import assets
from liveface.engine.drawing.renderer import load_renderer
from liveface.engine.face.avatar import Avatar, prepare
from liveface.engine.face.face_space import CODE_SIZE
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.face.monochrome import Tint
from liveface.engine.media import HOP, Motion

MODELS = Path(assets.__file__).parent / "models"
SHIPPED = sorted(path.parent for path in (Path(assets.__file__).parent / "avatars").glob("*/avatar.json"))


@pytest.fixture(scope="module")
def astronaut(face_mesh: FaceMesh) -> Avatar:
    return prepare(np.ascontiguousarray(skimage.data.astronaut()), face_mesh, "astronaut").framed(256, 256)


def grey(picture: np.ndarray) -> np.ndarray:
    return np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def sepia(picture: np.ndarray) -> np.ndarray:
    return np.rint(grey(picture) * np.array([1.0, 0.87, 0.7])).astype(np.uint8)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_a_photo_with_colours_has_no_tint(folder: Path) -> None:
    avatar = Avatar.load(folder)
    assert Tint.of(avatar.photo, avatar.points) is None


@pytest.mark.parametrize("quality", [None, 75, 90])
@pytest.mark.parametrize("change", [grey, sepia])
def test_a_photo_of_one_tint_is_known_from_its_face_and_its_own_colours_stay(
    astronaut: Avatar, change: "type[object]", quality: int | None
) -> None:
    photo = change(astronaut.photo)  # type: ignore[call-arg]
    if quality is not None:
        _, coded = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        photo = cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]
    photo[:20, :20] = (255, 0, 0)  # a stamp in the corner
    tint = Tint.of(photo, astronaut.points)
    assert tint is not None
    np.testing.assert_allclose(tint.over(photo)[100:200, 60:160], photo[100:200, 60:160], atol=25)


@pytest.mark.parametrize("change", [grey, sepia])
def test_a_black_and_white_photo_stays_so_from_hair_to_teeth(astronaut: Avatar, change: "type[object]") -> None:
    photo = change(astronaut.photo)  # type: ignore[call-arg]
    renderer = load_renderer(MODELS)
    code = np.zeros(CODE_SIZE, np.float32)
    code[0] = 1.0
    motions = [
        Motion(index, np.zeros(7, np.float32), code * amount, np.zeros(HOP, np.float32), True)
        for index, amount in enumerate((-3.0, -1.0, 1.0, 3.0))
    ]
    avatar = Avatar("grey", photo, astronaut.points)
    colourful = renderer.draw(motions, [astronaut] * len(motions))
    for frame, coloured in zip(renderer.draw(motions, [avatar] * len(motions)), colourful, strict=True):
        if change is grey:
            np.testing.assert_array_equal(frame.image, grey(frame.image))
        else:
            np.testing.assert_allclose(frame.image, sepia(frame.image) / 0.894, atol=14)
        assert np.abs(coloured.image.astype(int) - astronaut.photo).max() > 20
