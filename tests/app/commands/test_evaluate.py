"""The evaluate command on a small invented corpus, with untrained networks."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
from typer.testing import CliRunner

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("matplotlib")

from liveface.app.commands.evaluate import _hearing, _strangers, evaluate
from liveface.engine import checkpoint
from liveface.engine.backends.openvino import StepNetwork
from liveface.engine.errors import ConfigurationError
from liveface.engine.export import export_drawing, export_motion
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.model.au_classifier import ActionUnitClassifier
from liveface.engine.model.generator import MouthGenerator
from liveface.engine.model.identity_encoder import IdentityEncoder
from liveface.engine.model.motion_network import MotionConfiguration, MotionNetwork
from liveface.engine.model.sync_expert import SyncExpert
from tests.engine.evaluate.speakers import write_pack


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    network = MotionNetwork(MotionConfiguration(mel_channels=8, channels=16, unit_channels=4)).eval()
    export_motion(network, folder / "motion.onnx")
    export_drawing(IdentityEncoder().eval(), MouthGenerator().eval(), folder)
    tensors = network.tensors()
    for name, judge in (("au_classifier", ActionUnitClassifier()), ("sync", SyncExpert())):
        tensors |= {f"{name}.{key}": value.numpy() for key, value in judge.state_dict().items()}
    configuration = {"motion": network.configuration.to_json()}
    checkpoint.save(folder / "default.safetensors", tensors, configuration, {"motion": {"speakers": ["a"]}})
    return folder


def run(*arguments: str) -> str:
    program = typer.Typer()
    program.command()(evaluate)
    result = CliRunner().invoke(program, list(arguments), catch_exceptions=False, env={"LIVEFACE_DATA": None})
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


def test_the_network_runs_once_for_all_lookaheads_with_the_motions_of_a_plain_streamer(models: Path) -> None:
    pcm = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    hear = _hearing(models)
    for lookahead in (0, 6, 2):
        streamer = Streamer(StepNetwork(models / "motion.onnx"), lookahead)
        expected = streamer.feed(pcm) + streamer.flush()
        for one, other in zip(hear(pcm, lookahead), expected, strict=True):
            assert np.array_equal(one.code, other.code)
            assert np.array_equal(one.action_units, other.action_units)


def test_unseen_are_those_whom_no_network_knows_or_else_at_least_not_the_generator() -> None:
    trained = {"motion": {"a", "b"}, "generator": {"a"}}
    assert _strangers("", frozenset("abc"), trained) == {"c"}
    assert _strangers("", frozenset("ab"), trained) == {"b"}
    assert _strangers("x,y", frozenset("ab"), trained) == {"x", "y"}
    with pytest.raises(ConfigurationError, match="does not say"):
        _strangers("", frozenset("a"), {})


def test_a_speaker_called_unseen_whom_a_network_knows_is_reported(models: Path, tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack", {"a": 1}, with_pictures=False)
    out = tmp_path / "out"
    output = run("--corpus", str(pack), "--out", str(out), "--models", str(models), "--unseen", "a", "--hearing-only")
    assert "not unseen: the motion network was trained on a" in output
    about = json.loads((out / "report.json").read_text())["about"]
    assert about["unseen_but_trained_on"] == {"motion": ["a"]}


def test_a_quick_run_draws_at_the_default_lookahead_and_survives_faces_that_are_not_found(
    models: Path, tmp_path: Path
) -> None:
    pack = write_pack(tmp_path / "pack", {"b": 1})
    out = tmp_path / "out"
    output = run("--corpus", str(pack), "--out", str(out), "--models", str(models), "--unseen", "b", "--quick")
    assert "LSE-D" in output
    rows = [row for row in json.loads((out / "report.json").read_text())["rows"] if row["stage"] == "pictures"]
    assert {(row["system"], row["lookahead"]) for row in rows} >= {("true video", None), ("liveface", 2)}
    assert all(row["scores"]["psnr_face"] is None or row["scores"]["psnr_face"] > 10 for row in rows)
    assert (out / "sheet_b_clip00.png").is_file()


def test_speech_without_film_is_scored_by_its_phones(models: Path, tmp_path: Path) -> None:
    speech = tmp_path / "speech"
    speech.mkdir()
    (speech / "utterances.csv").write_text("file,speaker,language\na.wav,anna,en\nb.wav,ben,fr\n")
    rows = ["a.wav,0.0,0.2,SIL", "a.wav,0.2,0.3,P", "a.wav,0.3,0.5,UW", "b.wav,0.1,0.2,f", "b.wav,0.2,0.4,i"]
    (speech / "phones.csv").write_text("\n".join(["file,start_s,end_s,phone", *rows]) + "\n")
    for name in ("a.wav", "b.wav"):
        soundfile.write(speech / name, np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
    output = run("--phones", str(speech), "--out", str(tmp_path / "out"), "--models", str(models))
    assert "pbm shut" in output
    table = json.loads((tmp_path / "out" / "report.json").read_text())["phones"]
    assert set(table) == {"all", "en", "fr"}
    assert (table["en"]["bilabials"], table["all"]["bilabials"], table["fr"]["bilabials"]) == (1, 1, 0)
    assert table["fr"]["bilabial_shut"] is None
    assert table["fr"]["labiodental_gap"] is not None


def test_a_corpus_of_videos_is_prepared_first(models: Path, tmp_path: Path, data_folder: Path) -> None:
    pytest.importorskip("pocketsphinx")
    out = tmp_path / "out"
    arguments = ["--out", str(out), "--models", str(models), "--unseen", "uB-A", "--clips", "1", "--hearing-only"]
    run("--corpus", str(data_folder), *arguments)
    content = json.loads((out / "report.json").read_text())
    assert content["about"]["clips"]["seen"] == ["s1/bbaf2n"]
    assert {row["group"] for row in content["rows"]} == {"seen", "unseen"}
    still = next(row for row in content["rows"] if (row["group"], row["system"]) == ("seen", "static photo"))
    assert still["scores"]["landmark_distance"] > 0.5


def test_without_a_corpus_or_a_clip_to_test_on_there_is_one_clear_error(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--corpus"):
        run("--out", str(tmp_path), "--models", str(models))
    pack = write_pack(tmp_path / "pack", {"a": 1}, with_pictures=False)
    with pytest.raises(ConfigurationError, match="no clip to test on"):
        run("--corpus", str(pack), "--out", str(tmp_path), "--models", str(models), "--hearing-only")
