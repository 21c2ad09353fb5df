"""What each part of the hearing is worth: the same training without it, by name, and the mean of what is measured.

It knows which options leave a part out, and not how networks are trained or measured.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from liveface.engine.errors import ConfigurationError
from liveface.engine.train.motion import HearingOptions

WHOLE = "whole"

Scores = Mapping[str, float]


def _without_units(options: HearingOptions) -> HearingOptions:
    return replace(options, drive=False, weights=replace(options.weights, units=0.0))


def _without_attention(options: HearingOptions) -> HearingOptions:
    return replace(options, network=replace(options.network, attention_window=1))


def _without_temporal(options: HearingOptions) -> HearingOptions:
    # Blocks are as many as before, but look back by two frames each.
    dilations = (1,) * len(options.network.fusion_dilations)
    return replace(options, network=replace(options.network, fusion_dilations=dilations))


def _without_phones(options: HearingOptions) -> HearingOptions:
    return replace(options, phone_weight=0.0, pretraining_steps=0)


PARTS: dict[str, Callable[[HearingOptions], HearingOptions]] = {
    "units": _without_units,
    "drive": lambda options: replace(options, drive=False),
    "au-loss": lambda options: replace(options, weights=replace(options.weights, units=0.0)),
    "attention": _without_attention,
    "temporal": _without_temporal,
    "phones": _without_phones,
    "encoder": lambda options: replace(options, encoder_weight=0.0),
    "teacher": lambda options: replace(options, viseme_steps=0),
    "habits": lambda options: replace(options, even_habits=False),
    "voices": lambda options: replace(options, strength=0.0),
    "closures": lambda options: replace(options, weights=replace(options.weights, closures=0.0, labial=0.0)),
    "measures": lambda options: replace(options, weights=replace(options.weights, measures=0.0, spread=0.0)),
}
"""What can be left out. `units`: Action Units are neither learned nor do they move anything. `drive`: they are learned
and embedded, but move nothing by themselves. `habits`: film as it is, see `engine.train.habits`."""


def without(options: HearingOptions, part: str) -> HearingOptions:
    """The options of a training without this part, `WHOLE` for all of it; raises `ConfigurationError`."""
    if part == WHOLE:
        return options
    if part not in PARTS:
        raise ConfigurationError(f"Found {part!r} to leave out: choose among {', '.join(PARTS)}.")
    return PARTS[part](options)


def summary(runs: Mapping[str, Sequence[Scores]]) -> dict[str, dict[str, dict[str, float]]]:
    """By variant and score the `mean` over its runs and the `interval`, half of 95 %, NaN of a single run."""
    return {variant: {name: _mean([run[name] for run in own]) for name in own[0]} for variant, own in runs.items()}


# Student's t for 95 %, by degrees of freedom: few seeds are less certain than their deviation says.
_STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)


def _mean(values: Sequence[float]) -> dict[str, float]:
    count = len(values)
    interval = float("nan")
    if count > 1:
        quantile = _STUDENT[min(count - 2, len(_STUDENT) - 1)]
        interval = float(quantile * np.std(values, ddof=1) / np.sqrt(count))
    return {"mean": float(np.mean(values)), "interval": interval}
