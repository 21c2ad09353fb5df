"""The teeth of one photo, in the crop of its mouth: its own where it shows them, else drawn ones in its light.

The upper row is fixed to the skull, the lower one to the chin; lips move over them.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import mesh_warp
from liveface.engine.face import face_space
from liveface.engine.face.mouth import CORNERS, CROP_SIZE, Mouth, lip_masks, without_margin

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_WHITE = 0.7  # luminance of the brightest teeth in the generator's guide
_LIP_SHADOW = 0.3  # how much darker teeth are beside the lips than in the middle of the mouth
_SHADOW_FALLS = 2  # crop pixels by which the upper lip's shadow is the longer one

# A photo's own teeth.
_SHOWING = 0.06  # IOD of gap from which a photo can show teeth
_FEWEST = 0.25  # of the mouth's columns that must show a tooth
_SURE = 0.2  # of what is taken for teeth that must be so beyond doubt
_HIDDEN = 0.06  # IOD by which teeth go on upwards, under the lip
_FADE = 4.0  # columns over which the row fades out at its sides
_EVEN = 7  # columns over which the edges of the row are evened out

# Drawn teeth from the middle to the side: width, how much shorter than the first, roundness of the biting edge.
# In 1/200 IOD, after the usual mesiodistal sizes (first upper incisor 8.5 mm, 62 mm between the pupils), made narrower
# towards the sides by the curve of the arch.
_UPPER_ROW = (
    (27.0, 0.0, 1.2),
    (20.5, 1.6, 1.8),
    (21.0, 0.8, 3.5),
    (17.0, 3.0, 3.0),
    (15.0, 4.5, 3.0),
    (12.0, 6.5, 3.0),
)
_LOWER_ROW = (
    (16.5, 0.0, 2.0),
    (17.5, 0.0, 2.5),
    (20.0, -0.5, 5.0),
    (17.0, 2.0, 4.0),
    (15.0, 4.0, 4.0),
    (12.0, 6.0, 4.0),
)
_FINE = 200.0  # pixels of a drawn row for one IOD
_ROW_SIZE = (260, 70)  # its pixels, the biting edge near the lower border
_IVORY = np.array([1.07, 0.945, 0.83], np.float32)  # of a luminance of about 1
_FLESH = np.array([1.26, 0.92, 0.78], np.float32)  # colour of a face in even light, likewise
_TINT = np.array([[0.96, 0.9, 0.7], [1.06, 1.06, 1.06]], np.float32)  # least and most of the light's colour in teeth
_UPPER_EDGE, _LOWER_EDGE = 0.055, 0.03  # IOD below the line where the lips meet
_EMERGING = (0.03, 0.12)  # IOD that the chin drops while the lower row comes out behind the upper one
_LOWER_LIGHT = 0.65  # of the upper row's
_SMILE_SHARE = 0.7  # of the curve of the closed lips that rows of teeth follow


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A row in the mouth's crop, float32, 0 to 1: `layer` (height, width, 4), its colour and where it is; `guide`
    (height, width), what the generator is told of it."""

    layer: Array
    guide: Array

    @classmethod
    def of(cls, colour: Array, cover: Array) -> "Row":
        """A row of `colour` (height, width, 3) where `cover` (height, width) is 1."""
        guide = cover * np.minimum(colour @ _LUMINANCE / _WHITE, 1.0)
        return cls(np.dstack([colour, cover]).astype(np.float32), np.asarray(guide, np.float32))

    def moved(self, by: Array) -> "Row":
        """The row elsewhere; `by`: (2,) crop pixels."""
        place = np.column_stack([np.eye(2), by])
        layer, guide = (cv2.warpAffine(part, place, CROP_SIZE) for part in (self.layer, self.guide))
        return Row(np.asarray(layer, np.float32), np.asarray(guide, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Teeth:
    """Both rows, with the chin where it is."""

    upper: Row
    lower: Row

    @classmethod
    def of(cls, reference: NDArray[np.uint8], mouth: Mouth) -> "Teeth":
        """The teeth of a photo with its mouth at rest; `reference`: see `mouth.reference_crop`."""
        crop = without_margin(reference).astype(np.float32) / 255.0
        white = _white(crop)
        upper = _own_row(crop, mouth) or _drawn_row(_UPPER_ROW, _UPPER_EDGE, white, mouth)
        return cls(upper, _drawn_row(_LOWER_ROW, _LOWER_EDGE, _LOWER_LIGHT * white, mouth, is_lower=True))

    def dropped(self, chin: Array, iod: float) -> "Teeth":
        """The same with the chin moved from rest by (2,) crop pixels, of which `iod` are one IOD.

        Little of the lower row is seen before the chin has dropped: the upper one is in front of it.
        """
        low, high = _EMERGING
        share = np.float32(np.clip((float(np.hypot(*chin)) / iod - low) / (high - low), 0.0, 1.0))
        lower = self.lower.moved(chin)
        lower.layer[..., 3] *= share
        return Teeth(self.upper, lower)

    def over(self, picture: Array, inner: Array) -> Array:
        """The painted mouth (height, width, 3) with its teeth; `inner` (height, width): the open mouth's mask."""
        left, top, across, down = cv2.boundingRect((inner > 0.0).astype(np.uint8))
        inside = np.s_[top : top + down, left : left + across]
        if not down:
            return picture
        deep = np.clip((cv2.GaussianBlur(inner, (0, 0), 2.5) - 0.4) / 0.5, 0.0, 1.0)
        light = (1.0 - _LIP_SHADOW + _LIP_SHADOW * np.roll(deep, _SHADOW_FALLS, axis=0))[inside][..., None]
        result = picture.copy()
        for row in (self.lower.layer[inside], self.upper.layer[inside]):
            result[inside] += row[..., 3:] * (row[..., :3] * light - result[inside])
        return result


def _white(crop: Array) -> Array:
    """The colour of teeth in the light of a face, float32 (3,); the crop (height, width, 3) tells of the light."""
    skin = crop.reshape(-1, 3).mean(axis=0)
    luminance = float(skin @ _LUMINANCE)
    # What makes the face yellower or bluer than faces are in even light is taken for the light's colour.
    tint = np.clip(skin / max(luminance, 0.02) / _FLESH, *_TINT)
    return np.asarray(_IVORY * tint * min(1.3 * luminance + 0.07, 0.92), np.float32)


@cache
def _drawing(row: tuple[tuple[float, float, float], ...]) -> tuple[Array, Array]:
    """A row drawn by proportion: luminance and cover, float32 (70, 260), 0 to 1, its edges pointing down."""
    width, height = _ROW_SIZE
    x = np.abs(np.arange(width) - (width - 1) / 2)
    y = height - 1.0 - np.arange(height)[:, None]  # upwards from the lower border
    light, cover = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    left = 0.0
    for across, shorter, roundness in row:
        place = np.abs((x - left) / across * 2.0 - 1.0)  # 0 in the middle of the tooth, 1 at its sides
        is_inside = (x >= left) & (x <= left + across)
        edge = 1.0 + shorter + roundness * place**3.5
        # A little darker than white; round across, still darker beside its neighbours, towards the sides of the arch,
        # the gum, and the thin biting edge.
        shade = 0.95 - 0.10 * place**2 - 0.15 * np.exp(-(((1.0 - place) * across / 2.2) ** 2))
        shade = shade * (1.0 - 0.5 * (x / 130.0) ** 2)
        shade = (
            shade * (1.0 - 0.16 * np.exp(-np.abs(y - edge) / 5.0)) * (1.0 - 0.10 * np.clip(y / 30.0 - 1.0, 0.0, 1.0))
        )
        light = np.where(is_inside, shade, light)
        cover = np.where(is_inside, np.clip(y - edge + 0.5, 0.0, 1.0), cover)
        left += across
    return light.astype(np.float32), cover.astype(np.float32)


def _drawn_row(
    row: tuple[tuple[float, float, float], ...], edge: float, white: Array, mouth: Mouth, *, is_lower: bool = False
) -> Row:
    """A drawn row in the crop, its biting edge `edge` IOD below the line of the closed lips."""
    rest = mouth.to_crop(mouth.closed)
    corners = rest[CORNERS]
    centre = (corners.mean(axis=0) + rest[13]) / 2
    across = corners[1] - corners[0]
    width = float(np.hypot(*across))
    scale = min(mouth.iod, 1.2 * width) / _FINE  # a narrow mouth has narrow rows
    columns, rows = np.moveaxis(mesh_warp.grid(*CROP_SIZE), -1, 0)
    # The rows follow a smile: they rise towards the corners by a share of what the lips do, and lean with them.
    along = (columns - centre[0]) / (width / 2)
    rise = _SMILE_SHARE * float(corners[:, 1].mean() - rest[13, 1])
    curve = rise * np.minimum(along * along, 1.0) + float(across[1] / across[0]) * (columns - centre[0])
    below = (rows - centre[1] - edge * mouth.iod - curve) / scale
    x = (columns - centre[0]) / scale + (_ROW_SIZE[0] - 1) / 2
    y = _ROW_SIZE[1] - 1.0 + (-below if is_lower else below)
    light, cover = (
        cv2.remap(
            cv2.GaussianBlur(part, (0, 0), 0.45 / scale), x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR
        )
        for part in _drawing(row)
    )
    return Row.of(np.asarray(light[..., None] * white, np.float32), np.asarray(cover, np.float32))


def _own_row(crop: Array, mouth: Mouth) -> Row | None:
    """The upper teeth that the photo's crop (height, width, 3) shows, or None."""
    if face_space.mouth_gap(mouth.points) < _SHOWING * mouth.photo_iod:
        return None
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
    sides = np.minimum(np.minimum(columns - columns[0], columns[-1] - columns) / _FADE, 1.0)
    cover[:, columns] = np.clip(last - np.arange(CROP_SIZE[1])[:, None] - 0.5, 0.0, 1.0) * sides
    if (surely * cover).sum() < _SURE * (opened * cover).sum():
        return None
    colour = crop.copy()
    hidden = round(_HIDDEN * mouth.iod)
    for column, start in zip(columns, np.rint(first).astype(int), strict=True):
        highest = max(0, start + 1 - hidden)
        colour[highest : start + 1, column] = crop[start + 1, column]
        cover[:highest, column] = 0.0
    return Row.of(colour, np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.7), np.float32))


def _tooth_like(crop: Array, opened: Mask, lips: Mask) -> tuple[Mask, Mask]:
    """Where teeth may be and where they are beyond doubt: brighter than shadow, and less red than skin and lips."""
    luminance = crop @ _LUMINANCE
    redness = (crop[..., 0] - crop[..., 1:].mean(axis=-1)) / np.maximum(luminance, 0.05)
    skin, lip = ~opened & ~lips, ~opened & lips
    light = max(float(np.median(luminance[skin])), 0.05)
    usual = max(min(float(np.median(redness[part])) for part in (skin, lip)), 0.05)
    red, bright = (cv2.GaussianBlur(part, (0, 0), 0.7) for part in (redness / usual, luminance / light))
    brighter_than_lips = 1.1 * float(np.median(luminance[lip])) / light
    return opened & (red < 1.0) & (bright > 0.45), opened & (red < 0.8) & (bright > max(0.5, brighter_than_lips))


def _spans(opened: Mask, maybe: Mask) -> list[tuple[int, int, int]]:
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
