"""Tests of fitting a picture into a camera's frame."""

import numpy as np
import pytest

from liveface.engine.drawing.camera_picture import Background, Fit, fitted
from liveface.engine.media import Picture

RED = (200, 10, 20)


def a_picture(width: int, height: int) -> Picture:
    """Darker to the right, brighter downwards."""
    across, down = np.linspace(200, 50, width), np.linspace(0, 200, height)
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, :, 0], picture[:, :, 1] = across, down[:, None]
    return picture


@pytest.mark.parametrize("size", [(512, 512), (512, 768), (1920, 400), (64, 48), (1280, 720), (130, 1900)])
@pytest.mark.parametrize(("fit", "background"), [("letterbox", "blur"), ("letterbox", RED), ("crop", "blur")])
def test_any_picture_fills_the_frame_in_its_proportions(
    size: tuple[int, int], fit: Fit, background: Background
) -> None:
    frame = fitted(a_picture(*size), 1280, 720, fit, background)
    assert (frame.shape, frame.dtype) == ((720, 1280, 3), np.uint8)


def test_a_picture_of_the_frames_size_is_not_touched() -> None:
    picture = a_picture(128, 72)
    np.testing.assert_array_equal(fitted(picture, 128, 72, "letterbox", "blur"), picture)


def test_all_of_a_square_picture_is_shown_between_bars_of_the_colour() -> None:
    frame = fitted(a_picture(512, 512), 1280, 720, "letterbox", RED)
    assert (frame[:, :280] == RED).all()
    assert (frame[:, 1000:] == RED).all()
    np.testing.assert_allclose(frame[360, 280:1000, 0], np.linspace(200, 50, 720), atol=2)
    np.testing.assert_allclose(frame[:, 640, 1], np.linspace(0, 200, 720), atol=2)


def test_the_blurred_background_continues_the_edges() -> None:
    frame = fitted(a_picture(512, 512), 1280, 720, "letterbox", "blur").astype(int)
    assert np.abs(frame[40:-40, 275] - frame[40:-40, 281]).max() < 15
    assert np.abs(frame[360, 0] - frame[360, 281]).max() < 25
    assert np.abs(frame[360, -1] - frame[360, 998]).max() < 25


def test_cropped_it_fills_the_frame_and_loses_more_above_than_below() -> None:
    frame = fitted(a_picture(512, 512), 1280, 720, "crop", RED)
    assert not (frame == RED).all(axis=2).any()
    assert frame[0, 640, 1] == pytest.approx(200 * 0.6 * 224 / 512, abs=3)
    assert frame[-1, 640, 1] == pytest.approx(200 * (1 - 0.4 * 224 / 512), abs=3)
