"""Tests of the export: the exported networks equal the trained ones."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from liveface.engine.backends.openvino import PaintNetworks, StepNetwork  # noqa: E402
from liveface.engine.backends.precision import REFERENCE  # noqa: E402
from liveface.engine.errors import CheckpointError, OutputError  # noqa: E402
from liveface.engine.export import export_drawing, export_motion  # noqa: E402
from liveface.engine.face.condition import CONDITION_SIZE  # noqa: E402
from liveface.engine.hearing.features import MEL_BINS  # noqa: E402
from liveface.engine.model.generator import DirectDecoder, Drawing, MouthGenerator  # noqa: E402
from liveface.engine.model.identity_encoder import IdentityEncoder  # noqa: E402
from liveface.engine.model.motion_network import MotionConfiguration, MotionNetwork  # noqa: E402


def test_the_exported_step_equals_the_network_on_a_whole_recording(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MotionNetwork(MotionConfiguration(mel_channels=16, channels=32, unit_channels=8)).eval()
    path = tmp_path / "motion.onnx"
    export_motion(network, path)
    assert [file.name for file in tmp_path.iterdir()] == ["motion.onnx"]
    exported = StepNetwork(path)
    mel = np.random.default_rng(0).normal(-7, 4, (4 * 40, MEL_BINS)).astype(np.float32)
    with torch.no_grad():
        action_units, code, _ = (output[0].numpy() for output in network(torch.from_numpy(mel)[None]))
    state = exported.initial_state()
    for frame in range(40):
        stepped_units, stepped_code, state = exported.step(mel[4 * frame : 4 * frame + 4], state)
        np.testing.assert_allclose(stepped_units, action_units[frame], atol=1e-4)
        np.testing.assert_allclose(stepped_code, code[frame], atol=1e-4)


def test_a_state_can_be_kept_and_used_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = tmp_path / "motion.onnx"
    export_motion(MotionNetwork(MotionConfiguration(mel_channels=16, channels=32, unit_channels=8)).eval(), path)
    exported = StepNetwork(path)
    mel = np.random.default_rng(0).normal(-7, 4, (4, MEL_BINS)).astype(np.float32)
    _, _, state = exported.step(mel, exported.initial_state())
    first = exported.step(mel, state)[1]
    exported.step(mel + 1, state)
    np.testing.assert_array_equal(exported.step(mel, state)[1], first)


def test_another_network_is_refused() -> None:
    face_mesh = Path(__file__).parents[2] / "assets" / "models" / "face_landmark.tflite"
    with pytest.raises(CheckpointError, match="not a motion network"):
        StepNetwork(face_mesh)


@pytest.mark.parametrize("design", [MouthGenerator, DirectDecoder])
def test_the_exported_drawing_equals_the_networks_for_batches_of_any_size(tmp_path: Path, design: type) -> None:
    torch.manual_seed(0)
    identity, generator = IdentityEncoder().eval(), design().eval()
    with torch.no_grad():
        for name, value in generator.named_parameters():
            if name.startswith(("change", "told")):  # which start at nothing
                value.normal_(0.0, 0.3)
    export_drawing(identity, generator, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["generator.onnx", "identity.onnx"]
    exported = PaintNetworks(tmp_path / "identity.onnx", tmp_path / "generator.onnx", threads=1, arithmetic=REFERENCE)
    drawing = Drawing(generator).eval()
    for count in (1, 3):
        photo, inputs = torch.rand(1, 4, 128, 160), torch.rand(count, 8, 128, 160)
        told = torch.randn(count, CONDITION_SIZE)
        with torch.no_grad():
            maps = [level.expand(count, -1, -1, -1) for level in identity(photo)]
            change = drawing(inputs, told, *maps)[0].numpy()
        identified = tuple(np.repeat(level, count, axis=0) for level in exported.identify(photo.numpy()))
        assert change.std() > 0.01
        np.testing.assert_allclose(exported.paint(inputs.numpy(), told.numpy(), identified), change, atol=1e-4)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="choose a writable folder"):
        export_drawing(IdentityEncoder(), MouthGenerator(), tmp_path / "taken")
