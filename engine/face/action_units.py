"""Speech-related facial Action Units: which they are, and their estimate from the motion of the face mesh.

Intensities run from 0 to 5 as in FACS and OpenFace. The estimates are geometric proxies: each is a length in the
pose-free face, scaled so that the 99th percentile of one fluent speaker is 3. AU 14 (dimpler) has no geometric sign;
it is NaN here and comes from OpenFace columns where a corpus has them.
"""

import numpy as np
from numpy.typing import NDArray

from liveface.engine.face import face_space

Array = NDArray[np.float32]

# Upper-lip raiser, dimpler, lip pucker, lip stretcher, lip pressor, lips part, jaw drop.
ACTION_UNITS = (10, 14, 18, 20, 24, 25, 26)
PRESENT = 1.0  # intensity from which a unit counts as present
MAXIMUM = 5.0

# IOD of motion for an intensity of 3 (the 99th percentile of GRID speaker s1), in the order of ACTION_UNITS.
_FULL_SCALE = np.array([0.0233, np.nan, 0.0363, 0.0228, 0.0047, 0.1746, 0.1578])

_STRETCHER, _PRESSOR = ACTION_UNITS.index(20), ACTION_UNITS.index(24)
_APART = 0.03  # IOD, a gap at which lips cannot press each other

_NOSE_BASE = 2
_UPPER_LIP_EDGE = np.array([37, 0, 267])
_LOWER_LIP_EDGE = np.array([84, 17, 314])
_LIP_CENTRE = np.array([0, 13, 14, 17])


def lengths(displacement: Array) -> Array:
    """The lengths behind the units, float32 (..., 7) in IOD, NaN for AU 14.

    `displacement`: (..., 468, 3) IOD from the closed mouth at rest, in the pose-free face.
    """
    rise = -displacement[..., face_space.CORNER_RIGHT, 1] / 2 - displacement[..., face_space.CORNER_LEFT, 1] / 2
    found = linear_lengths(displacement)
    found[..., _STRETCHER] += np.minimum(rise, 0.0)
    found[..., _PRESSOR] = np.where(face_space.mouth_gap(displacement) >= _APART, 0.0, found[..., _PRESSOR])
    return found


def linear_lengths(displacement: Array) -> Array:
    """`lengths` as if corners always rose (a smile stretches no lips) and parted lips could be pressed."""
    rise = -displacement[..., face_space.CORNER_RIGHT, 1] / 2 - displacement[..., face_space.CORNER_LEFT, 1] / 2
    width = displacement[..., face_space.CORNER_LEFT, 0] - displacement[..., face_space.CORNER_RIGHT, 0]
    protrusion = -displacement[..., _LIP_CENTRE, 2].mean(axis=-1)
    y = displacement[..., 1]
    upper = y[..., face_space.INNER_UPPER].mean(axis=-1) - y[..., _UPPER_LIP_EDGE].mean(axis=-1)
    lower = y[..., _LOWER_LIP_EDGE].mean(axis=-1) - y[..., face_space.INNER_LOWER].mean(axis=-1)
    return np.stack(
        [
            y[..., _NOSE_BASE] - y[..., _UPPER_LIP_EDGE].mean(axis=-1),
            np.full_like(width, np.nan),
            protrusion - width / 2,
            width - rise,
            -(upper + lower),
            face_space.mouth_gap(displacement),
            y[..., face_space.CHIN],
        ],
        axis=-1,
    ).astype(np.float32)


def from_landmarks(displacement: Array) -> Array:
    """Unit intensities 0 to 5, float32 (..., 7), NaN for AU 14; `displacement` as for `lengths`."""
    return np.asarray(np.clip(intensities(lengths(displacement)), 0.0, MAXIMUM), np.float32)


def intensities(lengths: Array) -> Array:
    """Lengths (..., 7) in IOD on the scale of intensities, without its ends: below 0 lips move the other way."""
    return np.asarray(lengths / _FULL_SCALE * 3.0, np.float32)
