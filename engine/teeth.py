"""The upper teeth that a photo itself shows: what they look like and where they end, in the crop of its mouth.

They are fixed to the skull: they stay where they are while the lips move over them. Teeth that the photo does not
show are drawn elsewhere.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine import face_space
from engine.mouth import CROP_SIZE, Mouth, lip_masks, without_margin

Array = NDArray[np.float32]

_SHOWING = 0.06  # IOD of gap from which a photo can show teeth
_FEWEST = 0.25  # of the mouth's columns that must show a tooth
_SURE = 0.2  # of what is taken for teeth that must be so beyond doubt
_HIDDEN = 0.06  # IOD by which teeth go on upwards, under the lip
_EVEN = 7  # columns over which the edges of the row are evened out
_WHITE = 0.7  # luminance of the brightest tooth in the generator's guide
_LIP_SHADOW = 0.25  # how much darker teeth are beside the lips than in the middle of the mouth


@dataclass(frozen=True, slots=True, eq=False)
class OwnTeeth:
    """The row in the mouth's crop, float32, 0 to 1: `colour` (height, width, 3), `cover` (height, width) where it is,
    `guide` (height, width) what the generator is told of it."""

    colour: Array
    cover: Array
    guide: Array

    def over(self, picture: Array, inner: Array) -> Array:
        """The painted mouth (height, width, 3) with the teeth in it; `inner` (height, width): the open mouth's mask."""
        deep = np.clip((cv2.GaussianBlur(inner, (0, 0), 2.5) - 0.4) / 0.5, 0.0, 1.0)
        lit = self.colour * (1.0 - _LIP_SHADOW + _LIP_SHADOW * deep)[..., None]
        return np.asarray(picture + self.cover[..., None] * (lit - picture), np.float32)


def own_teeth(reference: NDArray[np.uint8], mouth: Mouth) -> OwnTeeth | None:
    """The upper teeth of a photo, or None where it shows none; `reference`: see `mouth.reference_crop`."""
    if face_space.mouth_gap(mouth.points) < _SHOWING * mouth.photo_iod:
        return None
    crop = without_margin(reference).astype(np.float32) / 255.0
    opened = mouth.inner > 127
    maybe, surely = _tooth_like(crop, opened, lip_masks(mouth.to_crop(mouth.points), mouth.iod)[0] > 0.5)
    spans = _spans(opened, maybe)
    if len(spans) < _FEWEST * np.count_nonzero(opened.any(axis=0)):
        return None
    known, starts, ends = np.array(spans).T
    # Between two teeth there may be a gap, which is no end of the row.
    columns = np.arange(known[0], known[-1] + 1)
    first, last = (_evened(np.interp(columns, known, edge)) for edge in (starts, ends))
    cover = np.zeros(opened.shape, np.float32)
    cover[:, columns] = np.clip(last - np.arange(CROP_SIZE[1])[:, None] - 0.5, 0.0, 1.0)
    if (surely * cover).sum() < _SURE * (opened * cover).sum():
        return None
    colour = crop.copy()
    hidden = round(_HIDDEN * mouth.iod)
    for column, start in zip(columns, np.rint(first).astype(int), strict=True):
        highest = max(0, start + 1 - hidden)
        colour[highest : start + 1, column] = crop[start + 1, column]
        cover[:highest, column] = 0.0
    cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.7), np.float32)
    return OwnTeeth(colour, cover, cover * np.minimum(colour.mean(axis=-1) / _WHITE, 1.0))


def _tooth_like(
    crop: Array, opened: NDArray[np.bool_], lips: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where teeth may be and where they are beyond doubt: brighter than shadow, and less red than skin and lips."""
    luminance = crop @ np.array([0.299, 0.587, 0.114], np.float32)
    redness = (crop[..., 0] - crop[..., 1:].mean(axis=-1)) / np.maximum(luminance, 0.05)
    skin, lip = ~opened & ~lips, ~opened & lips
    light = max(float(np.median(luminance[skin])), 0.05)
    usual = max(min(float(np.median(redness[part])) for part in (skin, lip)), 0.05)
    red, bright = (cv2.GaussianBlur(part, (0, 0), 0.7) for part in (redness / usual, luminance / light))
    brighter_than_lips = 1.1 * float(np.median(luminance[lip])) / light
    return opened & (red < 1.0) & (bright > 0.45), opened & (red < 0.8) & (bright > max(0.5, brighter_than_lips))


def _spans(opened: NDArray[np.bool_], maybe: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Columns with teeth in the upper half of the open mouth: column, first row of teeth, row below them."""
    spans = []
    for column in np.flatnonzero(opened.any(axis=0)).tolist():
        rows = np.flatnonzero(opened[:, column])
        shown = maybe[rows, column]
        first = int(shown.argmax())
        if shown[first] and first <= len(rows) // 2:
            length = int(np.argmin(np.append(shown[first:], False)))
            spans.append((column, int(rows[first]), int(rows[first]) + length))
    return spans


def _evened(edge: NDArray[np.floating]) -> NDArray[np.floating]:
    """The median of each value and its neighbours."""
    padded = np.pad(edge, _EVEN // 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, _EVEN), axis=1))
