"""The shipped model: one checkpoint, and networks exported from exactly its weights."""

import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from liveface.app.commands.evaluate import _hearing, _utterances
from liveface.app.files.media_files import read_audio
from liveface.app.session.pipeline import ASSETS, MODELS
from liveface.engine import checkpoint
from liveface.engine.backends.openvino import PaintNetworks, StepNetwork
from liveface.engine.backends.precision import REFERENCE
from liveface.engine.evaluate.phones import ALL, phone_scores
from liveface.engine.evaluate.run import in_parts
from liveface.engine.face import unit_basis
from liveface.engine.face.condition import CONDITION_SIZE
from liveface.engine.face.face_space import basis
from liveface.engine.face.mouth import CROP_SIZE, IDENTITY_CHANNELS, INPUT_CHANNELS
from liveface.engine.hearing.features import HOPS_PER_FRAME, MEL_BINS
from liveface.engine.hearing.streamer import LOOKAHEADS

SAMPLE = ASSETS / "audio" / "speech.wav"

pytest.importorskip("torch", reason="exporting needs torch: install liveface[train]")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The networks of the shipped checkpoint, exported anew."""
    from liveface.engine.export import export_model

    folder = tmp_path_factory.mktemp("exported")
    export_model(checkpoint.load(MODELS / "default.safetensors"), folder)
    return folder


def test_the_shipped_motion_network_has_the_weights_of_the_checkpoint(exported: Path) -> None:
    heard = []
    for folder in (MODELS, exported):
        network = StepNetwork(folder / "motion.onnx")
        state = network.initial_state()
        for mel in np.random.default_rng(1).normal(size=(3, HOPS_PER_FRAME, MEL_BINS)).astype(np.float32):
            units, code, state = network.step(mel, state)
        heard.append(np.concatenate([units.ravel(), code.ravel()]))
    assert np.isfinite(heard[0]).all()
    np.testing.assert_allclose(heard[0], heard[1], atol=1e-4)


def test_the_shipped_drawing_networks_have_the_weights_of_the_checkpoint(exported: Path) -> None:
    width, height = CROP_SIZE
    random = np.random.default_rng(0)
    photo = random.random((1, IDENTITY_CHANNELS, height, width), np.float32)
    inputs = random.random((1, INPUT_CHANNELS, height, width), np.float32)
    told = random.normal(size=(1, CONDITION_SIZE)).astype(np.float32)
    drawn = []
    for folder in (MODELS, exported):
        networks = PaintNetworks(folder / "identity.onnx", folder / "generator.onnx", arithmetic=REFERENCE)
        drawn.append(np.stack(networks.paint(inputs, told, networks.identify(photo))))
    np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-4)


def test_the_shipped_model_says_where_it_comes_from_and_is_small() -> None:
    model = checkpoint.load(MODELS / "default.safetensors")
    named = {name.partition(".")[0] for name in model.tensors}
    assert named == {"motion", "generator", "identity", "discriminator", "au_classifier", "sync"}
    assert named <= set(model.provenance)
    assert (MODELS / "default.safetensors").stat().st_size <= 20_000_000


def test_the_shipped_units_drive_the_shipped_mouth() -> None:
    matrix = checkpoint.load(MODELS / "default.safetensors").tensors["motion.unit_basis"]
    np.testing.assert_array_equal(matrix, unit_basis.shipped())
    motions = _hearing(MODELS)(read_audio(SAMPLE), 2)
    driven, rest = in_parts(motions, matrix)
    shapes = basis().gap_weights()
    gap = (driven + rest) @ shapes
    assert np.corrcoef(driven @ shapes, gap)[0, 1] > 0.9
    assert (rest @ shapes).std() < 0.4 * gap.std()
    unmoved = rest + driven.mean(axis=0)  # as if every unit kept its mean
    assert np.corrcoef(unmoved @ shapes, gap)[0, 1] < 0.8


def test_the_stated_quality_is_of_the_shipped_weights() -> None:
    stated = json.loads((MODELS / "quality.json").read_text(encoding="utf-8"))
    assert stated["weights_sha256"] == hashlib.sha256((MODELS / "default.safetensors").read_bytes()).hexdigest()
    assert set(stated["lookahead"]) == {str(ahead) for ahead in LOOKAHEADS}


def test_the_shipped_mouth_shuts_on_p_b_m_and_narrows_on_u(data_folder: Path) -> None:
    """Some utterances of each of six languages: the figures of docs/hearing.md, with room for so few."""
    table = phone_scores(_utterances(data_folder / "speech_tts", 6), partial(_hearing(MODELS), lookahead=2), basis())[
        ALL
    ]
    assert table["bilabial_shut"] > 0.85  # 0.41 before anybody taught it
    assert table["vowels_shut"] < 0.09
    assert table["labiodental_gap"] < 0.02
    assert table["rounding_contrast"] > 0.018
