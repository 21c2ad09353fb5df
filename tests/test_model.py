"""The shipped model: one checkpoint, and networks exported from exactly its weights."""

from pathlib import Path

import numpy as np
import pytest

from liveface.app.session.pipeline import MODELS
from liveface.engine import checkpoint
from liveface.engine.backends.openvino import PaintNetworks, StepNetwork
from liveface.engine.backends.precision import REFERENCE
from liveface.engine.face.mouth import CROP_SIZE, IDENTITY_CHANNELS, INPUT_CHANNELS
from liveface.engine.hearing.features import HOPS_PER_FRAME, MEL_BINS

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
    code = random.normal(size=(1, 16)).astype(np.float32)
    drawn = []
    for folder in (MODELS, exported):
        networks = PaintNetworks(folder / "identity.onnx", folder / "generator.onnx", arithmetic=REFERENCE)
        drawn.append(np.stack(networks.paint(inputs, code, networks.identify(photo))))
    np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-4)


def test_the_shipped_model_says_where_it_comes_from_and_is_small() -> None:
    model = checkpoint.load(MODELS / "default.safetensors")
    named = {name.partition(".")[0] for name in model.tensors}
    assert named == {"motion", "generator", "identity", "discriminator", "au_classifier", "sync"}
    assert named <= set(model.provenance)
    assert (MODELS / "default.safetensors").stat().st_size <= 20_000_000
