"""The training commands, end to end on tiny corpora."""

import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")

from liveface.app.commands import train
from liveface.engine import checkpoint
from liveface.engine.errors import MediaError
from liveface.engine.face import action_units, face_space, unit_basis
from liveface.engine.media import HOP
from liveface.engine.model.au_classifier import ActionUnitClassifier
from liveface.engine.train.picture_dataset import labelled_crops
from liveface.engine.train.prepare import label

FRAMES = 60


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of two drawn speakers, whose dark mouths are as open as their noise is loud."""
    folder = tmp_path_factory.mktemp("pack")
    opening_code = np.eye(face_space.CODE_SIZE, dtype=np.float32)[0] * np.sign(face_space.basis().gap_weights()[0])
    for seed, name in enumerate(["one/a", "one/b", "two/c"]):
        random = np.random.default_rng(seed)
        openness = np.clip(np.convolve(random.uniform(-1, 3, FRAMES + 4), np.ones(5) / 5, "valid"), 0, None)
        shape = face_space.template() + face_space.basis().decode(openness[:, None].astype(np.float32) * opening_code)
        points = (shape * 40 + [80, 60, 0]).astype(np.float32)
        code, units, gap = label(points)
        pictures = np.full((FRAMES, 150, 160, 3), 150, np.uint8)
        for picture, (x, y), half in zip(pictures, points[:, 13, :2].round().astype(int), gap * 40, strict=True):
            picture[y : y + 1 + round(float(half)), x - 12 : x + 12] = 30
        loudness = np.interp(np.arange(FRAMES * HOP), np.arange(FRAMES) * HOP + HOP / 2, openness)
        audio = (random.standard_normal(FRAMES * HOP) * loudness * 0.05).astype(np.float32)
        phones = np.repeat(np.where(openness > 0.5, 5, 0), 4).astype(np.int8)
        file = folder / f"{name}.npz"
        file.parent.mkdir(exist_ok=True)
        np.savez(
            file,
            audio=audio,
            points=points,
            valid=np.ones(FRAMES, bool),
            code=code,
            action_units=units,
            gap=gap,
            phones=phones,
        )
        np.save(file.with_suffix(".frames.npy"), pictures)
    basis = face_space.basis()
    np.savez(folder / "basis.npz", **{field: getattr(basis, field) for field in basis.__slots__})
    (folder / "pack.json").write_text(
        '{"version": 1, "source": "drawn", "licence": "none", "speakers": ["one", "two"]}'
    )
    return folder


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[float]]:
    """What the progress bar was told, by loss."""
    told: dict[str, list[float]] = {}

    def remember(step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            told.setdefault(name, []).append(value)

    monkeypatch.setattr(train, "_shown", lambda *arguments: remember)
    return told


def run(*arguments: object) -> str:
    result = CliRunner().invoke(train.train, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_classifier_learns_and_is_kept_with_its_provenance(
    pack: Path, tmp_path: Path, losses: dict[str, list[float]]
):
    out = tmp_path / "classifier.safetensors"
    assert str(out) in run("au-classifier", "--pack", pack, "--out", out, "--steps", 8, "--device", "cpu")
    assert losses["au_classifier"][-1] < losses["au_classifier"][0]
    kept = checkpoint.load(out)
    assert kept.part("au_classifier")["head.weight"].shape[0] == len(action_units.ACTION_UNITS)
    assert kept.provenance["au_classifier"]["data"]["source"] == "drawn"
    assert list(tmp_path.iterdir()) == [out]


def test_the_sync_expert_learns(pack: Path, tmp_path: Path, losses: dict[str, list[float]]):
    out = tmp_path / "sync.safetensors"
    run("sync", "--pack", pack, "--out", out, "--steps", 8, "--device", "cpu")
    assert losses["sync"][-1] < losses["sync"][0]
    assert checkpoint.load(out).part("sync")


def test_the_motion_network_learns(pack: Path, tmp_path: Path, losses: dict[str, list[float]]):
    run("motion", "--pack", pack, "--out", tmp_path, "--steps", 8, "--versions", 1)
    assert losses["motion"][-1] < losses["motion"][0]
    assert checkpoint.load(tmp_path / "motion.safetensors").part("motion")


def test_a_basis_of_units_is_fitted_to_people_who_are_not_left_out(pack: Path, tmp_path: Path):
    lively, out = tmp_path / "pack", tmp_path / "basis.npz"
    for file in pack.glob("*/*.npz"):
        with np.load(file) as clip:
            shown = dict(clip) | {"code": np.random.default_rng(0).normal(size=clip["code"].shape).astype(np.float32)}
        (lively / file.parent.name).mkdir(parents=True, exist_ok=True)
        np.savez(lively / file.relative_to(pack), **shown)
    assert "lips' motion of 1 people" in run("basis", "--pack", lively, "--out", out, "--leave-out", "two")
    with np.load(out) as kept:
        assert kept["people"].tolist() == ["one"]
    run("motion", "--pack", pack, "--out", tmp_path, "--steps", 2, "--versions", 1, "--unit-basis", out)
    stored = checkpoint.load(tmp_path / "motion.safetensors").part("motion")["unit_basis"]
    np.testing.assert_array_equal(stored, unit_basis.load(out))


def test_the_generator_learns_under_the_eye_of_the_classifier(
    pack: Path, tmp_path: Path, losses: dict[str, list[float]]
):
    judge, out = tmp_path / "judge.safetensors", tmp_path / "generator.safetensors"
    weights = {f"au_classifier.{name}": v.numpy() for name, v in ActionUnitClassifier().state_dict().items()}
    checkpoint.save(judge, weights, {}, {})
    arguments = ["--pack", pack, "--out", out, "--au-classifier", judge, "--device", "cpu", "--leave-out", "two"]
    run("generator", *arguments, "--examples", 12, "--steps", 6, "--batch", 2)
    assert np.isfinite(losses["painter"]).all()
    assert np.isfinite(losses["discriminator"]).all()
    kept = checkpoint.load(out)
    assert kept.configuration == {"generator": {"design": "warp"}}
    assert kept.provenance["generator"]["data"] == {"source": "drawn", "licence": "none", "speakers": ["one"]}
    assert all(kept.part(name) for name in ("identity", "generator", "discriminator"))
    assert sorted(tmp_path.iterdir()) == [out, judge]


def test_an_interrupted_training_is_continued_by_the_same_command(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out, state = tmp_path / "sync.safetensors", tmp_path / "sync.training.safetensors"
    steps: list[int] = []

    def interrupt_once(step: int, losses: dict[str, float]) -> None:
        steps.append(step)
        if steps == [1]:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train, "_shown", lambda *arguments: interrupt_once)
    with pytest.raises(KeyboardInterrupt):
        train.sync(pack, out, steps=4, device="cpu")
    assert state.is_file()
    assert not out.exists()
    train.sync(pack, out, steps=4, device="cpu")
    assert steps == [1, 4]
    assert out.is_file()
    assert not state.exists()


def test_a_corpus_is_prepared_and_what_is_left_out_is_said(tmp_path: Path, data_folder: Path):
    corpus = tmp_path / "corpus"
    (corpus / "s1").mkdir(parents=True)
    (corpus / "s1/bbaf2n.mpg").symlink_to((data_folder / "grid_original/s1/bbaf2n.mpg").resolve())
    (corpus / "s1/lgiz0s.mpg").write_bytes(b"no video at all")
    output = run(
        "prepare", "--corpus", corpus, "--out", tmp_path / "pack", "--source", "GRID", "--licence", "CC BY 4.0"
    )
    assert "left out s1/lgiz0s: lgiz0s.mpg is broken" in output
    assert "1 clips of 1 speakers, 1 left out" in output
    with np.load(tmp_path / "pack/s1/bbaf2n.npz") as clip:
        assert (clip["phones"] >= 0).mean() > 0.8
    (crops,) = labelled_crops(tmp_path / "pack")
    assert len(crops.crops) == 75


def test_unfilmed_speech_comes_with_its_phones(tmp_path: Path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(0).integers(-900, 900, 16_000, np.int16).tobytes())
    (tmp_path / "utterances.csv").write_text("file,speaker\na.wav,ann\nb.wav,ben\n")
    (tmp_path / "phones.csv").write_text("file,start_s,end_s,phone\na.wav,0.1,0.2,SIL\n")
    (recording,) = train.unfilmed_speech(tmp_path)
    assert (recording.speaker, recording.phones.shape, len(recording.pcm)) == ("ann", (100,), 16_000)
    assert (recording.phones >= 0).sum() == 10
    (tmp_path / "utterances.csv").unlink()
    with pytest.raises(MediaError, match=r"utterances.csv does not exist"):
        train.unfilmed_speech(tmp_path)


def test_without_torch_one_sentence_names_the_extra(tmp_path: Path):
    program = "import sys; sys.modules['torch'] = None; from liveface.app import cli; cli.main()"
    arguments = ["train", "au-classifier", "--pack", str(tmp_path), "--out", str(tmp_path / "a.safetensors")]
    result = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "liveface[train]" in result.stderr


def test_a_folder_that_is_no_pack_is_one_clear_error(tmp_path: Path):
    with pytest.raises(MediaError, match="liveface train prepare --pictures"):
        train.au_classifier(tmp_path, tmp_path / "a.safetensors", device="cpu")
