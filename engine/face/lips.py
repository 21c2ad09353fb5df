"""Which points of the mesh are the lips, and curves through them; it does not know pictures."""

import numpy as np
from numpy.typing import NDArray

from liveface.engine.face import face_space

Array = NDArray[np.float32]

# Nine columns of each lip from the person's right to the left, each from the outer to the inner edge, and both corners.
UPPER_COLUMNS = np.array(
    [
        [185, 40, 39, 37, 0, 267, 269, 270, 409],
        [184, 74, 73, 72, 11, 302, 303, 304, 408],
        [183, 42, 41, 38, 12, 268, 271, 272, 407],
        [191, 80, 81, 82, 13, 312, 311, 310, 415],
    ]
).T
LOWER_COLUMNS = np.array(
    [
        [146, 91, 181, 84, 17, 314, 405, 321, 375],
        [77, 90, 180, 85, 16, 315, 404, 320, 307],
        [96, 89, 179, 86, 15, 316, 403, 319, 325],
        [95, 88, 178, 87, 14, 317, 402, 318, 324],
    ]
).T
RIGHT_CORNER, LEFT_CORNER = np.array([61, 76, 62, 78]), np.array([291, 306, 292, 308])

UPPER, LOWER = UPPER_COLUMNS.ravel(), LOWER_COLUMNS.ravel()
CORNERS = np.concatenate([RIGHT_CORNER, LEFT_CORNER])
EVERY = np.concatenate([UPPER, LOWER, CORNERS])
# The edges of the opening, from corner to corner.
UPPER_EDGE = np.array([78, *UPPER_COLUMNS[:, -1], 308])
LOWER_EDGE = np.array([78, *LOWER_COLUMNS[:, -1], 308])


def axes(points: Array) -> tuple[Array, Array, float]:
    """Unit vectors to the right and down of a face in a picture, and its IOD, from the mesh (468, 2 or 3)."""
    across = face_space.between_eyes(points[:, :2])
    iod = float(np.hypot(*across))
    right = np.asarray(across / iod, np.float32)
    return right, np.array([-right[1], right[0]], np.float32), iod


def curve(points: Array, between: int = 6) -> Array:
    """A Catmull-Rom curve through `points` (n, 2), `between` pieces from one to the next."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    before, start, end, after = ends[:-3, None], ends[1:-2, None], ends[2:-1, None], ends[3:, None]
    t = (np.arange(between, dtype=np.float32) / between)[None, :, None]
    pieces = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    return np.asarray(np.concatenate([pieces.reshape(-1, 2), points[-1:]]), np.float32)
