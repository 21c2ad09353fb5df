"""The ablation, end to end on a tiny corpus: each variant is trained and measured, and done only once."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("onnx")

from liveface.app.commands import train
from liveface.engine.errors import ConfigurationError
from tests.engine.evaluate.speakers import write_pack


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """A second of noise that is said to be a p and an a."""
    folder = tmp_path / "speech"
    folder.mkdir()
    sound = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    soundfile.write(folder / "one.wav", sound, 16000)
    tables = {
        "utterances.csv": [["file", "speaker", "language"], ["one.wav", "voice", "en"]],
        "phones.csv": [["file", "start_s", "end_s", "phone"], ["one.wav", 0.2, 0.3, "P"], ["one.wav", 0.3, 0.8, "AA"]],
    }
    for name, rows in tables.items():
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(train.train, ["ablate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_each_variant_is_trained_and_measured_once(tmp_path: Path, speech: Path) -> None:
    pack = write_pack(tmp_path / "pack", {"a": 2, "b": 1}, with_pictures=False)
    lines = [f"a,clip0{number},,A" for number in range(2)] + ["b,clip00,,B"]
    (pack / "split.csv").write_text("speaker,clip,split,fold\n" + "\n".join(lines) + "\n")
    out = tmp_path / "out"
    arguments = ["--pack", pack, "--fold", "A", "--phones", speech, "--out", out, "--steps", 2, "--without", "drive"]
    assert "without" in run(*arguments, "--seeds", 1)
    first = json.loads((out / "ablation.json").read_text())
    assert first["about"]["fold"] == "A"
    assert {variant: len(runs) for variant, runs in first["runs"].items()} == {"whole": 1, "drive": 1}
    run(*arguments, "--seeds", 2)
    second = json.loads((out / "ablation.json").read_text())
    assert {variant: len(runs) for variant, runs in second["runs"].items()} == {"whole": 2, "drive": 2}
    assert second["runs"]["whole"][0]["r"] == first["runs"]["whole"][0]["r"]
    assert second["summary"]["drive"]["pbm shut"]["mean"] in (0.0, 0.5, 1.0)


def test_a_part_that_is_none_is_refused_before_anything_is_trained(tmp_path: Path, speech: Path) -> None:
    pack = write_pack(tmp_path / "pack", {"a": 1, "b": 1}, with_pictures=False)
    (pack / "split.csv").write_text("speaker,clip,split,fold\na,clip00,,A\nb,clip00,,B\n")
    with pytest.raises(ConfigurationError, match="Found 'ears' to leave out"):
        run("--pack", pack, "--fold", "A", "--phones", speech, "--out", tmp_path / "out", "--without", "ears")
    assert not (tmp_path / "out").exists()
