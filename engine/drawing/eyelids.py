"""Blinking: the upper lid and the skin above it come down over the eye. It moves mesh points only."""

import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import mesh_warp

Array = NDArray[np.float32]

LARGEST_BLINK = 0.85  # of a shut eye; beyond, the white of the eye shows in the seam between the lids
_LID_MEETING = (0.12, 0.88)  # shares of upper and lower lid in the line where the lids meet

# Per eye: upper lid, the ring above it, the ring below the brow, lower lid, each from the outer to the inner corner.
_EYES = (
    (
        np.array([246, 161, 160, 159, 158, 157, 173]),
        np.array([247, 30, 29, 27, 28, 56, 190]),
        np.array([113, 225, 224, 223, 222, 221, 189]),
        np.array([7, 163, 144, 145, 153, 154, 155]),
    ),
    (
        np.array([466, 388, 387, 386, 385, 384, 398]),
        np.array([467, 260, 259, 257, 258, 286, 414]),
        np.array([342, 445, 444, 443, 442, 441, 413]),
        np.array([249, 390, 373, 374, 380, 381, 382]),
    ),
)


def triangles() -> NDArray[np.int64]:
    """Triangles that a blink moves, those of the open eye first, so that the lids are drawn over them."""
    every = mesh_warp.triangles_around(np.concatenate([np.concatenate(eye) for eye in _EYES]))
    opening = np.concatenate([[33, 133, 263, 362], *(np.concatenate([eye[0], eye[3]]) for eye in _EYES)])
    inside = np.isin(every, opening).all(axis=1)
    return np.concatenate([every[inside], every[~inside]])


def shut(points: Array, amount: float) -> Array:
    """The mesh (468, 2) with its eyes shut by `amount`, 0 to 1; the skin above follows."""
    result = points.copy()
    for upper, above, crease, lower in _EYES:
        meeting = _LID_MEETING[0] * points[upper] + _LID_MEETING[1] * points[lower]
        drop = (meeting - points[upper]) * amount
        result[upper] += drop
        result[above] += 0.92 * drop
        result[crease] += 0.3 * drop
        result[lower] += (meeting - points[lower]) * amount
    return result
