"""The evaluate command on a small invented corpus, with untrained networks."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("matplotlib")

from app.commands.evaluate import evaluate
from engine import checkpoint
from engine.errors import ConfigurationError
from engine.export import export_motion
from engine.model.motion_network import MotionConfiguration, MotionNetwork
from tests.engine.evaluate.speakers import write_pack


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    network = MotionNetwork(MotionConfiguration(mel_channels=8, channels=16, unit_channels=4)).eval()
    export_motion(network, folder / "motion.onnx")
    configuration = {"motion": network.configuration.to_json()}
    checkpoint.save(folder / "default.safetensors", network.tensors(), configuration, {"motion": {"speakers": ["a"]}})
    return folder


def run(*arguments: str) -> str:
    program = typer.Typer()
    program.command()(evaluate)
    result = CliRunner().invoke(program, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_hearing_is_scored_for_seen_and_unseen_speakers_at_every_lookahead(models: Path, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack", {"a": 10, "b": 1}, with_pictures=False)
    out = tmp_path / "out"
    output = run("--corpus", str(pack), "--out", str(out), "--models", str(models), "--hearing-only", "--clips", "1")
    assert "sound-energy mouth" in output
    content = json.loads((out / "report.json").read_text())
    found = {(row["group"], row["system"], row["lookahead"]) for row in content["rows"]}
    for group in ("seen", "unseen"):
        assert {lookahead for g, system, lookahead in found if (g, system) == (group, "liveface")} == set(range(7))
        assert (group, "true motion", None) in found
    assert content["about"]["clips"] == {"seen": ["a/clip00"], "unseen": ["b/clip00"]}
    assert {"commit", "hardware", "model_sha256"} <= set(content["about"])
    assert set(content["silence"]) == {str(lookahead) for lookahead in range(7)}
    assert (out / "lookahead.png").is_file()


def test_without_a_corpus_or_a_clip_to_test_on_there_is_one_clear_error(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--corpus"):
        run("--out", str(tmp_path), "--models", str(models))
    pack = write_pack(tmp_path / "pack", {"a": 1}, with_pictures=False)
    with pytest.raises(ConfigurationError, match="--unseen"):
        run("--corpus", str(pack), "--out", str(tmp_path), "--models", str(models), "--hearing-only")
