"""Evens out people's habits in film, so that a network which cannot know whom it hears learns what they have in common.

People differ six-fold in how far they open the mouth, and in what else lips do meanwhile: one widens them by half of
the opening, another narrows them. A voice does not tell. Learned as they are, these habits are learned by heart, and a
stranger is given the habit of whoever sounds most like him.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from liveface.engine.face import action_units
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.face_space import MotionBasis
from liveface.engine.face.unit_basis import DRIVING
from liveface.engine.train import measures
from liveface.engine.train.measures import GAP
from liveface.engine.train.speech_dataset import Recording

Array = NDArray[np.float32]

OPENING = 0.135  # IOD, 95th percentile of the gap: between the geometric and the arithmetic mean of nineteen people
_FURTHEST = 2.2  # factor on a person's motion
_KNOWN = 6  # clips from which a person's habits are told from chance
_DRIVING = np.array([ACTION_UNITS.index(unit) for unit in DRIVING])


def evened(recordings: Sequence[Recording], basis: MotionBasis, main: str) -> list[Recording]:
    """The recordings with everyone's motion but that of the speaker `main` brought to common habits.

    All open as far, `OPENING`, and what other measures do by the opening is the median person's. Units follow.
    """
    shapes = measures.matrix(basis)
    back = np.linalg.pinv(shapes)
    by_person: dict[str, list[Array]] = {}
    for one in recordings:
        by_person.setdefault(one.speaker, []).append(one.code[np.isfinite(one.code[:, 0])] @ shapes)
    slopes = {person: _slopes(clips) for person, clips in by_person.items()}
    counts = Counter(one.speaker for one in recordings)
    known = [slope for person, slope in slopes.items() if counts[person] >= _KNOWN] or list(slopes.values())
    usual = np.median(known, axis=0)
    result = []
    for one in recordings:
        if one.speaker == main:
            result.append(one)
            continue
        widest = float(np.percentile(np.concatenate(by_person[one.speaker])[:, GAP], 95))
        factor = np.clip(OPENING / max(widest, 1e-3), 1.0 / _FURTHEST, _FURTHEST)
        code = factor * one.code
        change = (code @ shapes[:, GAP])[:, None] * (usual - slopes[one.speaker])
        code = np.asarray(code + change @ back, np.float32)
        units = one.action_units.copy()
        units[:, _DRIVING] = action_units.from_landmarks(basis.decode(code))[:, _DRIVING]
        result.append(replace(one, code=code, action_units=units))
    return result


def _slopes(clips: Sequence[Array]) -> Array:
    """Regression of each measure on the gap within a person's clips, (measures,); 0 for the gap itself."""
    apart = np.concatenate([clip - clip.mean(axis=0) for clip in clips if len(clip)])
    slope = apart.T @ apart[:, GAP] / max(float(np.square(apart[:, GAP]).sum()), 1e-9)
    slope[GAP] = 0.0
    return np.asarray(slope, np.float32)
