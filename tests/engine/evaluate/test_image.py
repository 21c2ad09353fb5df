"""Image quality on pictures whose scores are known."""

import math

import cv2
import numpy as np
import pytest
from skimage.metrics import structural_similarity

from liveface.engine.evaluate import image
from liveface.engine.media import Picture


@pytest.fixture
def photo() -> Picture:
    """A sharp synthetic scene: random rectangles, 192x256."""
    random = np.random.default_rng(3)
    canvas = np.full((192, 256, 3), 120, np.uint8)
    for _ in range(60):
        x, y = int(random.integers(0, 256)), int(random.integers(0, 192))
        colour = [int(value) for value in random.integers(0, 256, 3)]
        cv2.rectangle(canvas, (x, y), (x + int(random.integers(8, 60)), y + int(random.integers(8, 60))), colour, -1)
    return canvas


def test_equal_pictures_have_infinite_psnr_and_ssim_one(photo: Picture) -> None:
    assert image.psnr(photo, photo) == math.inf
    assert image.ssim(photo, photo) == pytest.approx(1.0)


def test_psnr_of_a_known_error_does_not_wrap_around() -> None:
    dark, light = np.full((8, 8, 3), 5, np.uint8), np.full((8, 8, 3), 15, np.uint8)
    expected = 10 * math.log10(255**2 / 100)
    assert image.psnr(dark, light) == pytest.approx(expected)
    assert image.psnr(light, dark) == pytest.approx(expected)


def test_ssim_agrees_with_scikit_image(photo: Picture) -> None:
    noise = np.random.default_rng(1).normal(0, 12, photo.shape)
    noisy = np.clip(photo + noise, 0, 255).astype(np.uint8)
    expected = structural_similarity(
        image.luma(photo),
        image.luma(noisy),
        data_range=255.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert image.ssim(photo, noisy) == pytest.approx(expected, abs=1e-6)


def test_cpbd_and_sharpness_fall_as_blur_grows(photo: Picture) -> None:
    blurred = [photo] + [cv2.GaussianBlur(photo, (0, 0), deviation) for deviation in (0.5, 0.8, 3.0)]
    sharpness = [image.cpbd(picture) for picture in blurred]
    assert sharpness[0] > 0.9
    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[3] < 0.1
    energy = [image.sharpness_ratio(picture, photo) for picture in blurred]
    assert energy[0] == pytest.approx(1.0)
    assert energy == sorted(energy, reverse=True)


def test_cpbd_of_a_flat_picture_is_unknown() -> None:
    assert math.isnan(image.cpbd(np.full((128, 128, 3), 90, np.uint8)))


def test_edge_width_is_the_length_of_the_ramp() -> None:
    ramp = np.concatenate([np.full(20, 10.0), np.linspace(10, 200, 6), np.full(20, 200.0)])
    widths = image._edge_widths(np.tile(ramp, (4, 1)))
    assert widths[0, 22] == 5
    assert widths[0, 3] == 0


def test_a_still_or_evenly_brightening_video_does_not_flicker_and_an_alternating_one_does() -> None:
    still = np.full((6, 4, 4, 3), 250, np.uint8)
    brightening = (
        np.arange(0, 60, 10, dtype=np.uint8)[:, None, None, None].repeat(3, axis=3).repeat(4, axis=1).repeat(4, axis=2)
    )
    alternating = still.copy()
    alternating[1::2] = 5
    assert image.temporal_flicker(still) == pytest.approx(0.0)
    assert image.temporal_flicker(brightening) == pytest.approx(0.0)
    assert image.temporal_flicker(alternating) == pytest.approx(490.0)
    assert image.temporal_flicker(still[:2]) == 0.0


def test_pictures_of_different_size_are_refused(photo: Picture) -> None:
    with pytest.raises(AssertionError, match="shape"):
        image.psnr(photo, photo[:-1])
