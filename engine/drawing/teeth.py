"""The teeth of one photo: its own upper row where it shows one, else a drawn one in its light.

They lie in a patch, an upright picture of the mouth at the photo's own resolution. The upper row is fixed to the skull,
the lower one to the chin; lips move over them.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import mesh_warp
from liveface.engine.face import face_space, lips
from liveface.engine.face.mouth import Mouth
from liveface.engine.media import Picture

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_DENSITY = (80.0, 320.0)  # least and most pixels of a patch for one IOD

# A photo's own teeth.
_SHOWING = 0.06  # IOD of gap from which a photo can show teeth
_FEWEST = 0.25  # of the mouth's columns that must show a tooth
_SURE = 0.2  # of what is taken for teeth that must be so beyond doubt
_EITHER_SIDE = 0.3  # of the columns of each half of the mouth
_BESIDE = 0.12  # IOD beside the last tooth that is sure, over which the photo shows what lies there
_OFF_ARCH = 0.025  # IOD that the biting edge may be off a smooth arch
_HIDDEN = 0.06  # IOD by which teeth go on upwards, under the lip
_FADE = 0.04  # IOD over which the row fades out at its sides
_EVEN = 0.07  # IOD over which the edges of the row are evened out
_SOFT = 0.008  # IOD, how soft its edges are

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
_IVORY = np.array([1.06, 0.98, 0.885], np.float32)  # of a luminance of about 1
_FLESH = np.array([1.26, 0.92, 0.78], np.float32)  # colour of a face in even light, likewise
_TINT = np.array([[0.97, 0.96, 0.90], [1.05, 1.0, 1.05]], np.float32)  # least and most of the light's colour in teeth
_UPPER_EDGE, _LOWER_EDGE = 0.043, 0.03  # IOD below the line where the lips meet
_SMILE_SHARE = 0.7  # of the curve of the closed lips that rows of teeth follow


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """`transform` float64 (2, 3), photo pixels to those of the patch; `size`: its columns and rows; `iod` in them."""

    transform: NDArray[np.float64]
    size: tuple[int, int]
    iod: float

    @classmethod
    def of(cls, mouth: Mouth) -> "Patch":
        """The patch of a mouth, as fine as the photo."""
        iod = float(np.clip(mouth.photo_iod, *_DENSITY))
        size = round(face_space.CROP_WIDTH * iod), round(face_space.CROP_HEIGHT * iod)
        return cls(face_space.mouth_crop_transform(mouth.rest, *size), size, iod)

    def place(self, points: Array) -> Array:
        """Photo pixels (..., 2) in the patch."""
        return np.asarray(points @ self.transform[:, :2].T + self.transform[:, 2], np.float32)

    def cut(self, photo: Picture) -> Array:
        """The photo in the patch, float32 (rows, columns, 3), 0 to 1."""
        scale = float(np.sqrt(abs(np.linalg.det(self.transform[:, :2]))))
        if scale < 0.8:
            photo = np.asarray(cv2.GaussianBlur(photo, (0, 0), 0.45 / scale), np.uint8)
        cut = cv2.warpAffine(photo, self.transform, self.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cut, np.float32) / np.float32(255.0)

    def filled(self, polygon: Array) -> Mask:
        """Bool (rows, columns), true inside a polygon (n, 2) of photo pixels."""
        canvas = np.zeros(self.size[::-1], np.uint8)
        cv2.fillPoly(canvas, [np.rint(self.place(polygon) * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
        return canvas > 127


@dataclass(frozen=True, slots=True, eq=False)
class Teeth:
    """Both rows in a patch, float32 (rows, columns, 4), colour and cover, 0 to 1; `is_own`: the photo's upper row."""

    patch: Patch
    upper: Array
    lower: Array
    is_own: bool

    @classmethod
    def of(cls, photo: Picture, mouth: Mouth) -> "Teeth":
        """The teeth of a photo, uint8 (height, width, 3), with its mouth at rest."""
        patch = Patch.of(mouth)
        crop = patch.cut(photo)
        white = _white(crop)
        own = _own_row(crop, mouth, patch)
        upper = _drawn_row(_UPPER_ROW, _UPPER_EDGE, white, mouth, patch) if own is None else own
        lower = _drawn_row(_LOWER_ROW, _LOWER_EDGE, white, mouth, patch, is_lower=True)
        return cls(patch, upper, lower, own is not None)


def _white(crop: Array) -> Array:
    """The colour of teeth in the light of a face, float32 (3,); the crop (height, width, 3) tells of the light."""
    skin = np.median(crop.reshape(-1, 3), axis=0)
    luminance = float(skin @ _LUMINANCE)
    # What makes the face yellower or bluer than faces are in even light is taken for the light's colour, by a part:
    # the skin of pale people is not in blue light, and teeth must not turn green.
    tint = np.clip((skin / max(luminance, 0.02) / _FLESH) ** 0.35, *_TINT)
    # Dark skin in good light says less of the light than its darkness seems to.
    return np.asarray(_IVORY * tint * min(0.92 * luminance**0.6 + 0.12, 0.90), np.float32)


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
        shade = 1.0 - 0.10 * place**2 - 0.24 * np.exp(-(((1.0 - place) * across / 2.2) ** 2))
        shade = shade * (1.0 - 0.55 * np.clip(x / 120.0, 0.0, 1.0) ** 2.2)
        shade = (
            shade * (1.0 - 0.14 * np.exp(-np.abs(y - edge) / 4.0)) * (1.0 - 0.10 * np.clip(y / 30.0 - 1.0, 0.0, 1.0))
        )
        light = np.where(is_inside, shade, light)
        cover = np.where(is_inside, np.clip(y - edge + 0.5, 0.0, 1.0), cover)
        left += across
    return light.astype(np.float32), cover.astype(np.float32)


def _drawn_row(
    row: tuple[tuple[float, float, float], ...],
    edge: float,
    white: Array,
    mouth: Mouth,
    patch: Patch,
    *,
    is_lower: bool = False,
) -> Array:
    """A drawn row in the patch, its biting edge `edge` IOD below the line of the closed lips."""
    rest = patch.place(mouth.rest)
    corners = rest[lips.CORNERS[[3, 7]]]
    seam = (rest[lips.UPPER_EDGE[5]] + rest[lips.LOWER_EDGE[5]]) / 2
    centre = np.array([corners[:, 0].mean(), (corners[:, 1].mean() + seam[1]) / 2])
    across = corners[1] - corners[0]
    width = float(np.hypot(*across))
    scale = min(patch.iod, 1.25 * width) / _FINE  # a narrow mouth has narrow rows
    columns, rows = np.moveaxis(mesh_warp.grid(*patch.size), -1, 0)
    # The rows follow a smile: they rise towards the corners by a share of what the lips do. They do not lean with a
    # lopsided mouth, as they are fixed to the skull.
    along = (columns - centre[0]) / (width / 2)
    rise = _SMILE_SHARE * float(corners[:, 1].mean() - seam[1])
    curve = rise * np.minimum(along * along, 1.0)
    below = (rows - centre[1] - edge * patch.iod - curve) / scale
    x = (columns - centre[0]) / scale + (_ROW_SIZE[0] - 1) / 2
    y = _ROW_SIZE[1] - 1.0 + (-below if is_lower else below)
    light, cover = (
        cv2.remap(
            cv2.GaussianBlur(part, (0, 0), max(0.45 / scale, 0.3)),
            x.astype(np.float32),
            y.astype(np.float32),
            cv2.INTER_LINEAR,
        )
        for part in _drawing(row)
    )
    return np.dstack([light[..., None] * white, cover]).astype(np.float32)


def _own_row(crop: Array, mouth: Mouth, patch: Patch) -> Array | None:
    """The upper teeth that the photo's crop (height, width, 3) shows, or None."""
    if face_space.mouth_gap(patch.place(mouth.points)) < _SHOWING * patch.iod:
        return None
    opened = patch.filled(mouth.points[face_space.INNER_LIPS])
    maybe, surely = _tooth_like(crop, opened, patch.filled(mouth.points[face_space.OUTER_LIPS]), patch.iod)
    spans = _spans(opened, maybe)
    if len(spans) < _FEWEST * np.count_nonzero(opened.any(axis=0)):
        return None
    known, starts, ends = np.array(spans).T
    every = np.flatnonzero(opened.any(axis=0))
    middle = (every[0] + every[-1]) / 2
    shares = [np.count_nonzero((known - middle) * side > 0) / (len(every) / 2) for side in (-1, 1)]
    if min(shares) < _EITHER_SIDE:
        return None
    # The biting edge is a smooth arch; what lies above it is the photo's, with the gaps and the dark at its sides.
    beside = round(_BESIDE * patch.iod)
    columns = np.arange(max(known[0] - beside, every[0]), min(known[-1] + beside, every[-1]) + 1)
    even = 2 * round(_EVEN * patch.iod / 2) + 1
    last = _evened(np.interp(columns, known, ends), even)
    arch = _arch(known - middle, ends, columns - middle)
    last = np.clip(last, arch - _OFF_ARCH * patch.iod, arch + _OFF_ARCH * patch.iod)
    first = _evened(np.interp(columns, known, starts), even)
    cover = np.zeros(opened.shape, np.float32)
    sides = np.minimum(np.minimum(columns - columns[0], columns[-1] - columns) / (_FADE * patch.iod), 1.0)
    cover[:, columns] = np.clip(last - np.arange(patch.size[1])[:, None] - 0.5, 0.0, 1.0) * sides
    if (surely * cover).sum() < _SURE * (opened * cover).sum():
        return None
    colour = crop.copy()
    hidden, rim = round(_HIDDEN * patch.iod), round(0.012 * patch.iod)
    for column, start in zip(columns, np.rint(first).astype(int), strict=True):
        highest, start = max(0, start + rim - hidden), start + rim
        colour[highest:start, column] = crop[min(start, len(crop) - 1), column]
        cover[:highest, column] = 0.0
    soft = cv2.GaussianBlur(cover, (0, 0), max(_SOFT * patch.iod, 0.7))
    return np.dstack([colour, soft]).astype(np.float32)


def _arch(known: NDArray[np.floating], edge: NDArray[np.floating], columns: NDArray[np.floating]) -> Array:
    """The parabola through a biting edge known at some columns, at others; what lies far off it counts less."""
    weight = np.ones(len(known))
    for _ in range(4):
        fitted = np.polynomial.polynomial.polyfit(known, edge, 2, w=weight)
        off = np.abs(edge - np.polynomial.polynomial.polyval(known, fitted))
        weight = 1.0 / (1.0 + off / max(float(np.median(off)), 0.5))
    return np.asarray(np.polynomial.polynomial.polyval(columns, fitted), np.float32)


def _tooth_like(crop: Array, opened: Mask, inside_lips: Mask, iod: float) -> tuple[Mask, Mask]:
    """Where teeth may be and where they are beyond doubt: brighter than shadow, and less red than skin and lips."""
    luminance = crop @ _LUMINANCE
    redness = (crop[..., 0] - crop[..., 1:].mean(axis=-1)) / np.maximum(luminance, 0.05)
    skin, lip = ~opened & ~inside_lips, ~opened & inside_lips
    light = max(float(np.median(luminance[skin])), 0.05)
    usual = max(min(float(np.median(redness[part])) for part in (skin, lip)), 0.05)
    red, bright = (cv2.GaussianBlur(part, (0, 0), 0.007 * iod) for part in (redness / usual, luminance / light))
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


def _evened(edge: NDArray[np.floating], width: int) -> NDArray[np.floating]:
    """The median of each value and its neighbours; `width` is odd."""
    padded = np.pad(edge, width // 2, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1))
