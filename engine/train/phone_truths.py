"""What is true of a mouth whatever its owner's habits: p b m shut it, f and v bring the lip to the teeth, u is narrow.

The teacher's motion, an average of many people's, blurs these. They are put back by the smallest change of the code
that gives the wanted measures, with no more speed than people have.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveface.engine.face.face_space import MotionBasis
from liveface.engine.hearing.features import HOPS_PER_FRAME
from liveface.engine.media import FPS
from liveface.engine.train import measures
from liveface.engine.train.articulation import BILABIAL, LABIODENTAL, SILENCE
from liveface.engine.train.measures import GAP, PROTRUSION, WIDTH

Array = NDArray[np.float32]

SHUT, ON_THE_TEETH = -0.003, 0.012  # IOD, the gap in the middle of p b m and of f v
SPEED = 0.035  # IOD a frame, at which the lips come together and part at the most
_SURROUNDINGS = FPS // 2 | 1  # frames, odd
SURE = 0.75  # of a feature from which a sound counts as made with it; a Spanish β only nears the lips


@dataclass(frozen=True, slots=True)
class Exaggeration:
    """Factors on what stands out from half a second's mean: the network keeps 60 to 70 % of its teacher's contrast."""

    width: float = 2.4
    protrusion: float = 2.2


def applied(code: Array, articulation: Array, basis: MotionBasis, exaggeration: Exaggeration | None = None) -> Array:
    """Codes (T, CODE_SIZE) of speech whose articulation (4 T, 12) is known, NaN where it is not, with the truths."""
    shapes = measures.matrix(basis)
    before = code @ shapes
    wanted = before.copy()
    silent = np.nan_to_num(articulation[:, SILENCE]).reshape(-1, HOPS_PER_FRAME).mean(axis=1)
    stronger = exaggeration or Exaggeration()
    for measure, factor in ((WIDTH, stronger.width), (PROTRUSION, stronger.protrusion)):
        apart = before[:, measure] - _smoothed(before[:, measure])
        wanted[:, measure] += (factor - 1.0) * (1.0 - silent) * apart
    wanted[:, GAP] = np.minimum(np.maximum(wanted[:, GAP], 0.0), _ceiling(articulation, LABIODENTAL, ON_THE_TEETH))
    wanted[:, GAP] = np.minimum(wanted[:, GAP], _ceiling(articulation, BILABIAL, SHUT))
    return np.asarray(code + (wanted - before) @ np.linalg.pinv(shapes), np.float32)


def _ceiling(articulation: Array, feature: int, gap: float) -> Array:
    """The largest gap (T,) that sounds with this feature allow: `gap` in their middle, rising to both sides."""
    made = np.nan_to_num(articulation[:, feature]) >= SURE
    centres = np.arange(len(articulation) // HOPS_PER_FRAME) + 0.5
    ceiling = np.full(len(centres), np.inf)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], made, [False]]).astype(np.int8)))
    for start, stop in edges.reshape(-1, 2) / HOPS_PER_FRAME:
        # A sound of 60 ms is shut in a frame and a half: what is left for the way there and back.
        held = max(0.5, (stop - start) / 2 - 0.5)
        away = np.maximum(0.0, np.abs(centres - (start + stop) / 2) - held)
        ceiling = np.minimum(ceiling, gap + SPEED * away)
    return np.asarray(ceiling, np.float32)


def _smoothed(values: Array) -> Array:
    padded = np.pad(values, _SURROUNDINGS // 2, mode="edge")
    return np.asarray(np.convolve(padded, np.full(_SURROUNDINGS, 1.0 / _SURROUNDINGS), mode="valid"), np.float32)
