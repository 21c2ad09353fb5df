"""What the generator sees of a mouth: maps that agree with its landmarks."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from liveface.engine.drawing.compositor import Scene
from liveface.engine.drawing.crop_maps import CropMaps
from liveface.engine.expression import REST
from liveface.engine.face import face_space, mouth
from liveface.engine.face.avatar import Avatar
from tests import faces

Array = NDArray[np.float32]


def opened(shape: mouth.Mouth, gap: float) -> Array:
    weights = face_space.basis().gap_weights()
    return shape.landmarks(face_space.basis().decode((weights * gap / (weights @ weights)).astype(np.float32)))


def maps_of(gap: float, avatar: Avatar | None = None) -> CropMaps:
    """Maps of a closed photo whose mouth opens by `gap` IOD."""
    scene = Scene.of(avatar or faces.avatar())
    speech = scene.speech(opened(scene.mouth, gap))
    return scene.maps(speech, scene.draw(speech, REST), REST)


def test_the_generator_s_maps_have_their_shapes_and_ranges() -> None:
    maps = maps_of(0.3)
    width, height = mouth.CROP_SIZE
    assert maps.inputs.shape == (mouth.INPUT_CHANNELS, height, width)
    assert maps.inner.shape == maps.reach.shape == (height, width)
    for layer in (maps.inputs, maps.inner, maps.reach):
        assert layer.dtype == np.float32
        assert layer.min() >= 0.0
        assert layer.max() <= 1.0 + 1e-6
    assert maps.inputs[3:6].max(axis=(1, 2)).min() > 0.9
    assert not maps.inputs[7].any(), "the teeth are drawn ones"
    np.testing.assert_array_equal(maps.inputs[3], maps.inner)


def test_the_inner_mouth_lies_within_the_lips_and_these_within_the_reach() -> None:
    maps = maps_of(0.2)
    lips = maps.inputs[4]
    assert (maps.inner <= lips + 0.35).all()
    assert maps.inner.sum() < 0.8 * lips.sum()
    assert (maps.reach[lips > 0.99] > 0.9).all()


@pytest.mark.parametrize("gap", [0.0, 0.3, 0.6])
def test_colours_never_change_at_the_crop_s_border(gap: float) -> None:
    maps = maps_of(gap)
    shown = np.maximum(maps.inner, maps.reach) if gap <= 0.3 else maps.reach
    edge = np.concatenate([shown[0], shown[-1], shown[:, 0], shown[:, -1]])
    assert edge.max() < 0.06


def test_the_colours_are_those_of_the_drawn_picture() -> None:
    scene = Scene.of(faces.avatar())
    speech = scene.speech(opened(scene.mouth, 0.25))
    picture = scene.draw(speech, REST)
    seen = scene.maps(speech, picture, REST).inputs[:3].transpose(1, 2, 0) * 255
    np.testing.assert_allclose(seen, mouth.cut(picture, scene.mouth.crop), atol=1e-3)


def test_teeth_are_told_only_where_the_mouth_is_open() -> None:
    closed, wide = maps_of(0.0), maps_of(0.3)
    assert not closed.inputs[3].any()
    assert not closed.inputs[5:7].any()
    for layer in wide.inputs[5:7]:
        assert layer.sum() > 20
        assert (layer <= wide.inner + 1e-6).all()
    rows = np.arange(mouth.CROP_SIZE[1])
    upper, lower = ((layer.sum(axis=1) @ rows) / layer.sum() for layer in wide.inputs[5:7])
    assert upper < lower


def test_the_lower_teeth_go_with_the_chin_and_the_upper_do_not() -> None:
    from liveface.engine.drawing.crop_maps import crop_maps

    scene = Scene.of(faces.avatar())
    landmarks = opened(scene.mouth, 0.3)
    crop = scene.crop(scene.photo, REST)
    still, dropped = (
        crop_maps(crop, scene.mouth, scene.inside.teeth, landmarks, np.array([0.0, drop], np.float32)).inputs
        for drop in (8.0, 14.0)
    )
    np.testing.assert_array_equal(still[5], dropped[5])
    first = [int(np.flatnonzero((layer > 0.5).any(axis=1))[0]) for layer in (still[6], dropped[6])]
    assert first[1] - first[0] == pytest.approx(6.0 * scene.mouth.iod / scene.mouth.photo_iod, abs=2.0)


def test_own_teeth_are_told_as_such() -> None:
    points = faces.mesh(120.0, (300.0, 240.0), 0.3)
    photo = np.full((600, 600, 3), (200, 150, 130), np.uint8)
    for ring, colour in ((face_space.OUTER_LIPS, (180, 80, 80)), (face_space.INNER_LIPS, (235, 225, 205))):
        cv2.fillPoly(photo, [np.rint(points[ring, :2]).astype(np.int32)], colour)
    maps = maps_of(0.2, Avatar("smiling", photo, points))
    assert (maps.inputs[7] == 1.0).all()


def test_an_opening_mouth_pulls_the_skin_of_the_chin_down() -> None:
    avatar = faces.avatar()
    avatar.photo[:] = 120
    centre = tuple(np.rint(avatar.points[18, :2]).astype(int).tolist())  # between lower lip and chin
    cv2.circle(avatar.photo, centre, 4, (250, 10, 10), -1)
    scene = Scene.of(avatar)
    rows = []
    for gap in (0.0, 0.2):
        landmarks = opened(scene.mouth, gap)
        seen = maps_of(gap, avatar).inputs
        marked = (seen[0] - seen[1] > 0.4) & (seen[3] < 0.01)
        rows.append(float(np.argwhere(marked)[:, 0].mean()))
        assert rows[-1] == pytest.approx(float(scene.mouth.to_crop(landmarks)[18, 1]), abs=3.5)
    assert rows[1] > rows[0] + 5
