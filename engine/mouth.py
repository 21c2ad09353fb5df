"""The mouth of one photo: its closed rest position, its landmarks in motion, and the maps that the generator sees.

The photo's mouth is closed by geometry, so that every motion starts from the same rest, also for a smiling or
speaking photo. Drawing itself is elsewhere.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engine import face_space, mesh_warp
from engine.face_space import INNER_LIPS, OUTER_LIPS

Array = NDArray[np.float32]

CROP_SIZE = (128, 96)  # pixels, width and height of the part that the generator paints
MARGIN = (16, 8, 16, 40)  # pixels of photo kept left, above, right and below the crop, for mouths that close
INPUT_CHANNELS = 8  # bent photo (3), inner mouth, lips, the photo's own inner mouth bent, upper and lower teeth
IDENTITY_CHANNELS = 4  # photo (3), its inner mouth

_INNER_UPPER = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415])
_INNER_LOWER = np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])
_OUTER_UPPER = np.array([61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291])
_OUTER_LOWER = np.array([61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291])
_CORNERS = np.array([78, 308])

# How a photo's open mouth is closed: the lips meet this share of the gap above the lower lip's edge.
_LOWER_SHARE = 0.65
_UPPER_FOLLOWS, _LOWER_FOLLOWS, _CHIN_FOLLOWS = 0.8, 0.9, 0.75
# A mesh never closes its inner lips fully: below the first gap (IOD) nothing is painted, above the second all.
_DEAD_ZONE = (0.02, 0.05)
# The mesh puts the edge of an open mouth's lips a little inside the opening: share of the gap, and at most so much IOD.
_LIP_EDGE_SHARE, _LIP_EDGE_LIMIT = 0.3, 0.018
_SMILE_SHARE = 0.7  # of the curve of the closed lips that rows of teeth follow
_REACH = 0.15  # IOD around the lips where the generator may change colours


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """The mouth geometry of one photo.

    `points` float32 (468, 2), the photo's mesh in its pixels; `source` the same with the inner lips drawn a little
    into the lips of an open mouth, so that no teeth show between lips that close; `closed`: with the mouth at rest;
    `turn` float32 (3, 2), takes a displacement in IOD of the pose-free face to photo pixels;
    `crop` float64 (2, 3), takes photo pixels to crop pixels; `iod`, `photo_iod`: pixels of one IOD in crop and photo;
    `inner` uint8 (crop height, crop width), soft mask of the photo's own open mouth; `teeth`: guides for them.
    """

    points: Array
    source: Array
    closed: Array
    turn: Array
    crop: NDArray[np.float64]
    iod: float
    photo_iod: float
    inner: NDArray[np.uint8]
    teeth: "Teeth"

    def landmarks(self, displacement: Array) -> Array:
        """Mesh (468, 2) in photo pixels for a displacement (468, 3) in IOD from rest; the lips never cross."""
        return _uncross(self.closed + displacement @ self.turn)

    def displacement(self, points: Array) -> Array:
        """The displacement (468, 3) in IOD that takes the mouth at rest to `points` (468, 2); the inverse of
        `landmarks` for motions without depth."""
        return np.asarray((points - self.closed) @ np.linalg.pinv(self.turn), np.float32)

    def to_crop(self, points: Array) -> Array:
        """Photo pixels (n, 2) to crop pixels."""
        return np.asarray(points @ self.crop[:, :2].T + self.crop[:, 2], np.float32)


def measure(points: Array, crop: NDArray[np.float64] | None = None) -> Mouth:
    """The mouth geometry of a mesh (468, 3) in pixels; `crop` overrides the crop's place."""
    back = face_space.pose(points).inverse()
    flat = points[:, :2].astype(np.float32)
    if crop is None:
        crop = face_space.mouth_crop_transform(_close(flat), *CROP_SIZE)
    scale = float(np.sqrt(abs(np.linalg.det(crop[:, :2])))) * back.scale
    turn = np.asarray(back.scale * back.rotation.T[:, :2], np.float32)
    closed = _close(flat)
    own, rest = (np.asarray(mesh @ crop[:, :2].T + crop[:, 2], np.float32) for mesh in (flat, closed))
    inner = (inner_mask(own, scale) * 255).astype(np.uint8)
    return Mouth(flat, _into_lips(flat), closed, turn, crop, scale, back.scale, inner, Teeth.of(rest, scale))


def _axes(points: Array) -> tuple[Array, Array, float]:
    """Unit vectors to the right and down of the face, and its IOD in pixels."""
    across = face_space.between_eyes(points)
    iod = float(np.hypot(*across))
    right = across / iod
    return right, np.array([-right[1], right[0]], np.float32), iod


def _close(points: Array) -> Array:
    """The mesh (468, 2) with the lips brought together; chin and cheeks follow with a fall-off."""
    right, down, iod = _axes(points)
    x, y = points @ right, points @ down
    gap = np.maximum(y[_INNER_LOWER] - y[_INNER_UPPER], 0.0)
    place = (x[_INNER_UPPER] + x[_INNER_LOWER]) / 2
    order = np.argsort(np.concatenate([x[_CORNERS], place]))
    along = np.concatenate([x[_CORNERS], place])[order]
    opening = np.interp(x, along, np.concatenate([[0.0, 0.0], gap])[order])
    widest = float(gap.max())

    def edge(indices: NDArray[np.int64]) -> Array:
        sort = np.argsort(x[indices])
        return np.asarray(np.interp(x, x[indices][sort], y[indices][sort]), np.float32)

    ends = _CORNERS
    inner_upper = edge(np.concatenate([ends[:1], _INNER_UPPER, ends[1:]]))
    inner_lower = edge(np.concatenate([ends[:1], _INNER_LOWER, ends[1:]]))
    outer_upper, outer_lower = edge(_OUTER_UPPER), edge(_OUTER_LOWER)
    nose, chin = y[2], y[face_space.CHIN]

    is_lower = y > (inner_upper + inner_lower) / 2
    lip = np.clip((inner_upper - y) / np.maximum(inner_upper - outer_upper, 0.02 * iod), 0.0, 1.0)
    above = np.clip((y - nose) / np.maximum(outer_upper - nose, 0.02 * iod), 0.0, 1.0)
    upper_share = (1.0 - (1.0 - _UPPER_FOLLOWS) * lip) * above
    lip = np.clip((y - inner_lower) / np.maximum(outer_lower - inner_lower, 0.02 * iod), 0.0, 1.0)
    below = np.clip((y - outer_lower) / np.maximum(chin - outer_lower, 0.1 * iod), 0.0, 1.0)
    middle = (x[_CORNERS[0]] + x[_CORNERS[1]]) / 2
    jaw = widest * np.exp(-(((x - middle) / (0.55 * iod)) ** 2))
    lower_opening = opening * (1.0 - below) + jaw * _CHIN_FOLLOWS * below
    lower_share = 1.0 - (1.0 - _LOWER_FOLLOWS) * lip
    shift = np.where(
        is_lower, -_LOWER_SHARE * lower_opening * lower_share, (1.0 - _LOWER_SHARE) * opening * upper_share
    )
    shift[_INNER_UPPER] = (1.0 - _LOWER_SHARE) * gap
    shift[_INNER_LOWER] = -_LOWER_SHARE * gap
    moves = (y > nose) | np.isin(np.arange(len(y)), face_space.LIPS)
    shift = np.where(moves & (np.hypot(x - middle, y - y[13]) < 1.4 * iod), shift, 0.0)
    return np.asarray(points + shift[:, None] * down, np.float32)


def _into_lips(points: Array) -> Array:
    """The mesh (468, 2) with each inner lip point moved from its partner by a share of their gap."""
    _, down, iod = _axes(points)
    gap = np.maximum((points[_INNER_LOWER] - points[_INNER_UPPER]) @ down, 0.0)
    shift = np.minimum(_LIP_EDGE_SHARE * gap, _LIP_EDGE_LIMIT * iod)[:, None] * down
    result = points.copy()
    result[_INNER_UPPER] -= shift
    result[_INNER_LOWER] += shift
    return result


def _uncross(points: Array) -> Array:
    """The mesh (468, 2) with every lower inner-lip point at or below its upper partner."""
    down = _axes(points)[1]
    overlap = np.maximum((points[_INNER_UPPER] - points[_INNER_LOWER]) @ down, 0.0)[:, None] / 2 * down
    result = points.copy()
    result[_INNER_UPPER] -= overlap
    result[_INNER_LOWER] += overlap
    return result


def inner_mask(points: Array, iod: float) -> Array:
    """Soft mask of the open mouth, float32 (height, width) 0 to 1; `points` (468, 2) and `iod` in crop pixels."""
    gap = float(face_space.mouth_gap(points)) / iod
    strength = float(np.clip((gap - _DEAD_ZONE[0]) / (_DEAD_ZONE[1] - _DEAD_ZONE[0]), 0.0, 1.0))
    if strength == 0.0:
        return np.zeros(CROP_SIZE[::-1], np.float32)
    return np.asarray(_filled(points[INNER_LIPS]), np.float32) * (strength / 255.0)


def lip_masks(points: Array, iod: float) -> tuple[Array, Array]:
    """Two soft masks in the crop, float32 (height, width) 0 to 1: everything inside the outer edge of the lips, and
    where the generator may change colours, which is 0.15 IOD wider and fades out."""
    lips = _filled(points[OUTER_LIPS])
    radius = _REACH * iod
    wide = cv2.dilate(lips, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(radius / 2) + 1,) * 2))
    reach = cv2.GaussianBlur(wide.astype(np.float32), (0, 0), radius / 3) * (_border_fade() / np.float32(255.0))
    return np.asarray(lips / np.float32(255.0), np.float32), np.asarray(reach, np.float32)


@cache
def _border_fade() -> Array:
    """1 inside the crop, falling to 0 at its border, so that a wide mouth never shows the crop's edge."""
    width, height = CROP_SIZE
    columns = np.minimum(np.arange(width) + 0.5, width - np.arange(width) - 0.5)
    rows = np.minimum(np.arange(height) + 0.5, height - np.arange(height) - 0.5)
    return np.asarray(np.clip(np.minimum(columns[None], rows[:, None]) / 10.0, 0.0, 1.0), np.float32)


def _filled(polygon: Array) -> NDArray[np.uint8]:
    canvas = np.zeros(CROP_SIZE[::-1], np.uint8)
    cv2.fillPoly(canvas, [np.rint(polygon * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.8), np.uint8)


@cache
def _teeth_rows() -> tuple[Array, Array]:
    """Upper and lower teeth drawn by proportion, luminance 0 to 1, float32, 200 pixels for one IOD.

    Widths follow the usual mesiodistal sizes (central incisor 8.5 mm at 62 mm between the pupils), shortened
    towards the sides by the curve of the arch. Both pictures are 240 x 60 pixels: the upper row's biting edge lies on
    the bottom line, the lower row's on the top line.
    """
    return _row((27.0, 20.0, 22.0, 16.0, 14.0, 10.0), (50.0, 44.0, 48.0, 40.0, 36.0, 32.0)), _row(
        (16.0, 17.0, 20.0, 16.0, 14.0, 12.0), (40.0, 42.0, 46.0, 40.0, 36.0, 32.0)
    )[::-1].copy()


def _row(widths: tuple[float, ...], heights: tuple[float, ...]) -> Array:
    """One half-arch mirrored: rounded teeth standing on the bottom line of a 240 x 60 picture."""
    factor = 4
    canvas = np.zeros((60 * factor, 240 * factor), np.float32)
    left = 0.0
    for width, height in zip(widths, heights, strict=True):
        centre = left + width / 2
        shade = float(1.0 - 0.45 * (centre / 120.0) ** 2)
        for side in (-1, 1):
            box = np.zeros_like(canvas)
            middle = (120.0 + side * centre) * factor
            axes = (max(1, round((width / 2 - 0.6) * factor)), round(height * factor))
            cv2.ellipse(box, (round(middle), 60 * factor - 1), axes, 0.0, 180.0, 360.0, shade, -1)
            low = round((60 - height * 0.6) * factor)
            cv2.rectangle(box, (round(middle) - axes[0], low), (round(middle) + axes[0], 60 * factor), shade, -1)
            canvas = np.maximum(canvas, box)
        left += width
    soft = cv2.GaussianBlur(canvas, (0, 0), 0.7 * factor)
    return np.asarray(cv2.resize(soft, (240, 60), interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Teeth:
    """Guides for the rows of teeth in the crop of one mouth.

    `upper` float32 (height, width), 0 to 1, hangs from the skull just below the line where the lips meet; `_across`,
    `_down` float32, likewise: the place in the drawn lower row that each pixel shows while the mouth is closed;
    `_scale`: crop pixels for one of the drawn row's.
    """

    upper: Array
    _across: Array
    _down: Array
    _scale: float

    @classmethod
    def of(cls, rest: Array, iod: float) -> "Teeth":
        """The rows of a mouth whose crop landmarks (468, 2) are `rest` while it is closed."""
        corners = rest[_CORNERS]
        centre = (corners.mean(axis=0) + rest[13]) / 2
        across = corners[1] - corners[0]
        width = float(np.hypot(*across))
        scale = min(iod / 200.0, 1.15 * width / 240.0 * 1.25)
        columns, rows = np.moveaxis(mesh_warp.grid(*CROP_SIZE), -1, 0)
        # The rows follow a smile: they rise towards the corners by a share of what the lips do, and lean with them.
        along = (columns - centre[0]) / (width / 2)
        rise = _SMILE_SHARE * float(corners[:, 1].mean() - rest[13, 1])
        curve = rise * np.minimum(along * along, 1.0) + float(across[1] / across[0]) * (columns - centre[0])
        x, y = (columns - centre[0]) / scale + 120.0, (rows - centre[1] - curve) / scale
        upper = cv2.remap(_teeth_rows()[0], x, np.asarray(y - 0.048 * iod / scale + 60.0, np.float32), cv2.INTER_LINEAR)
        return cls(np.asarray(upper, np.float32), x, np.asarray(y - 0.01 * iod / scale, np.float32), scale)

    def lower(self, chin_drop: Array) -> Array:
        """The lower row, float32 (height, width), 0 to 1, when the chin has moved by `chin_drop` (2,) crop pixels."""
        x, y = (
            places - np.float32(drop / self._scale)
            for places, drop in zip((self._across, self._down), chin_drop, strict=True)
        )
        return np.asarray(cv2.remap(_teeth_rows()[1], x, y, cv2.INTER_LINEAR), np.float32)


def reference_crop(image: NDArray[np.uint8], mouth: Mouth) -> NDArray[np.uint8]:
    """The photo's crop with its margins, uint8 (height, width, 3), shrunk without aliasing."""
    scale = float(np.sqrt(abs(np.linalg.det(mouth.crop[:, :2]))))
    if scale < 0.8:
        image = cv2.GaussianBlur(image, (0, 0), 0.45 / scale).astype(np.uint8)
    left, above, right, below = MARGIN
    matrix = mouth.crop + np.array([[0.0, 0.0, left], [0.0, 0.0, above]])
    size = (CROP_SIZE[0] + left + right, CROP_SIZE[1] + above + below)
    return np.asarray(
        cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def without_margin(reference: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The part of a reference crop that the generator paints, (height, width, ...)."""
    return reference[MARGIN[1] : MARGIN[1] + CROP_SIZE[1], MARGIN[0] : MARGIN[0] + CROP_SIZE[0]]


def identity_input(reference: NDArray[np.uint8], mouth: Mouth) -> Array:
    """What the identity encoder sees, float32 (height, width, IDENTITY_CHANNELS), 0 to 1."""
    return np.dstack([without_margin(reference), mouth.inner]).astype(np.float32) / 255.0


@dataclass(frozen=True, slots=True, eq=False)
class CropMaps:
    """What the generator sees and where it may paint, all float32, 0 to 1.

    `inputs` (INPUT_CHANNELS, height, width); `inner` and `reach` (height, width).
    """

    inputs: Array
    inner: Array
    reach: Array


def crop_maps(reference: NDArray[np.uint8], mouth: Mouth, landmarks: Array, offsets: Array | None = None) -> CropMaps:
    """Everything the generator needs to draw the mouth of `landmarks` (468, 2, photo pixels).

    `reference`: the photo's crop with margins, from `reference_crop`; `offsets` float32 (height, width, 2): how the
    crop is bent to these landmarks (see `mesh_warp.offsets`) where it is known already.
    """
    width, height = CROP_SIZE
    moved = mouth.to_crop(landmarks)
    if offsets is None:
        source = mesh_warp.with_ring(mouth.to_crop(mouth.source))
        target = np.concatenate([moved, source[len(moved) :]])
        offsets = mesh_warp.offsets(target, source, mesh_warp.speech_triangles(), width, height)
    inner = inner_mask(moved, mouth.iod)
    lips, reach = lip_masks(moved, mouth.iod)
    inputs = np.empty((INPUT_CHANNELS, height, width), np.float32)
    level = np.float32(1.0 / 255.0)
    for plane, colour in zip(inputs, cv2.split(mesh_warp.bend(reference, offsets, MARGIN[:2])), strict=False):
        np.multiply(colour, level, out=plane)
    inputs[3] = inner
    inputs[4] = lips
    inputs[5] = mesh_warp.bend(mouth.inner, offsets) * level if mouth.inner.any() else 0.0
    inputs[6] = mouth.teeth.upper
    inputs[7] = mouth.teeth.lower(mouth.crop[:, :2] @ (landmarks[face_space.CHIN] - mouth.closed[face_space.CHIN]))
    return CropMaps(inputs, inner, reach)
