"""What the generator sees of a mouth: maps that agree with its landmarks."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from liveface.engine.drawing.crop_maps import CropMaps, crop_maps
from liveface.engine.drawing.teeth import Teeth
from liveface.engine.face import mouth
from liveface.engine.face.mouth import Mouth
from tests import faces

Array = NDArray[np.float32]


def maps_in(reference: NDArray[np.uint8], shape: Mouth, landmarks: Array) -> CropMaps:
    return crop_maps(reference, shape, Teeth.of(reference, shape), landmarks)


def maps_of(gap: float) -> CropMaps:
    """Maps of a closed photo whose mouth opens by `gap` IOD."""
    avatar = faces.avatar()
    shape = mouth.measure(avatar.points)
    return maps_in(mouth.reference_crop(avatar.photo, shape), shape, faces.mesh(gap=gap)[:, :2])


def test_the_generator_s_maps_have_their_shapes_and_ranges() -> None:
    maps = maps_of(0.3)
    width, height = mouth.CROP_SIZE
    assert maps.inputs.shape == (mouth.INPUT_CHANNELS, height, width)
    assert maps.inner.shape == maps.reach.shape == (height, width)
    for layer in (maps.inputs, maps.inner, maps.reach):
        assert layer.dtype == np.float32
        assert layer.min() >= 0.0
        assert layer.max() <= 1.0 + 1e-6
    assert maps.inputs[3:5].max() > 0.9
    assert not maps.inputs[5].any(), "the photo's own mouth is closed"
    assert min(maps.inputs[6].max(), maps.inputs[7].max()) > 0.5


def test_the_inner_mouth_lies_within_the_lips_and_these_within_the_reach() -> None:
    maps = maps_of(0.3)
    lips = maps.inputs[4]
    assert (maps.inner <= lips + 0.35).all()
    assert maps.inner.sum() < 0.8 * lips.sum()
    assert (maps.reach[lips > 0.99] > 0.9).all()


@pytest.mark.parametrize("gap", [0.0, 0.6])
def test_colours_never_change_at_the_crop_s_border(gap: float) -> None:
    reach = maps_of(gap).reach
    edge = np.concatenate([reach[0], reach[-1], reach[:, 0], reach[:, -1]])
    assert edge.max() < 0.06


def test_a_closed_photo_at_rest_is_seen_unbent() -> None:
    avatar = faces.avatar()
    shape = mouth.measure(avatar.points)
    reference = mouth.reference_crop(avatar.photo, shape)
    maps = maps_in(reference, shape, shape.closed)
    np.testing.assert_allclose(maps.inputs[:3].transpose(1, 2, 0) * 255, mouth.without_margin(reference), atol=1.01)
    np.testing.assert_allclose(
        mouth.identity_input(reference, shape)[..., :3] * 255, mouth.without_margin(reference), atol=1e-3
    )
    assert not mouth.identity_input(reference, shape)[..., 3].any()


def test_an_opening_mouth_pulls_the_skin_of_the_chin_down() -> None:
    avatar = faces.avatar()
    shape = mouth.measure(avatar.points)
    spot = avatar.photo.copy()
    spot[:] = 120
    centre = tuple(np.rint(avatar.points[18, :2]).astype(int).tolist())  # between lower lip and chin
    cv2.circle(spot, centre, 4, (250, 10, 10), -1)
    rows = []
    for gap in (0.0, 0.35):
        landmarks = faces.mesh(gap=gap)[:, :2]
        bent = maps_in(mouth.reference_crop(spot, shape), shape, landmarks).inputs
        rows.append(float(np.argwhere(bent[0] - bent[1] > 0.4)[:, 0].mean()))
        assert rows[-1] == pytest.approx(float(shape.to_crop(landmarks)[18, 1]), abs=2.5)
    assert rows[1] > rows[0] + 5
