"""What the generator is told of a mouth beside its pictures: the motion code, and the Action Units that it knows."""

import numpy as np
from numpy.typing import NDArray

from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.face_space import CODE_SIZE

Array = NDArray[np.float32]

UNITS = (10, 18, 20, 24, 25, 26)  # of `ACTION_UNITS`, in this order whatever others there are
CONDITION_SIZE = CODE_SIZE + len(UNITS)

_PLACES = [ACTION_UNITS.index(unit) for unit in UNITS]
_SCALE = np.float32(1 / 3)  # of an intensity, so that a usual one is 1


def condition(code: Array, action_units: Array) -> Array:
    """Motion code (..., CODE_SIZE) and Action Units (..., n_units), NaN where unknown, as one row for the generator,
    float32 (..., CONDITION_SIZE)."""
    units = np.nan_to_num(action_units[..., _PLACES]) * _SCALE
    return np.concatenate([code, units], axis=-1).astype(np.float32)
