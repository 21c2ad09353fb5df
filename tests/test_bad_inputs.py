"""A share of the inputs of scripts/feed_bad_inputs.py: each ends in success or one clear error, and nothing is lost."""

import json
from pathlib import Path

import pytest

from liveface.app.desktop.preferences import PreferencesFile
from liveface.app.server.settings import combined
from liveface.engine import checkpoint
from liveface.engine.errors import CheckpointError, ConfigurationError, MediaError
from liveface.engine.face.avatar import Avatar
from scripts.feed_bad_inputs import COUNTS, Fault, check_told, damaged, feed, kept, outcome_of

SHARE = 0.1
DEEP = "[" * 100_000


def test_a_share_of_damaged_inputs_over_all_doors_is_used_or_refused_clearly() -> None:
    tally = feed(seed=20, share=SHARE)
    assert not tally.faults
    assert tally.inputs > 90
    assert tally.used > 10
    assert tally.refused > 50
    assert len(tally.codes) > 10


def test_the_whole_is_about_a_thousand() -> None:
    assert 950 < sum(COUNTS.values()) < 1100


@pytest.mark.parametrize("fault", [ZeroDivisionError("mine"), SystemExit(1), UserWarning("odd")])
def test_what_no_input_may_cause_is_a_fault(fault: BaseException) -> None:
    def use() -> None:
        raise fault

    with pytest.raises(Fault, match="traceback"):
        outcome_of(use)


@pytest.mark.parametrize("text", ["", "two\nlines.", "x" * 1000 + ".", "no end"])
def test_an_error_must_be_clear(text: str) -> None:
    with pytest.raises(Fault, match="unclear"):
        check_told(text)


def test_a_file_must_stay_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with pytest.raises(Fault, match="lost file"), kept(tmp_path):
        (tmp_path / "a").unlink()


def test_the_same_seed_makes_the_same_damage() -> None:
    from random import Random

    content = bytes(range(256)) * 40
    assert damaged(Random("7"), content) == damaged(Random("7"), content) != content


def test_nesting_without_end_is_refused_wherever_json_or_toml_is_read(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "preferences.json").write_text(DEEP)
    PreferencesFile(tmp_path / "preferences.json").load(told.append)
    assert len(told) == 1
    (tmp_path / "serve.toml").write_text(f"stun = {DEEP}")
    with pytest.raises(ConfigurationError, match="cannot be read as TOML"):
        combined(tmp_path / "serve.toml", {}, {})
    (tmp_path / "avatar.json").write_text(DEEP)
    with pytest.raises(MediaError, match="damaged"):
        Avatar.load(tmp_path)


@pytest.mark.parametrize("configuration", [DEEP, "[]", "null", "5"])
def test_a_checkpoint_whose_description_is_no_object_is_refused(tmp_path: Path, configuration: str) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    metadata = {"liveface": checkpoint.FORMAT, "configuration": configuration, "provenance": json.dumps({})}
    save_file({"motion.a": np.zeros(1, np.float32)}, tmp_path / "a.safetensors", metadata)
    with pytest.raises(CheckpointError, match="damaged description"):
        checkpoint.load(tmp_path / "a.safetensors")
