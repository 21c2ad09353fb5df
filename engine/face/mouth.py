"""The mouth of one photo: its closed rest position, its landmarks in motion, and masks of both.

The photo's mouth is closed by geometry, so that every motion starts from the same rest, also for a smiling or
speaking photo. Drawing itself is elsewhere.
"""

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.face import face_space, lips
from liveface.engine.face.face_space import INNER_LIPS, OUTER_LIPS
from liveface.engine.face.rest_mouth import SMILE_TAKEN_BACK, at_rest

Array = NDArray[np.float32]

CROP_SIZE = (160, 128)  # pixels, width and height of the part that the generator may change
INPUT_CHANNELS = 8  # composed picture (3), inner mouth, lips, upper and lower teeth, whether they are the photo's own
IDENTITY_CHANNELS = 4  # photo (3), its inner mouth

# The mask by which the generator is kept out of the opening begins at the first gap (IOD) and is whole at the second.
_DEAD_ZONE = (0.02, 0.05)
# The mesh puts the edge of an open mouth's lips a little inside the opening: share of the gap, and at most so much IOD.
_LIP_EDGE_SHARE, _LIP_EDGE_LIMIT = 0.6, 0.02
# Lips grow thinner by this share for one IOD of gap; and IOD of gap from which that is so.
_THINNING, _OPENING = 0.5, 0.03
_EVEN_FROM = 0.2  # IOD of gap from which the lower lip's edge is even
_REACH = 0.15  # IOD around the lips where the generator may change colours


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """The mouth geometry of one photo.

    `points` float32 (468, 2), the photo's mesh in its pixels; `source`: the same with the inner lips drawn a little
    into the lips of an open mouth, so that no teeth show between lips that close; `rest`: with the mouth at rest;
    `turn` float32 (3, 2), takes a displacement in IOD of the pose-free face to photo pixels;
    `crop` float64 (2, 3), takes photo pixels to crop pixels; `iod`, `photo_iod`: pixels of one IOD in crop and photo;
    `inner` uint8 (crop height, crop width), soft mask of the photo's own open mouth.
    """

    points: Array
    source: Array
    rest: Array
    turn: Array
    crop: NDArray[np.float64]
    iod: float
    photo_iod: float
    inner: NDArray[np.uint8]

    def landmarks(self, displacement: Array) -> Array:
        """Mesh (468, 2) in photo pixels for a displacement (468, 3) in IOD from rest; the lips never cross or swell."""
        return _uncross(_unswollen(self.rest + displacement @ self.turn, self.rest))

    def displacement(self, points: Array) -> Array:
        """The displacement (468, 3) in IOD that takes the mouth at rest to `points` (468, 2); the inverse of
        `landmarks` for motions without depth."""
        return np.asarray((points - self.rest) @ np.linalg.pinv(self.turn), np.float32)

    def to_crop(self, points: Array) -> Array:
        """Photo pixels (n, 2) to crop pixels."""
        return np.asarray(points @ self.crop[:, :2].T + self.crop[:, 2], np.float32)


def measure(points: Array, smile_taken_back: float = SMILE_TAKEN_BACK) -> Mouth:
    """The mouth geometry of a mesh (468, 3) in pixels; `smile_taken_back` is as for `rest_mouth.at_rest`."""
    back = face_space.pose(points).inverse()
    flat = points[:, :2].astype(np.float32)
    rest = _uncross(at_rest(points, smile_taken_back))
    crop = face_space.mouth_crop_transform(rest, *CROP_SIZE)
    scale = float(np.sqrt(abs(np.linalg.det(crop[:, :2])))) * back.scale
    turn = np.asarray(back.scale * back.rotation.T[:, :2], np.float32)
    own = inner_mask(np.asarray(flat @ crop[:, :2].T + crop[:, 2], np.float32), scale)
    return Mouth(flat, _into_lips(flat), rest, turn, crop, scale, back.scale, (own * 255).astype(np.uint8))


def measure_again(own: Mouth, crop: NDArray[np.float64]) -> Mouth:
    """The same mouth with its crop (2, 3) elsewhere."""
    scale = float(np.sqrt(abs(np.linalg.det(crop[:, :2])))) * own.photo_iod
    inner = inner_mask(np.asarray(own.points @ crop[:, :2].T + crop[:, 2], np.float32), scale)
    return replace(own, crop=crop, iod=scale, inner=(inner * 255).astype(np.uint8))


def _into_lips(points: Array) -> Array:
    """The mesh (468, 2) with each inner lip point moved from its partner by a share of their gap, corners outwards."""
    right, down, iod = lips.axes(points)
    upper, lower = lips.UPPER_COLUMNS[:, -1], lips.LOWER_COLUMNS[:, -1]
    gap = np.maximum((points[lower] - points[upper]) @ down, 0.0)
    shift = np.minimum(_LIP_EDGE_SHARE * gap, _LIP_EDGE_LIMIT * iod)[:, None] * down
    result = points.copy()
    result[upper] -= shift
    result[lower] += shift
    beside = min(_LIP_EDGE_SHARE * float(gap.max()), _LIP_EDGE_LIMIT * iod) * right
    result[lips.RIGHT_CORNER[-1]] -= beside
    result[lips.LEFT_CORNER[-1]] += beside
    return result


def _unswollen(points: Array, rest: Array) -> Array:
    """The mesh (468, 2) with lips no higher than people's are who open the mouth; `rest`: the mouth at rest.

    The mesh of a moving face sees too little of how far the inner edges of the lips go, as if the lips grew.
    """
    down, iod = lips.axes(rest)[1:]
    gap = (points[lips.LOWER_EDGE] - points[lips.UPPER_EDGE]) @ down / iod
    opened = np.clip(gap[1:-1] / _OPENING, 0.0, 1.0)
    result = points.copy()
    for columns in (lips.UPPER_COLUMNS, lips.LOWER_COLUMNS):
        heights = (points[columns] - points[columns[:, :1]]) @ down
        allowed = np.abs((rest[columns[:, -1]] - rest[columns[:, 0]]) @ down) * (1.0 - _THINNING * gap[1:-1])
        swollen = np.maximum(np.abs(heights[:, -1]) - allowed, 0.0) * opened
        share = swollen / np.maximum(np.abs(heights[:, -1]), 0.01 * iod)
        result[columns] -= (heights * share[:, None])[..., None] * down
    return _rounded(result, float(gap[4:7].mean()))


def _rounded(points: Array, gap: float) -> Array:
    """The mesh (468, 2) with an even edge of the lower lip, as far as the mouth is open: shut lips keep the marks that
    they press into each other, open ones do not. `gap`: IOD."""
    right, down, _ = lips.axes(points)
    edge = points[lips.LOWER_EDGE]
    x, y = edge @ right, edge @ down
    middle, half = (x[0] + x[-1]) / 2, max((x[-1] - x[0]) / 2, 1e-3)
    along = (x - middle) / half
    even = np.polynomial.polynomial.polyval(along, np.polynomial.polynomial.polyfit(along, y, 2))
    shift = (even - y)[1:-1] * float(np.clip(gap / _EVEN_FROM, 0.0, 1.0)) * (1.0 - along[1:-1] ** 8)
    result = points.copy()
    for ring, share in ((3, 1.0), (2, 0.7), (1, 0.3)):
        result[lips.LOWER_COLUMNS[:, ring]] += (share * shift)[:, None] * down
    return result


def _uncross(points: Array) -> Array:
    """The mesh (468, 2) with every lower inner-lip point at or below its upper partner."""
    down = lips.axes(points)[1]
    upper, lower = lips.UPPER_COLUMNS[:, -1], lips.LOWER_COLUMNS[:, -1]
    overlap = np.maximum((points[upper] - points[lower]) @ down, 0.0)[:, None] / 2 * down
    result = points.copy()
    result[upper] -= overlap
    result[lower] += overlap
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


def cut(image: NDArray[np.uint8], transform: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The crop of a picture, uint8 (height, width, 3), shrunk without aliasing; `transform` (2, 3) leads into it."""
    scale = float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    if scale < 0.8:
        image = cv2.GaussianBlur(image, (0, 0), 0.45 / scale).astype(np.uint8)
    crop = cv2.warpAffine(image, transform, CROP_SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8)


def identity_input(image: NDArray[np.uint8], mouth: Mouth) -> Array:
    """What the identity encoder sees of a photo, float32 (height, width, IDENTITY_CHANNELS), 0 to 1."""
    return np.dstack([cut(image, mouth.crop), mouth.inner]).astype(np.float32) / np.float32(255.0)
