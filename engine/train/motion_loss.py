"""The loss of mouth motion: units, code, its change from frame to frame, and the opening; it knows no network."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.face_space import MotionBasis


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What each term counts. A coefficient of the code counts by its deviation to the power of `code_power`."""

    units: float = 0.5
    code: float = 2.0
    change: float = 0.5
    gap: float = 1.0
    code_power: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class MotionLoss:
    """The weighted sum of all terms.

    `importance` (CODE_SIZE,) weighs coefficients, mean 1. `gap` (CODE_SIZE,) takes a code to the opening, in standard
    deviations: the opening is linear in the code.
    """

    weights: LossWeights
    importance: Tensor
    gap: Tensor

    @classmethod
    def of(cls, basis: MotionBasis, weights: LossWeights) -> "MotionLoss":
        """The loss for codes of this basis."""
        importance = torch.from_numpy(basis.scale**weights.code_power)
        gap = torch.from_numpy(basis.gap_weights())
        return cls(weights, importance / importance.mean(), gap / gap.norm())

    def __call__(self, units: Tensor, code: Tensor, true_units: Tensor, true_code: Tensor) -> Tensor:
        """Scalar loss of units (B, T, ..., units) and codes (B, T, ..., CODE_SIZE); NaN labels do not count."""
        importance, gap = self.importance.to(code), self.gap.to(code)
        unit_error, known_units = _error(units, true_units)
        # Units are absent most of the time: without more weight on the rest, intensities shrink below presence.
        unit_error = unit_error.square() * (1.0 + torch.nan_to_num(true_units))
        error, known = _error(code, true_code)
        change, known_change = error[:, 1:] - error[:, :-1], known[:, 1:] & known[:, :-1]
        rounded = functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none")
        return (
            self.weights.units * _mean(unit_error, known_units)
            + self.weights.code * _mean(rounded * importance, known)
            + self.weights.change * _mean(change.square() * importance, known_change)
            + self.weights.gap * _mean((error @ gap).abs(), known[..., 0])
        )


def _error(estimate: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Estimate minus label, 0 where the label is unknown, and where it is known."""
    known = torch.isfinite(label)
    return torch.where(known, estimate - torch.nan_to_num(label), 0.0), known


def _mean(errors: Tensor, known: Tensor) -> Tensor:
    return torch.where(known, errors, 0.0).sum() / known.sum().clamp(min=1)
