"""Which painter the name of a back end stands for, and what draws instead where it cannot."""

import logging
from pathlib import Path
from typing import Literal

from liveface.engine import checkpoint
from liveface.engine.backends.painter import Painter
from liveface.engine.errors import BackendError

Backend = Literal["openvino", "torch", "torch-compile", "tensorrt"]

_LOG = logging.getLogger(__name__)


def load_painter(models: Path, threads: int = 2, backend: Backend = "openvino") -> Painter:
    """The networks in the folder `models` on a back end: OpenVINO with so many `threads` of the CPU, or a GPU.

    TensorRT that cannot be used gives way to torch, and that to OpenVINO, with one line in the log; the others are
    what was asked for or raise `BackendError`. Raises `CheckpointError` for weights that cannot be used.
    """
    match backend:
        case "openvino":
            from liveface.engine.backends.openvino import PaintNetworks

            return PaintNetworks(models / "identity.onnx", models / "generator.onnx", threads)
        case "tensorrt":
            return _tensorrt_or_next(models, threads)
        case _:
            return _torch(models, is_compiled=backend == "torch-compile")


def _torch(models: Path, is_compiled: bool) -> Painter:
    """`is_compiled`: with torch.compile in any case; otherwise only if that was measured to be faster."""
    try:
        from liveface.engine.backends.torch_cuda import TorchPainter, chosen_kernels, usable_device
    except ImportError as error:
        raise BackendError("The torch back end needs the package torch: install `liveface[train]`.") from error
    model = checkpoint.load(models / "default.safetensors")
    usable_device("cuda")
    return TorchPainter(model, kernels="compiled" if is_compiled else chosen_kernels(model) or "plain")


def _tensorrt_or_next(models: Path, threads: int) -> Painter:
    try:
        return _tensorrt(models)
    except BackendError as error:
        fault = str(error)
    try:
        painter = _torch(models, is_compiled=False)
        instead = "torch"
    except BackendError:
        painter = load_painter(models, threads)
        instead = "OpenVINO on the CPU"
    _LOG.warning("%s Drawing with %s instead.", fault, instead)
    return painter


def _tensorrt(models: Path) -> Painter:
    try:
        from liveface.engine.backends.tensorrt import TensorRTPainter
    except ImportError as error:
        raise BackendError(f"TensorRT needs the package {error.name}: install `liveface[tensorrt]`.") from error
    return TensorRTPainter(checkpoint.load(models / "default.safetensors"))
