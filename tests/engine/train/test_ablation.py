"""Leaving parts out: each changes the options that are its own; means and intervals are those of a small sample."""

from dataclasses import replace

import pytest

pytest.importorskip("torch")

from liveface.engine.errors import ConfigurationError
from liveface.engine.train.ablation import PARTS, WHOLE, summary, without
from liveface.engine.train.motion import HearingOptions


@pytest.mark.parametrize("part", PARTS)
def test_every_part_changes_the_training(part: str) -> None:
    assert without(HearingOptions(), part) != HearingOptions()


def test_what_is_left_out_is_what_is_named() -> None:
    options = HearingOptions(seed=3)
    assert without(options, WHOLE) == options
    assert without(options, "attention").network == replace(options.network, attention_window=1)
    assert without(options, "units").weights == replace(options.weights, units=0.0)
    assert not without(options, "units").drive
    assert without(options, "phones").phone_weight == without(options, "phones").pretraining_steps == 0
    assert len(without(options, "temporal").network.fusion_dilations) == len(options.network.fusion_dilations)
    with pytest.raises(ConfigurationError, match="Found 'ears' to leave out: choose among units, drive"):
        without(options, "ears")


def test_means_come_with_the_interval_of_their_seeds() -> None:
    table = summary({"whole": [{"r": 0.8}, {"r": 0.9}, {"r": 1.0}], "units": [{"r": 0.5}]})
    assert table["whole"]["r"]["mean"] == pytest.approx(0.9)
    assert table["whole"]["r"]["interval"] == pytest.approx(4.30 * 0.1 / 3**0.5)
    assert table["units"]["r"]["mean"] == 0.5
    assert table["units"]["r"]["interval"] != table["units"]["r"]["interval"]  # of one seed nothing is known
