"""OpenVINO: compiles a network file for the CPU. The only file that imports the library."""

import hashlib
import math
import sys
from collections.abc import Callable
from copy import copy
from functools import cache, partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveface.engine.backends import precision
from liveface.engine.backends.precision import REFERENCE
from liveface.engine.errors import BackendError, CheckpointError

# Otherwise the library tells its makers over the network that it was imported, and leaves an identifier in the home
# directory. Without the package it is silent.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

Array = NDArray[np.float32]

_UNDER_WAY = 2  # batches of one size at a time

_CONVOLUTIONS = tuple(f"{group}Convolution{direction}" for group in ("", "Group") for direction in ("", "BackpropData"))
_PRODUCTS = ("MatMul",)


def compile_file(path: Path, threads: int = 1) -> Callable[[Array], tuple[Array, ...]]:
    """Compile a one-input network file (.tflite, .onnx, .xml) for the CPU, for one example at a time.

    Returns a function from the input array to a tuple of output arrays, which are copies.
    Raises `CheckpointError` if the file is missing or not a network.
    """
    request = _compile(path, threads, batch=1).create_infer_request()
    return lambda array: _infer(request, [array])


@cache
def _core() -> openvino.Core:
    """The library's one instance, kept until the program ends.

    Its CPU plug-in installs a stack for signal handlers and frees it with itself: after the end of the first of two
    instances, the next Ctrl-C was a segmentation fault.
    """
    return openvino.Core()


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: reinstall liveface, or restore its assets folder.")


def _compile(path: Path, threads: int, batch: int | None = None, hint: str = "f32") -> openvino.CompiledModel:
    """Compile for the CPU; `batch` sets the first size of every input, `hint` is the arithmetic to prefer."""
    _require_file(path)
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
            {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint},
        )
    except RuntimeError as error:
        raise BackendError(f"OpenVINO cannot compile {path.name} for this CPU: {error}") from error


class StepNetwork:
    """The exported motion network (see `engine.export`) for one stream; the state goes in and comes out as a value.

    Implements `engine.hearing.streamer.MotionNetwork`. Raises `CheckpointError` if the file is missing or no such
    network.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        compiled = _compile(path, threads)
        if compiled.inputs[0].get_any_name() != "mel":
            raise CheckpointError(f"{path} is not a motion network: restore it from the distribution.")
        self._shapes = [tuple(port.shape) for port in compiled.inputs[1:]]
        self._request = compiled.create_infer_request()

    def another(self) -> "StepNetwork":
        """The same network for another stream, in another thread: made at once, and the weights are shared."""
        another = copy(self)
        another._request = self._request.get_compiled_model().create_infer_request()
        return another

    def initial_state(self) -> tuple[Array, ...]:
        """The state before any sound."""
        return tuple(np.zeros(shape, np.float32) for shape in self._shapes)

    def step(self, mel: Array, state: tuple[Array, ...]) -> tuple[Array, Array, tuple[Array, ...]]:
        """Hear one frame, `mel` float32 (4, 80); returns action units (7, 7), code (7, 16) and the next state."""
        action_units, code, *following = _infer(self._request, [mel[None], *state])
        return action_units[0], code[0], tuple(following)


class PaintNetworks:
    """The exported drawing networks, an `engine.backends.painter.Painter`; compiled anew for each size of batch.

    The generator runs in the fastest arithmetic that this CPU has and that is exact enough: as trained, in bfloat16,
    or in 8-bit integers where `generator.int8.onnx` lies beside its file (see `engine.backends.precision`). The choice
    is measured once; `memory` is where it is kept, by default in the user's cache folder. `arithmetic` is used instead
    of a choice. Raises `CheckpointError` if a file is missing or not such a network, or if the two do not belong
    together, and `BackendError` for an arithmetic that is not to be had.
    """

    batch = 1  # a CPU gains little from more, and the next picture is begun while this one is painted

    def __init__(
        self,
        identity: Path,
        generator: Path,
        threads: int = 1,
        memory: Path | None = None,
        arithmetic: str | None = None,
    ) -> None:
        identity_network = _compile(identity, threads, batch=1)
        _require_inputs(identity_network, identity, ["photo"], "an identity encoder")
        self._identify = identity_network.create_infer_request()
        self._candidates = _candidates(generator)
        self._threads = threads
        if arithmetic is not None and arithmetic not in self._candidates:
            raise BackendError(f"{arithmetic} cannot be used here: choose {' or '.join(self._candidates)}.")
        self.precision = arithmetic or self._choose(identity, memory or precision.memory_file())
        chosen = self._compile_as(self.precision, batch=1)
        if [port.shape for port in identity_network.outputs] != [port.shape for port in chosen.inputs[2:]]:
            raise CheckpointError(f"{identity} and {generator} are of different models: restore both from one.")
        self._requests = {1: cycle([chosen.create_infer_request() for _ in range(_UNDER_WAY)])}

    def identify(self, photo: Array) -> tuple[Array, ...]:
        """Identity maps of one photo's mouth (1, 4, 128, 160)."""
        return _infer(self._identify, [photo])

    def begin(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
        """Start painting on threads of the library's own; see `engine.backends.painter.Painter`."""
        batch = len(inputs)
        if batch not in self._requests:
            compiled = self._compile_as(self.precision, batch)
            self._requests[batch] = cycle([compiled.create_infer_request() for _ in range(_UNDER_WAY)])
        request = next(self._requests[batch])
        _fill(request, [inputs, told, *identity])
        request.start_async()

        def finish() -> Array:
            request.wait()
            (change,) = _copied(request)
            return change

        return finish

    def paint(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Array:
        """The change of colours, (B, 3, 128, 160)."""
        return self.begin(inputs, told, identity)()

    def _compile_as(self, name: str, batch: int) -> openvino.CompiledModel:
        path, hint = self._candidates[name]
        compiled = _compile(path, self._threads, batch, hint)
        _require_inputs(compiled, path, ["inputs", "told", "fine", "middle", "coarse"], "a generator")
        return compiled

    def _choose(self, identity: Path, memory: Path) -> str:
        if len(self._candidates) == 1:
            return REFERENCE
        key = self._key(identity)
        found = precision.recall(memory, key, self._candidates)
        if found is None:
            photo, inputs, told = precision.probe()
            arrays = [inputs, told, *self.identify(photo)]
            requests = {name: self._compile_as(name, batch=1).create_infer_request() for name in self._candidates}
            reference = _infer(requests[REFERENCE], arrays)
            trials = {
                name: precision.measure(partial(_infer, run, arrays), reference) for name, run in requests.items()
            }
            found = precision.choose(trials)
            precision.remember(memory, key, found)
        return found

    def _key(self, identity: Path) -> str:
        """Everything that the measured choice depends on."""
        networks = hashlib.sha256()
        for path in (identity, *sorted({path for path, _ in self._candidates.values()})):
            _require_file(path)
            networks.update(hashlib.sha256(path.read_bytes()).digest())
        cpu = _core().get_property("CPU", "FULL_DEVICE_NAME")
        choices = "/".join(self._candidates)
        version = openvino.get_version()
        return f"{cpu}, OpenVINO {version}, {self._threads} threads, {choices}, {networks.hexdigest()[:16]}"


def _candidates(generator: Path) -> dict[str, tuple[Path, str]]:
    """File and OpenVINO's precision hint of each arithmetic that can be tried here, by name."""
    candidates = {REFERENCE: (generator, "f32")}
    if "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        candidates["bf16"] = (generator, "bf16")
    quantised = generator.with_suffix(".int8.onnx")
    if quantised.is_file():
        candidates["int8"] = (quantised, "f32")
    return candidates


def _infer(request: openvino.InferRequest, arrays: list[Array]) -> tuple[Array, ...]:
    """Run once; the outputs are copies, which the next run leaves alone."""
    _fill(request, arrays)
    request.infer()
    return _copied(request)


def _fill(request: openvino.InferRequest, arrays: list[Array]) -> None:
    """Copy the arrays into the request's own memory, which takes a third of the time of handing them to it."""
    for tensor, array in zip(request.input_tensors, arrays, strict=True):
        tensor.data[:] = array


def _copied(request: openvino.InferRequest) -> tuple[Array, ...]:
    return tuple(np.array(tensor.data) for tensor in request.output_tensors)


def _require_inputs(network: openvino.CompiledModel, path: Path, names: list[str], kind: str) -> None:
    if [port.get_any_name() for port in network.inputs] != names:
        raise CheckpointError(f"{path} is not {kind}: restore it from the distribution.")


def operations(path: Path) -> int:
    """Multiplications and additions of one run of an ONNX network on a batch of 1, in convolutions and products.

    Layers whose size the graph does not tell are left out, such as a blur that pads by what it computes.
    Raises `CheckpointError` if the file is missing or no network.
    """
    try:
        network = _core().read_model(str(path))
        network.reshape({port: [1, *list(port.partial_shape)[1:]] for port in network.inputs})
    except Exception as error:  # the library raises its own and bare ones
        raise CheckpointError(f"{path} is not a readable network file: restore it from the distribution.") from error
    return sum(2 * _multiplications(operation) for operation in network.get_ordered_ops())


def _multiplications(operation: Any) -> int:
    """Of a node of OpenVINO's graph, https://docs.openvino.ai/latest/documentation/openvino-ir-format/operation-sets."""
    kind = operation.get_type_name()
    if kind not in (*_CONVOLUTIONS, *_PRODUCTS):
        return 0
    ports = [operation.input(0), operation.input(1), operation.output(0)]
    if any(port.get_partial_shape().is_dynamic for port in ports):
        return 0
    source, weights, result = ([int(size) for size in port.get_shape()] for port in ports)
    if kind in _PRODUCTS:
        return math.prod(result) * source[-2 if operation.get_attributes()["transpose_a"] else -1]
    kernel = weights[2:] if kind.startswith("Group") else weights[1:]
    return math.prod(source if "Backprop" in kind else result) * math.prod(kernel)
