"""OpenVINO: compiles a network file for the CPU. The only file that imports the library."""

from collections.abc import Callable
from functools import cache
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
    compiled = _compile(path, threads)
    request = compiled.create_infer_request()

    def run(array: Array) -> tuple[Array, ...]:
        request.infer([array])
        return tuple(np.array(request.get_output_tensor(i).data) for i in range(len(compiled.outputs)))

    return run


@cache
def _core() -> openvino.Core:
    """The library's one instance, kept until the program ends.

    Its CPU plug-in installs a stack for signal handlers and frees it with itself: after the end of the first of two
    instances, the next Ctrl-C was a segmentation fault.
    """
    return openvino.Core()


def _compile(path: Path, threads: int, batch: int | None = None) -> openvino.CompiledModel:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: reinstall liveface, or restore its assets folder.")
    core = _core()
    try:
        network = core.read_model(str(path))
    except RuntimeError as error:
        raise CheckpointError(f"{path} is not a readable network file: restore it from the distribution.") from error
    if batch is not None:
        network.reshape({port: [batch, *list(port.partial_shape)[1:]] for port in network.inputs})
    try:
        return core.compile_model(
            network,
            "CPU",
            {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"},
        )
    except RuntimeError as error:
        raise BackendError(f"OpenVINO cannot compile {path.name} for this CPU: {error}") from error


class StepNetwork:
    """The exported motion network (see `engine.export`) for one stream; the state goes in and comes out as a value.

    Implements `engine.streamer.MotionNetwork`. Raises `CheckpointError` if the file is missing or not such a network.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        compiled = _compile(path, threads)
        if [port.get_any_name() for port in compiled.inputs][:1] != ["mel"]:
            raise CheckpointError(f"{path} is not a motion network: restore it from the distribution.")
        self._shapes = [tuple(port.shape) for port in compiled.inputs[1:]]
        self._request = compiled.create_infer_request()

    def initial_state(self) -> tuple[Array, ...]:
        """The state before any sound."""
        return tuple(np.zeros(shape, np.float32) for shape in self._shapes)

    def step(self, mel: Array, state: tuple[Array, ...]) -> tuple[Array, Array, tuple[Array, ...]]:
        """Hear one frame, `mel` float32 (4, 80); returns action units (7, 7), code (7, 16) and the next state."""
        self._request.infer([mel[None], *state])
        action_units, code, *following = (np.array(tensor.data) for tensor in self._request.output_tensors)
        return action_units[0], code[0], tuple(following)


class PaintNetworks:
    """The exported drawing networks. Implements `engine.renderer.Painter`; compiled anew for each size of batch.

    Raises `CheckpointError` if a file is missing or not such a network.
    """

    def __init__(self, identity: Path, generator: Path, threads: int = 1) -> None:
        self._identify = compile_file(identity, threads)
        self._generator = generator
        self._threads = threads
        self._requests: dict[int, openvino.InferRequest] = {}
        self._request(1)

    def identify(self, photo: Array) -> tuple[Array, ...]:
        """Identity maps of one photo's mouth (1, 4, 96, 128)."""
        return self._identify(photo)

    def paint(self, inputs: Array, code: Array, identity: tuple[Array, ...]) -> tuple[Array, Array]:
        """Picture and colour change, (B, 3, 96, 128) each; see `engine.renderer.Painter`."""
        request = self._request(len(inputs))
        request.infer([inputs, code, *identity])
        picture, change = (np.array(tensor.data) for tensor in request.output_tensors)
        return picture, change

    def _request(self, batch: int) -> openvino.InferRequest:
        if batch not in self._requests:
            self._requests[batch] = _compile(self._generator, self._threads, batch).create_infer_request()
        return self._requests[batch]
