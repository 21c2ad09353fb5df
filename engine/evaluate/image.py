"""Image quality of generated pictures: PSNR, SSIM, CPBD, sharpness ratio, temporal flicker.

Pictures are uint8 RGB. Everything is computed in float64, never in uint8, whose differences wrap around at 256.
It does not know what a face is: a caller scores the mouth by passing the crop.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.media import Picture

Floats = NDArray[np.float64]

DATA_RANGE = 255.0
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, full range
_SSIM_WINDOW, _SSIM_DEVIATION = 11, 1.5  # Wang et al., "Image quality assessment", IEEE TIP 2004
_SSIM_K1, _SSIM_K2 = 0.01, 0.03

BLOCK = 64  # pixels, side of a CPBD block
# Narvekar and Karam, "A no-reference image blur metric based on the cumulative probability of blur detection",
# IEEE TIP 2011: Weibull exponent, just-noticeable blur widths and the probability at exactly that width.
_WEIBULL = 3.6
_LOW_CONTRAST, _WIDTH_LOW_CONTRAST, _WIDTH_HIGH_CONTRAST = 50.0, 5.0, 3.0
_JUST_NOTICEABLE = 0.63
_EDGE_SHARE = 0.002  # a block with fewer edge pixels than this is smooth and does not vote


def luma(image: Picture) -> Floats:
    """BT.601 luma, float64 (..., H, W) in 0..255, of RGB uint8 (..., H, W, 3)."""
    return np.asarray(image.astype(np.float64) @ _LUMA)


def psnr(true: Picture, predicted: Picture) -> float:
    """Peak signal-to-noise ratio in dB over all pixels and RGB channels, peak 255; equal pictures give infinity."""
    _require_same_shape(true, predicted)
    error = np.mean((true.astype(np.float64) - predicted.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else float(10.0 * np.log10(DATA_RANGE**2 / error))


def ssim(true: Picture, predicted: Picture) -> float:
    """Structural similarity of luma, Gaussian window 11x11 with deviation 1.5, data range 255, in -1..1.

    The mean is taken over the positions at which the window fits, so pictures smaller than 11 pixels are refused.
    """
    _require_same_shape(true, predicted)
    assert min(true.shape[:2]) >= _SSIM_WINDOW, f"SSIM needs at least {_SSIM_WINDOW} pixels, found {true.shape[:2]}"
    first, second = luma(true), luma(predicted)
    margin = _SSIM_WINDOW // 2

    def smooth(values: Floats) -> Floats:
        blurred = cv2.GaussianBlur(values, (_SSIM_WINDOW, _SSIM_WINDOW), _SSIM_DEVIATION)
        return np.asarray(blurred[margin:-margin, margin:-margin], np.float64)

    mean_first, mean_second = smooth(first), smooth(second)
    variance_first = smooth(first * first) - mean_first**2
    variance_second = smooth(second * second) - mean_second**2
    covariance = smooth(first * second) - mean_first * mean_second
    c1, c2 = (_SSIM_K1 * DATA_RANGE) ** 2, (_SSIM_K2 * DATA_RANGE) ** 2
    likeness = ((2 * mean_first * mean_second + c1) * (2 * covariance + c2)) / (
        (mean_first**2 + mean_second**2 + c1) * (variance_first + variance_second + c2)
    )
    return float(likeness.mean())


def cpbd(image: Picture) -> float:
    """Cumulative probability that blur is *not* detected, 0 (blurred) to 1 (sharp); no reference needed.

    Vertical edges are found with a thinned Sobel filter; the width of an edge is the length of the monotonous run of
    luma through it along its row; in each 64-pixel block the just-noticeable width depends on the block's contrast.
    Depends on the picture's size: compare pictures of equal size only. NaN if no block has edges.
    """
    grey = luma(image)
    edges = _vertical_edges(grey)
    widths = _edge_widths(grey)
    votes = []
    for top in range(0, grey.shape[0] - BLOCK + 1, BLOCK):
        for left in range(0, grey.shape[1] - BLOCK + 1, BLOCK):
            block = slice(top, top + BLOCK), slice(left, left + BLOCK)
            chosen = edges[block]
            if chosen.mean() <= _EDGE_SHARE:
                continue
            contrast = float(np.ptp(grey[block]))
            noticeable = _WIDTH_LOW_CONTRAST if contrast <= _LOW_CONTRAST else _WIDTH_HIGH_CONTRAST
            votes.append(1.0 - np.exp(-((widths[block][chosen] / noticeable) ** _WEIBULL)))
    return float(np.mean(np.concatenate(votes) <= _JUST_NOTICEABLE)) if votes else float("nan")


def sharpness_ratio(image: Picture, reference: Picture) -> float:
    """Gradient energy of `image` over that of `reference` (root mean square of luma's central differences).

    Both at their native resolution and of one size; 1 is as sharp as the reference, 0 is flat.
    """
    _require_same_shape(image, reference)
    return _gradient(luma(image)) / max(_gradient(luma(reference)), 1e-9)


def temporal_flicker(frames: Picture) -> float:
    """Mean absolute second difference of luma in time, in grey levels, of RGB frames (T, H, W, 3).

    Constant brightness change and still pictures score 0. Real video has its own noise: compare with the ground truth.
    Fewer than three frames score 0.
    """
    if len(frames) < 3:
        return 0.0
    grey = luma(frames)
    return float(np.abs(grey[:-2] - 2.0 * grey[1:-1] + grey[2:]).mean())


def _require_same_shape(true: Picture, predicted: Picture) -> None:
    assert true.shape == predicted.shape, f"pictures differ in shape: {true.shape} and {predicted.shape}"
    assert true.dtype == predicted.dtype == np.uint8, (
        f"expected uint8 pictures, found {true.dtype} and {predicted.dtype}"
    )


def _gradient(grey: Floats) -> float:
    rows, columns = np.gradient(grey)
    return float(np.sqrt(np.mean(rows**2 + columns**2)))


def _vertical_edges(grey: Floats) -> NDArray[np.bool_]:
    """Edges that lie mostly vertical, one pixel wide: Sobel above twice its root mean square, thinned along rows."""
    across = np.abs(cv2.Sobel(grey, cv2.CV_64F, 1, 0, ksize=3))
    along = np.abs(cv2.Sobel(grey, cv2.CV_64F, 0, 1, ksize=3))
    strong = across > max(2.0 * float(np.sqrt(np.mean(across**2))), 1e-6)
    peak = np.zeros(grey.shape, bool)
    peak[:, 1:-1] = (across[:, 1:-1] >= across[:, :-2]) & (across[:, 1:-1] > across[:, 2:])
    return strong & peak & (across >= along)


def _edge_widths(grey: Floats) -> Floats:
    """For every pixel, the length in steps of the monotonous run of its row that contains it, float64 (H, W)."""
    sign = np.sign(np.diff(grey, axis=1))
    width = sign.shape[1]
    column = np.broadcast_to(np.arange(width), sign.shape)
    starts = np.ones(sign.shape, bool)
    starts[:, 1:] = sign[:, 1:] != sign[:, :-1]
    first = np.maximum.accumulate(np.where(starts, column, 0), axis=1)
    ends = np.ones(sign.shape, bool)
    ends[:, :-1] = starts[:, 1:]
    last = np.minimum.accumulate(np.where(ends, column, width)[:, ::-1], axis=1)[:, ::-1]
    run = np.where(sign == 0, 0, last - first + 1).astype(np.float64)
    left = np.pad(run, ((0, 0), (1, 0)))
    right = np.pad(run, ((0, 0), (0, 1)))
    return np.asarray(np.maximum(left, right), np.float64)
