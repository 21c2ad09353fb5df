"""Exports trained networks to ONNX with static shapes, for runtimes without torch; it knows no runtime."""

import tempfile
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from liveface.engine.checkpoint import Checkpoint
from liveface.engine.errors import ConfigurationError, OutputError
from liveface.engine.face.condition import CONDITION_SIZE
from liveface.engine.face.mouth import CROP_SIZE, IDENTITY_CHANNELS, INPUT_CHANNELS
from liveface.engine.hearing.features import HOPS_PER_FRAME, MEL_BINS
from liveface.engine.model.drawing import folded, load_drawing
from liveface.engine.model.generator import DirectDecoder, Drawing, MouthGenerator
from liveface.engine.model.identity_encoder import IdentityEncoder
from liveface.engine.model.motion_network import MotionNetwork

_OPSET = 17


class _Step(nn.Module):
    """One frame of the motion network with its state as plain inputs and outputs."""

    def __init__(self, network: MotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, mel: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        action_units, code, following = self.network.step(mel, state)
        return (action_units, code, *following)


def export_motion(network: MotionNetwork, path: Path) -> None:
    """Write one step of the motion network, for a batch of 1.

    Inputs: `mel` (1, 4, 80) and `state_<i>`, zeros at the start. Outputs: `action_units` (1, 7, units), `code`
    (1, 7, CODE_SIZE) and `next_<i>`, the state of the next step. Raises `OutputError` if the file cannot be written,
    `ConfigurationError` if the onnx package is missing.
    """
    step = _Step(network).eval()
    state = network.initial_state()
    mel = torch.zeros(1, HOPS_PER_FRAME, MEL_BINS)
    _write(
        step,
        (mel, *state),
        ["mel", *(f"state_{i}" for i in range(len(state)))],
        ["action_units", "code", *(f"next_{i}" for i in range(len(state)))],
        path,
    )


def export_drawing(identity: IdentityEncoder, generator: MouthGenerator | DirectDecoder, folder: Path) -> None:
    """Write identity.onnx and generator.onnx, for a batch of any size.

    Identity: `photo` (B, 4, 128, 160) to `fine`, `middle`, `coarse`. Generator: `inputs` (B, 8, 128, 160), `told`
    (B, CONDITION_SIZE) and those three maps to `change`, (B, 3, 128, 160). Errors as for `export_motion`.
    """
    width, height = CROP_SIZE
    photo = torch.zeros(1, IDENTITY_CHANNELS, height, width)
    prepared, drawer = folded(identity, generator)
    maps = prepared(photo)
    levels = ["fine", "middle", "coarse"]
    _write(prepared, (photo,), ["photo"], levels, folder / "identity.onnx")
    inputs = torch.zeros(1, INPUT_CHANNELS, height, width)
    told = torch.zeros(1, CONDITION_SIZE)
    _write(
        Drawing(drawer).eval(),
        (inputs, told, *maps),
        ["inputs", "told", *levels],
        ["change"],
        folder / "generator.onnx",
        any_batch=True,
    )


def _write(
    network: nn.Module,
    inputs: tuple[Tensor, ...],
    names: list[str],
    outputs: list[str],
    path: Path,
    any_batch: bool = False,
) -> None:
    """Export under a temporary name, then rename."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder, torch.no_grad(), warnings.catch_warnings():
            # It warns that this tracing exporter is old (the new one takes ten times as long for the same graph), and
            # that shapes become constants, which is wanted.
            warnings.simplefilter("ignore")
            file = Path(folder) / path.name
            torch.onnx.export(
                network,
                inputs,
                str(file),
                input_names=names,
                output_names=outputs,
                opset_version=_OPSET,
                dynamo=False,
                dynamic_axes={name: {0: "batch"} for name in [*names, *outputs]} if any_batch else None,
            )
            file.replace(path)
    except ImportError as error:
        raise ConfigurationError(f"Export needs the package {error.name}: install `liveface[train]`.") from error
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}): choose a writable folder.") from error


def export_model(model: Checkpoint, folder: Path) -> None:
    """Write motion.onnx, identity.onnx and generator.onnx of a complete model.

    Raises `CheckpointError` if a network is missing or of another size, otherwise as `export_motion`.
    """
    identity, generator = load_drawing(model)
    export_motion(MotionNetwork.from_checkpoint(model), folder / "motion.onnx")
    export_drawing(identity, generator, folder)
