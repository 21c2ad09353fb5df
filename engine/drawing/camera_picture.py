"""Fits a picture into the frame of a camera. Knows nothing of devices."""

from typing import Literal

import cv2
import numpy as np

from liveface.engine.media import Picture

Fit = Literal["letterbox", "crop"]
Background = Literal["blur"] | tuple[int, int, int]

_SMALL = 15  # times smaller is the background when it is blurred: it needs no details
_SOFTNESS = 3.0  # standard deviation of the blur, in its small pixels
_SPARE_ABOVE = 0.6  # of what is cut off above and below: a mouth lies below the middle of a portrait


def fitted(picture: Picture, width: int, height: int, fit: Fit, background: Background) -> Picture:
    """The picture in a frame of `width` x `height` pixels, its proportions kept: uint8 (height, width, 3) RGB.

    `letterbox` shows all of it, with `background` beside it: a colour (red, green, blue), or the edges of the picture,
    continued outwards and blurred. `crop` fills the frame with the middle of it.
    """
    if fit == "crop":
        return _filled(picture, width, height)
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner_width, inner_height = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    inner = _resized(picture, inner_width, inner_height)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    if background != "blur":
        below, right = height - inner_height - top, width - inner_width - left
        plain = cv2.copyMakeBorder(inner, top, below, left, right, cv2.BORDER_CONSTANT, value=background)
        return np.asarray(plain, np.uint8)
    frame = _continued(inner, width, height)
    frame[top : top + inner_height, left : left + inner_width] = inner
    return frame


def _filled(picture: Picture, width: int, height: int) -> Picture:
    scale = max(width / picture.shape[1], height / picture.shape[0])
    rows, columns = min(picture.shape[0], round(height / scale)), min(picture.shape[1], round(width / scale))
    top, left = round((picture.shape[0] - rows) * _SPARE_ABOVE), (picture.shape[1] - columns) // 2
    return _resized(picture[top : top + rows, left : left + columns], width, height)


def _continued(inner: Picture, width: int, height: int) -> Picture:
    """A blurred frame in whose middle the picture lies, its edges continued outwards."""
    small = _resized(inner, max(1, inner.shape[1] // _SMALL), max(1, inner.shape[0] // _SMALL))
    below, right = max(0, height // _SMALL - small.shape[0]), max(0, width // _SMALL - small.shape[1])
    top, left = below // 2, right // 2
    wide = cv2.copyMakeBorder(small, top, below - top, left, right - left, cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(wide, (0, 0), _SOFTNESS)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _resized(picture: Picture, width: int, height: int) -> Picture:
    shrinks = width < picture.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)
