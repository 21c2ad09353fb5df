"""The loss of mouth motion: units, code and its change, named measures, their spread, closures; it knows no network."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from liveface.engine.face.face_space import MotionBasis
from liveface.engine.train import measures
from liveface.engine.train.measures import GAP

SHUT, OPEN = 0.012, 0.03  # IOD, where a mouth that should be closed, or open, is so to everyone's eyes
_CLOSED_GAP, _OPEN_GAP = 0.02, 0.045  # of the label, from which it counts as closed, or as open


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What each term counts. A coefficient of the code counts by its deviation to the power of `code_power`.

    `closures`: of a gap above `SHUT` where the label is closed, and of one below `OPEN` where it is open, alike, so
    that a mouth which shuts too often gains nothing.
    """

    units: float = 0.5
    code: float = 2.0
    change: float = 0.5
    gap: float = 0.6
    measures: float = 0.6
    spread: float = 0.2
    closures: float = 0.45
    labial: float = 0.3
    code_power: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class MotionLoss:
    """The weighted sum of all terms.

    `importance` (CODE_SIZE,) weighs coefficients, mean 1. `shapes` (CODE_SIZE, measures) takes a code to the named
    measures in IOD, in which they are linear; `deviation` (measures,) is what they vary by.
    """

    weights: LossWeights
    importance: Tensor
    shapes: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, basis: MotionBasis, weights: LossWeights) -> "MotionLoss":
        """The loss for codes of this basis."""
        importance = torch.from_numpy(basis.scale**weights.code_power)
        shapes = torch.from_numpy(measures.matrix(basis))
        return cls(weights, importance / importance.mean(), shapes, shapes.norm(dim=0))

    def __call__(
        self, units: Tensor, code: Tensor, true_units: Tensor, true_code: Tensor, labial: Tensor | None = None
    ) -> Tensor:
        """Scalar loss of units (B, T, ..., units) and codes (B, T, ..., CODE_SIZE); NaN labels do not count.

        `labial`: bool (B, T, ...), where p, b or m is spoken.
        """
        importance, shapes = self.importance.to(code), self.shapes.to(code) / self.deviation.to(code)
        unit_error, known_units = _error(units, true_units)
        # Units are absent most of the time: without more weight on the rest, intensities shrink below presence.
        unit_error = unit_error.square() * (1.0 + torch.nan_to_num(true_units))
        error, known = _error(code, true_code)
        seen = known[..., :1]
        change, known_change = error[:, 1:] - error[:, :-1], known[:, 1:] & known[:, :-1]
        rounded = functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none")
        measured, true_measures = code @ shapes, torch.nan_to_num(true_code) @ shapes
        apart = measured - true_measures
        w = self.weights
        return (
            w.units * _mean(unit_error, known_units)
            + w.code * _mean(rounded * importance, known)
            + w.change * _mean(change.square() * importance, known_change)
            + w.gap * _mean(apart[..., GAP].abs(), seen[..., 0])
            + w.measures * _mean(_rounded(apart), seen.expand_as(apart))
            + w.spread * (_spread(measured, seen) - _spread(true_measures, seen)).abs().mean()
            + w.closures * self._closures(measured[..., GAP], true_measures[..., GAP], seen[..., 0])
            + (0.0 if labial is None else w.labial * self._open(measured, true_measures, labial & seen[..., 0]))
        )

    def _open(self, measured: Tensor, true_measures: Tensor, labial: Tensor) -> Tensor:
        """How far the mouth is open in p, b and m, in deviations, where the label has it closed."""
        unit = self.deviation[GAP].to(measured)
        over = (measured[..., GAP] - SHUT / unit).clamp(min=0.0)
        return _mean(over, labial & (true_measures[..., GAP] * unit < _CLOSED_GAP))

    def _closures(self, gap: Tensor, true_gap: Tensor, known: Tensor) -> Tensor:
        """How far the mouth is open where it should be shut, and shut where it should be open, in deviations."""
        unit = self.deviation[GAP].to(gap)
        closed, opened = known & (true_gap * unit < _CLOSED_GAP), known & (true_gap * unit > _OPEN_GAP)
        over, under = (gap - SHUT / unit).clamp(min=0.0), (OPEN / unit - gap).clamp(min=0.0)
        return _mean(over, closed) + _mean(under, opened)


def _spread(values: Tensor, known: Tensor) -> Tensor:
    """Deviation in time (B, ..., measures) of values (B, T, ..., measures), over the frames that are known."""
    count = known.sum(dim=1).clamp(min=1)
    kept = torch.where(known, values, 0.0)
    mean = kept.sum(dim=1) / count
    away = torch.where(known, values - mean[:, None], 0.0)
    return (away.square().sum(dim=1) / count + 1e-6).sqrt()


def _rounded(errors: Tensor) -> Tensor:
    return functional.smooth_l1_loss(errors, torch.zeros_like(errors), reduction="none")


def _error(estimate: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Estimate minus label, 0 where the label is unknown, and where it is known."""
    known = torch.isfinite(label)
    return torch.where(known, estimate - torch.nan_to_num(label), 0.0), known


def _mean(errors: Tensor, known: Tensor) -> Tensor:
    return torch.where(known, errors, 0.0).sum() / known.sum().clamp(min=1)
