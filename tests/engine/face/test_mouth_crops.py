"""Mouth crops of a drawn face whose place is known."""

import numpy as np

from liveface.engine.face import face_space
from liveface.engine.face.mouth_crops import HEIGHT, WIDTH, mouth_crops


def moving_face(frames: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A blob painted at the mouth's crop centre of a face that drifts and turns over a dark picture."""
    pictures = np.zeros((frames, 200, 220, 3), np.uint8)
    points = np.empty((frames, 468, 3), np.float32)
    grid = np.stack(np.meshgrid(np.arange(220), np.arange(200)), axis=-1)
    for t in range(frames):
        angle = 0.1 * t
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points[t] = face_space.template()
        points[t, :, :2] = 60 * points[t, :, :2] @ turn.T + [100 + 3 * t, 80]
        matrix = face_space.mouth_crop_transform(points[t], WIDTH, HEIGHT)
        centre = np.linalg.solve(matrix[:, :2], np.array([WIDTH / 2, HEIGHT / 2]) - matrix[:, 2])
        pictures[t][np.linalg.norm(grid - centre, axis=-1) < 6] = 255
    return pictures, points


def centre_of_light(crop: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(crop[..., 0] > 128)
    return np.array([columns.mean(), rows.mean()])


def test_the_mouth_stays_in_the_middle_while_the_head_moves() -> None:
    crops, found = mouth_crops(*moving_face())
    assert crops.shape == (4, HEIGHT, WIDTH, 3)
    assert found.all()
    for crop in crops:
        assert np.abs(centre_of_light(crop) - [WIDTH / 2, HEIGHT / 2]).max() < 1.5


def test_a_margin_shows_more_at_the_same_scale() -> None:
    pictures, points = moving_face()
    plain, _ = mouth_crops(pictures, points)
    wide, _ = mouth_crops(pictures, points, margin=0.0625)
    difference = np.abs(wide[:, 6:-6, 8:-8].astype(int) - plain)
    assert difference.mean() < 0.5  # the warp rounds places to 1/32 pixel


def test_frames_without_a_face_are_black_and_marked() -> None:
    pictures, points = moving_face()
    points[1] = np.nan
    crops, found = mouth_crops(pictures, points)
    assert found.tolist() == [True, False, True, True]
    assert not crops[1].any()
    assert crops[0].any()
    points[:] = np.nan
    assert not mouth_crops(pictures, points)[1].any()
