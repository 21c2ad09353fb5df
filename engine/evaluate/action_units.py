"""Scores of predicted action units: F1 of presence with its base rate, correlation, error.

It does not know which unit is which: columns are scored one by one, and a unit without labels scores NaN.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveface.engine.evaluate.lipsync import mouth_correlation

Floats = NDArray[np.float32]

PRESENT = 1.0  # intensity, of 0..5, from which a unit counts as present


@dataclass(frozen=True, slots=True)
class UnitScores:
    """Scores of one unit. `f1` at intensity >= 1 over all frames of all clips, `base_rate` is the share of frames in
    which the unit is truly present, `chance_f1` is what always answering "present" scores; `correlation` is the mean
    of the clips' own; `error` the mean squared error of intensity."""

    f1: float
    base_rate: float
    chance_f1: float
    correlation: float
    error: float
    frames: int


def unit_scores(true: Sequence[Floats], predicted: Sequence[Floats]) -> list[UnitScores]:
    """Scores of every unit over clips of intensities 0..5, each (T, units); NaN labels are left out."""
    assert true, "expected at least one clip"
    for one, other in zip(true, predicted, strict=True):
        assert one.shape == other.shape, f"clips differ in shape: {one.shape} and {other.shape}"
    return [
        _one_unit([clip[:, u] for clip in true], [clip[:, u] for clip in predicted]) for u in range(true[0].shape[1])
    ]


def _one_unit(true: list[Floats], predicted: list[Floats]) -> UnitScores:
    labels, answers = np.concatenate(true), np.concatenate(predicted)
    known = np.isfinite(labels) & np.isfinite(answers)
    labels, answers = labels[known].astype(np.float64), answers[known].astype(np.float64)
    if not len(labels):
        nan = float("nan")
        return UnitScores(nan, nan, nan, nan, nan, 0)
    present, answered = labels >= PRESENT, answers >= PRESENT
    base_rate = float(present.mean())
    both = float((present & answered).sum())
    total = float(present.sum() + answered.sum())
    correlations = [mouth_correlation(one, other) for one, other in zip(true, predicted, strict=True)]
    finite = [value for value in correlations if np.isfinite(value)]
    return UnitScores(
        f1=2.0 * both / total if present.any() else float("nan"),
        base_rate=base_rate,
        chance_f1=2.0 * base_rate / (1.0 + base_rate) if present.any() else float("nan"),
        correlation=float(np.mean(finite)) if finite else float("nan"),
        error=float(np.mean((labels - answers) ** 2)),
        frames=len(labels),
    )
