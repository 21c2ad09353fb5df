"""What the engine's tests share: a real face, the face mesh networks, and an untrained model, each made once."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data

from liveface import assets
from liveface.engine.face.avatar import Avatar, prepare
from liveface.engine.face.condition import CONDITION_SIZE
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.face.mouth import CROP_SIZE, IDENTITY_CHANNELS, INPUT_CHANNELS
from tests.networks import wake


@pytest.fixture(scope="session")
def face_mesh() -> FaceMesh:
    return FaceMesh.load(Path(assets.__file__).parent / "models")


@pytest.fixture(scope="session")
def portrait(face_mesh: FaceMesh) -> Avatar:
    """A real face: scikit-image's picture of an astronaut who smiles with her mouth open."""
    return prepare(np.ascontiguousarray(skimage.data.astronaut()), face_mesh, "astronaut")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with default.safetensors, identity.onnx and generator.onnx of networks whose weights are random."""
    torch = pytest.importorskip("torch", reason="the train extra is not installed")
    pytest.importorskip("onnx", reason="the train extra is not installed")

    from liveface.engine import checkpoint
    from liveface.engine.export import export_drawing
    from liveface.engine.model.generator import MouthGenerator
    from liveface.engine.model.identity_encoder import IdentityEncoder

    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    networks = {"identity": IdentityEncoder(), "generator": MouthGenerator()}
    width, height = CROP_SIZE
    inputs, told = torch.rand(4, INPUT_CHANNELS, height, width), torch.randn(4, CONDITION_SIZE)
    photo = torch.rand(4, IDENTITY_CHANNELS, height, width)
    with torch.no_grad():
        for network in networks.values():
            for module in network.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.weight.uniform_(0.7, 1.3)
                    module.bias.normal_(0.0, 0.2)
        for _ in range(3):  # the networks learn the means and variances that make their outputs lively
            networks["generator"](inputs, told, networks["identity"](photo))
        wake(networks["generator"])
    tensors = {
        f"{name}.{key}": value.numpy()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    checkpoint.save(folder / "default.safetensors", tensors, {"generator": {"design": "warp"}}, {})
    export_drawing(networks["identity"], networks["generator"].eval(), folder)
    return folder
