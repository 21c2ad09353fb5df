"""Blinking: a shut lid leaves nothing of the eye to be seen, and changes nothing but what it covers."""

import cv2
import numpy as np
import pytest

from liveface.engine.drawing import eyelids
from liveface.engine.media import Picture
from tests import faces

IOD = 120.0
POINTS = faces.mesh(IOD, (200, 200))[:, :2]
OPENINGS = (
    [33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7],
    [263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249],
)
SKIN, EYE = (190, 140, 110), (0, 0, 255)


def eyes() -> Picture:
    """Plain skin, and eyes of a colour that no skin has."""
    photo = np.empty((400, 400, 3), np.uint8)
    photo[:] = SKIN
    for opening in OPENINGS:
        cv2.fillPoly(photo, [np.rint(POINTS[opening]).astype(np.int32)], EYE)
    return photo


def seen(picture: Picture) -> int:
    """Pixels that are more eye than skin."""
    return int((picture[..., 2] > picture[..., 0]).sum())


def shut(photo: Picture, level: int) -> Picture:
    picture = photo.copy()
    for lid in eyelids.of(photo, POINTS):
        lid.lay(picture, level)
    return picture


def test_a_shut_lid_leaves_less_than_a_fiftieth_of_the_eye() -> None:
    assert seen(eyes()) > 500
    assert seen(shut(eyes(), eyelids.LEVELS)) <= 0.02 * seen(eyes())


def test_each_level_covers_more_of_the_eye() -> None:
    shares = [seen(shut(eyes(), level)) / seen(eyes()) for level in range(1, eyelids.LEVELS + 1)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.7
    assert 0.2 < shares[eyelids.LEVELS // 2 - 1] < 0.7


@pytest.mark.parametrize("seed", [0, 1])
def test_a_blink_changes_no_brow_no_corner_and_nothing_below_the_eyes(seed: int) -> None:
    photo = faces.wall(400, 400, seed)
    changed = (shut(photo, eyelids.LEVELS) != photo).any(axis=-1)
    assert changed.any()
    for point, outwards in ((33, -3), (133, 3), (362, -3), (263, 3), (105, 0), (334, 0), (52, 0), (282, 0)):
        x, y = np.rint(POINTS[point]).astype(int)
        assert not changed[y - 1 : y + 2, x + outwards].any(), point
    assert not changed[int(POINTS[[145, 374], 1].max() + 0.04 * IOD) :].any()
    assert not changed[: int(POINTS[[105, 334], 1].min())].any()


def test_the_lid_of_a_picture_without_detail_has_the_skin_s_colour() -> None:
    lid = shut(eyes(), eyelids.LEVELS)
    x, y = np.rint(POINTS[[159, 145]].mean(axis=0)).astype(int)
    np.testing.assert_allclose(lid[y, x], SKIN, atol=12)


def test_an_eye_that_the_frame_cuts_stays_open() -> None:
    photo = eyes()[: int(POINTS[145, 1])]
    assert eyelids.of(np.ascontiguousarray(photo), POINTS) == ()
