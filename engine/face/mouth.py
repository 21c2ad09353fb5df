"""The mouth of one photo: its closed rest position, its landmarks in motion, and masks of both.

The photo's mouth is closed by geometry, so that every motion starts from the same rest, also for a smiling or
speaking photo. Drawing itself is elsewhere.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.face import face_space
from liveface.engine.face.face_space import INNER_LIPS, OUTER_LIPS

Array = NDArray[np.float32]

CROP_SIZE = (128, 96)  # pixels, width and height of the part that the generator paints
MARGIN = (16, 8, 16, 40)  # pixels of photo kept left, above, right and below the crop, for mouths that close
INPUT_CHANNELS = 8  # bent photo (3), inner mouth, lips, the photo's own inner mouth bent, upper and lower teeth
IDENTITY_CHANNELS = 4  # photo (3), its inner mouth

_INNER_UPPER = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415])
_INNER_LOWER = np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])
_OUTER_UPPER = np.array([61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291])
_OUTER_LOWER = np.array([61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291])
CORNERS = np.array([78, 308])

# How a photo's open mouth is closed: the lips meet this share of the gap above the lower lip's edge.
_LOWER_SHARE = 0.65
_UPPER_FOLLOWS, _LOWER_FOLLOWS, _CHIN_FOLLOWS = 0.8, 0.9, 0.75
# A mesh never closes its inner lips fully: below the first gap (IOD) nothing is painted, above the second all.
_DEAD_ZONE = (0.02, 0.05)
# The mesh puts the edge of an open mouth's lips a little inside the opening: share of the gap, and at most so much IOD.
_LIP_EDGE_SHARE, _LIP_EDGE_LIMIT = 0.3, 0.018
_REACH = 0.15  # IOD around the lips where the generator may change colours


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """The mouth geometry of one photo.

    `points` float32 (468, 2), the photo's mesh in its pixels; `source` the same with the inner lips drawn a little
    into the lips of an open mouth, so that no teeth show between lips that close; `closed`: with the mouth at rest;
    `turn` float32 (3, 2), takes a displacement in IOD of the pose-free face to photo pixels;
    `crop` float64 (2, 3), takes photo pixels to crop pixels; `iod`, `photo_iod`: pixels of one IOD in crop and photo;
    `inner` uint8 (crop height, crop width), soft mask of the photo's own open mouth.
    """

    points: Array
    source: Array
    closed: Array
    turn: Array
    crop: NDArray[np.float64]
    iod: float
    photo_iod: float
    inner: NDArray[np.uint8]

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
    own = inner_mask(np.asarray(flat @ crop[:, :2].T + crop[:, 2], np.float32), scale)
    return Mouth(flat, _into_lips(flat), _close(flat), turn, crop, scale, back.scale, (own * 255).astype(np.uint8))


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
    order = np.argsort(np.concatenate([x[CORNERS], place]))
    along = np.concatenate([x[CORNERS], place])[order]
    opening = np.interp(x, along, np.concatenate([[0.0, 0.0], gap])[order])
    widest = float(gap.max())

    def edge(indices: NDArray[np.int64]) -> Array:
        sort = np.argsort(x[indices])
        return np.asarray(np.interp(x, x[indices][sort], y[indices][sort]), np.float32)

    ends = CORNERS
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
    middle = (x[CORNERS[0]] + x[CORNERS[1]]) / 2
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
