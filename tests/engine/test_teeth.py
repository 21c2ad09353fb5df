"""The teeth that a photo shows: found where they are, and nowhere else."""

import cv2
import numpy as np
import pytest

from engine import face_space, mouth
from engine.teeth import OwnTeeth, own_teeth
from tests import faces

SKIN, LIP, CAVITY, TOOTH = (200, 150, 130), (180, 80, 80), (50, 20, 20), (235, 230, 215)


def smiling(gap: float, tooth_share: float) -> tuple[OwnTeeth | None, mouth.Mouth]:
    """Own teeth of a photo whose mouth is open by `gap` IOD and shows teeth in the upper part of it."""
    points = faces.mesh(gap=gap)
    shape = mouth.measure(points)
    photo = np.full((320, 320, 3), SKIN, np.uint8)
    for ring, colour in ((face_space.OUTER_LIPS, LIP), (face_space.INNER_LIPS, CAVITY)):
        cv2.fillPoly(photo, [np.rint(points[ring, :2]).astype(np.int32)], colour)
    inside = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(points[face_space.INNER_LIPS, :2]).astype(np.int32)], 1)
    top, bottom = points[13, 1], points[14, 1]
    inside[round(top + tooth_share * (bottom - top)) :] = 0
    photo[inside > 0] = TOOTH
    return own_teeth(mouth.reference_crop(photo, shape), shape), shape


def test_teeth_are_found_from_the_upper_lip_to_their_edge() -> None:
    teeth, shape = smiling(0.3, 0.5)
    assert teeth is not None
    middle = round(float(shape.to_crop(shape.points)[13, 0]))
    top, bottom = (float(shape.to_crop(shape.points)[point, 1]) for point in (13, 14))
    rows = np.flatnonzero(teeth.cover[:, middle] > 0.5)
    assert rows[0] < top
    assert rows[-1] == pytest.approx(top + 0.5 * (bottom - top), abs=2.5)
    np.testing.assert_allclose(teeth.colour[round(top + 0.25 * (bottom - top)), middle] * 255, TOOTH, atol=12)


@pytest.mark.parametrize(("gap", "tooth_share"), [(0.3, 0.0), (0.03, 0.9), (0.0, 0.0)])
def test_a_mouth_without_teeth_or_nearly_closed_has_none(gap: float, tooth_share: float) -> None:
    assert smiling(gap, tooth_share)[0] is None


def test_teeth_cover_the_painted_mouth_and_are_darker_beside_the_lips() -> None:
    teeth, _ = smiling(0.3, 0.5)
    assert teeth is not None
    painted = np.zeros((*teeth.cover.shape, 3), np.float32)
    open_wide, barely_open = np.ones_like(teeth.cover), np.zeros_like(teeth.cover)
    wide, barely = teeth.over(painted, open_wide), teeth.over(painted, barely_open)
    np.testing.assert_allclose(wide, teeth.colour * teeth.cover[..., None], atol=1e-5)
    assert wide.max() > 1.2 * barely.max() > 0.0
    assert not wide[teeth.cover == 0.0].any()
