"""Named measures of a mouth: the few lengths in which people see what is spoken. They are linear in the motion code."""

import numpy as np
from numpy.typing import NDArray

from liveface.engine.face import face_space
from liveface.engine.face.face_space import CODE_SIZE, LIPS, MotionBasis

Array = NDArray[np.float32]

MEASURES = ("gap", "width", "protrusion", "upper_lip", "corners", "lower_lip")
GAP, WIDTH, PROTRUSION = range(3)


def _places(*points: int) -> NDArray[np.int64]:
    """Where mesh points lie among the lip points."""
    return np.array([int(np.flatnonzero(point == LIPS)[0]) for point in points])


_INNER_UPPER, _INNER_LOWER = _places(*face_space.INNER_UPPER), _places(*face_space.INNER_LOWER)
_CORNER_RIGHT, _CORNER_LEFT = _places(face_space.CORNER_RIGHT, face_space.CORNER_LEFT).tolist()
_LIP_CENTRE = _places(0, 13, 14, 17)
_UPPER_LIP_EDGE, _LOWER_LIP_EDGE = _places(37, 0, 267), _places(84, 17, 314)


def of_lips(displacement: Array) -> Array:
    """Measures float32 (..., 6) in IOD of the displacement (..., 40, 3) of the lip points `LIPS` from rest.

    Distance of the inner lips, distance of the corners, lips forward, upper lip up, corners up, lower lip down.
    """
    x, y, z = (displacement[..., axis] for axis in range(3))
    return np.stack(
        [
            (y[..., _INNER_LOWER] - y[..., _INNER_UPPER]).mean(axis=-1),
            x[..., _CORNER_LEFT] - x[..., _CORNER_RIGHT],
            -z[..., _LIP_CENTRE].mean(axis=-1),
            -y[..., _UPPER_LIP_EDGE].mean(axis=-1),
            -(y[..., _CORNER_LEFT] + y[..., _CORNER_RIGHT]) / 2,
            y[..., _LOWER_LIP_EDGE].mean(axis=-1),
        ],
        axis=-1,
    ).astype(np.float32)


def matrix(basis: MotionBasis) -> Array:
    """M float32 (CODE_SIZE, 6) with measures = code @ M."""
    return of_lips(basis.decode(np.eye(CODE_SIZE, dtype=np.float32))[:, LIPS])
