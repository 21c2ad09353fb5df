"""OpenVINO: compiles a network file for the CPU. The only file that imports the library."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from engine.errors import BackendError, CheckpointError

Array = NDArray[np.float32]


def compile_file(path: Path, threads: int = 1) -> Callable[[Array], tuple[Array, ...]]:
    """Compile a one-input network file (.tflite, .onnx, .xml) for the CPU.

    Returns a function from the input array to a tuple of output arrays, which are copies.
    Raises `CheckpointError` if the file is missing or not a network.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: reinstall liveface, or restore its assets folder.")
    core = openvino.Core()
    try:
        network = core.read_model(str(path))
    except RuntimeError as error:
        raise CheckpointError(f"{path} is not a readable network file: restore it from the distribution.") from error
    try:
        compiled = core.compile_model(
            network, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        )
    except RuntimeError as error:
        raise BackendError(f"OpenVINO cannot compile {path.name} for this CPU: {error}") from error
    request = compiled.create_infer_request()

    def run(array: Array) -> tuple[Array, ...]:
        request.infer([array])
        return tuple(np.array(request.get_output_tensor(i).data) for i in range(len(compiled.outputs)))

    return run
