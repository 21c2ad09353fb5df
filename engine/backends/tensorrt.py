"""TensorRT on an NVIDIA GPU through torch-tensorrt: engines for any batch up to 64, built once and kept.

It has not run on hardware yet. What could run on a CPU has: the export for any batch, the calibration of 8-bit integers
by modelopt, and the library's own plan without a build ("dry run"), which is one engine for the whole network. Tests
use a stand-in for the few calls of the library, and the real thing for everything around them.
"""

import io
import logging
import tempfile
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from liveface.engine.backends import engine_cache, precision
from liveface.engine.backends.calibration import Crops
from liveface.engine.backends.lanes import Lanes, new_stream
from liveface.engine.backends.painter import Painter
from liveface.engine.backends.torch_cuda import (
    SHAPES,
    TorchPainter,
    begin,
    fingerprint,
    fused_drawing,
    gpu_identity,
    identity_maps,
    measure,
)
from liveface.engine.checkpoint import Checkpoint
from liveface.engine.errors import BackendError, OutputError
from liveface.engine.model.drawing import load_drawing

Array = NDArray[np.float32]
Precision = Literal["fp16", "int8"]

PRECISIONS: tuple[Precision, ...] = ("fp16", "int8")
SMALLEST, USUAL, LARGEST = 1, 8, 64  # batch that an engine accepts, and for which it is made best
_CALIBRATION_BATCH = 16
# TensorRT refuses a scale of zero, which a channel that is never used would have.
_SMALLEST_RANGE = 1e-4
_RECIPE = "1"  # raised when other engines are built of the same network
_LOG = logging.getLogger(__name__)


class TensorRTPainter:
    """Implements `engine.backends.painter.Painter` with a checkpoint's generator as a TensorRT engine.

    Pictures differ from those in single precision by 2/255 in the mean at most. An engine that is missing, stale or
    broken is built first, and one line says so; one in 8-bit integers cannot be, because that needs real mouths.
    Raises `BackendError` without the libraries or a GPU, `CheckpointError` for unfit weights.
    """

    batch = LARGEST

    def __init__(
        self, model: Checkpoint, kind: Precision | None = None, device: str = "cuda", folder: Path | None = None
    ) -> None:
        """`kind`: None is the one that was measured to be best here, see `remember`; `folder`: of the engines."""
        library = load_library()
        self._device = require_gpu(device)
        encoder, _ = load_drawing(model)
        self._identity = encoder.to(self._device)
        self.precision: Precision = kind or recall(model, device) or "fp16"
        drawing = self._drawing(library, model, folder or engine_folder())
        # An engine computes one batch at a time: both lanes share a stream, which keeps their order.
        shared = new_stream(self._device)
        self._lanes = Lanes(
            drawing, list(SHAPES.values()), [LARGEST], self._device, is_recorded=False, make_stream=lambda _: shared
        )
        self._lanes.prepare(LARGEST)

    def _drawing(self, library: ModuleType, model: Checkpoint, folder: Path) -> Callable[..., tuple[Tensor, ...]]:
        file, found = kept(model, self.precision, self._device, folder)
        if found.engine is not None:
            try:
                return _loaded(library, found.engine)
            # Whatever the library finds wrong with it, the remedy is the same.
            except Exception as error:
                found = engine_cache.Found(None, f"cannot be loaded ({_first_line(error)})")
        if self.precision == "int8":
            raise BackendError(f"The TensorRT engine {file} {found.fault}: run `liveface compile --backend tensorrt`.")
        _LOG.warning("The TensorRT engine %s %s: building it, which takes some minutes.", file, found.fault)
        engine = build(model, self.precision, self._device)
        try:
            engine_cache.write(file, engine_key(model, self.precision, self._device), engine)
        except OutputError as error:
            _LOG.warning("%s", error)
        return _loaded(library, engine)

    def identify(self, photo: Array) -> tuple[Array, ...]:
        """Identity maps of one photo's mouth (1, 4, 128, 160)."""
        return identity_maps(self._identity, photo, self._device)

    def begin(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
        """Begin to paint; see `engine.backends.painter.Painter`."""
        return begin(self._lanes, inputs, told, identity)


def load_library() -> ModuleType:
    """torch-tensorrt; raises `BackendError` with the reason where it cannot be used."""
    # Its hints are for its developers, and what goes wrong it prints before it raises.
    logging.getLogger("torch_tensorrt").setLevel(logging.ERROR)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            import torch_tensorrt
    except ModuleNotFoundError as error:
        raise BackendError(f"TensorRT needs the package {error.name}: install `liveface[tensorrt]`.") from error
    # It raises a bare Exception where a library of NVIDIA's is missing.
    except Exception as error:
        raise BackendError(
            f"TensorRT cannot be used ({_first_line(error)}): install `liveface[tensorrt]` and an NVIDIA driver for it."
        ) from error
    library: ModuleType = torch_tensorrt
    return library


def require_gpu(name: str) -> torch.device:
    """The device of that name, with its number; raises `BackendError` if it is a GPU that cannot be used."""
    device = torch.device(name)
    if device.type != "cuda":
        return device
    if not torch.cuda.is_available():
        raise BackendError("TensorRT needs an NVIDIA GPU, and none is usable here: install an NVIDIA driver.")
    # The library takes the number for granted.
    return torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)


def kept(
    model: Checkpoint, kind: Precision, device: torch.device, folder: Path | None = None
) -> tuple[Path, engine_cache.Found]:
    """The file of an engine, and what it holds."""
    key = engine_key(model, kind, device)
    file = engine_cache.engine_file(folder or engine_folder(), kind, key)
    return file, engine_cache.read(file, key)


def engine_folder() -> Path:
    """Where engines are kept for this user."""
    return precision.memory_file().parent / "tensorrt"


def engine_key(model: Checkpoint, kind: Precision, device: torch.device) -> dict[str, str]:
    """Everything that an engine is made for: name and value."""
    library = load_library()  # which arranges what the next line finds
    import tensorrt

    return {
        **gpu_identity(device),
        "torch-tensorrt": library.__version__,
        "TensorRT": tensorrt.__version__,
        "precision": kind,
        "batch": f"{SMALLEST} to {LARGEST}, best {USUAL}",
        "recipe": _RECIPE,
        "network": fingerprint(model),
    }


def build(model: Checkpoint, kind: Precision, device: torch.device, crops: "Crops | None" = None) -> bytes:
    """Build the engine of a checkpoint's generator; minutes. 8-bit integers need `crops`.

    Raises `BackendError` where the library refuses the network, `CheckpointError` for unfit weights.
    """
    library = load_library()
    network, examples = prepared(model, kind, device, crops)
    profile = [
        library.Input(
            min_shape=(SMALLEST, *shape),
            opt_shape=(USUAL, *shape),
            max_shape=(LARGEST, *shape),
            dtype=torch.float32,
            name=name,
        )
        for name, shape in SHAPES.items()
    ]
    try:
        with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
            compiled = library.dynamo.compile(
                export(network, examples, kind),
                arg_inputs=profile,
                device=device,
                min_block_size=1,
                # Left where an interruption cannot leave half of it.
                timing_cache_path=str(Path(folder) / "timing.cache"),
            )
            file = Path(folder) / "drawing.ep"
            library.save(compiled, str(file), arg_inputs=list(examples), dynamic_shapes=_dynamic_shapes())
            return file.read_bytes()
    # The compiler fails in ways of its own.
    except Exception as error:
        raise BackendError(f"TensorRT cannot build the {kind} engine: {_first_line(error)}") from error


def prepared(
    model: Checkpoint, kind: Precision, device: torch.device, crops: "Crops | None" = None
) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The network as an engine shall compute it, and a batch of its inputs. Networks in TensorRT are strongly typed:
    half precision stands in the network itself, and 8-bit integers by their scales, measured on `crops`.
    """
    encoder, generator = load_drawing(model)
    encoder = encoder.to(device)
    network = fused_drawing(generator, torch.float16).to(device)
    if kind == "int8":
        assert crops is not None, "8-bit integers are calibrated on real mouths"
        _quantise(
            network, [_batch(encoder, crops, start, device) for start in range(0, len(crops), _CALIBRATION_BATCH)]
        )
    zeros = torch.zeros
    return network, tuple(zeros((USUAL, *shape), device=device) for shape in SHAPES.values())


def export(network: nn.Module, examples: tuple[Tensor, ...], kind: Precision) -> torch.export.ExportedProgram:
    """The network as a graph for batches of any size that an engine accepts."""
    if kind == "int8":
        from modelopt.torch.quantization.utils import export_torch_mode

        with export_torch_mode():
            return torch.export.export(network, examples, dynamic_shapes=_dynamic_shapes(), strict=False)
    return torch.export.export(network, examples, dynamic_shapes=_dynamic_shapes(), strict=False)


def _dynamic_shapes() -> dict[str, dict[int, Any]]:
    batch = torch.export.Dim("batch", min=SMALLEST, max=LARGEST)
    return {name: {0: batch} for name in SHAPES}


def _batch(encoder: nn.Module, crops: Crops, start: int, device: torch.device) -> tuple[Tensor, ...]:
    part = np.s_[start : start + _CALIBRATION_BATCH]
    photos, inputs, told = (
        torch.from_numpy(array[part]).to(device) for array in (crops.photos, crops.inputs, crops.told)
    )
    with torch.no_grad():
        return inputs, told, *encoder(photos)


def _quantise(network: nn.Module, batches: list[tuple[Tensor, ...]]) -> None:
    """Give every convolution its 8-bit integers: weights by channel, values by the largest that the batches have."""
    try:
        with warnings.catch_warnings():  # that it has nothing to do for libraries that are not there
            warnings.simplefilter("ignore")
            import modelopt.torch.quantization as quantization
            from modelopt.torch.quantization.extensions import get_cuda_ext
            from modelopt.torch.quantization.nn import TensorQuantizer
    except ImportError as error:
        raise BackendError(
            f"8-bit integers in TensorRT need the package {error.name}: install `liveface[tensorrt]`."
        ) from error

    # The library folds weights with it, and without it fails in words that help nobody.
    if batches[0][0].is_cuda and get_cuda_ext() is None:
        raise BackendError(
            "8-bit integers in TensorRT need a CUDA extension that modelopt compiles: install the CUDA toolkit (nvcc) "
            "and a C++ compiler."
        )

    def run(observed: nn.Module) -> None:
        for batch in batches:
            observed(*batch)

    with torch.no_grad(), redirect_stdout(io.StringIO()):
        quantization.quantize(network, quantization.INT8_DEFAULT_CFG, forward_loop=run)
    for quantiser in network.modules():
        if isinstance(quantiser, TensorQuantizer) and quantiser.amax is not None:
            # In half precision the scale of a faint channel, a 127th of this, would lose its last digits.
            quantiser._amax = quantiser.amax.float().clamp(min=_SMALLEST_RANGE)


def _loaded(library: ModuleType, engine: bytes) -> Callable[..., tuple[Tensor, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "drawing.ep"
        file.write_bytes(engine)
        # What it cannot read it prints as a traceback before it raises.
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            module = library.load(str(file)).module()
    return lambda *inputs: tuple(module(*inputs))


def choose(model: Checkpoint, crops: Crops, device: str = "cuda") -> dict[Precision, precision.Trial]:
    """Measure the engines of both precisions, remember the better, and return the trials, the chosen first.

    Integers are chosen if they paint `crops` as single precision does, to the eye, and save a tenth of the time.
    """
    exact = _painted(TorchPainter(model, "cpu"), crops)
    trials: dict[Precision, precision.Trial] = {}
    for kind in PRECISIONS:
        painter = TensorRTPainter(model, kind, device)
        differences = np.abs(_painted(painter, crops) - exact)
        seconds = measure(painter, USUAL) / USUAL
        trials[kind] = precision.Trial(seconds, float(differences.mean()), float(differences.max()))
    found = precision.choose({precision.REFERENCE: trials["fp16"], "int8": trials["int8"]})
    best: Precision = "int8" if found == "int8" else "fp16"
    remember(model, best, device)
    return {best: trials[best], **trials}


def _painted(painter: Painter, crops: Crops) -> Array:
    """Changes of colours (N, 3, 128, 160) of all crops."""
    painted = [
        painter.begin(inputs[None], told[None], painter.identify(photo[None]))()
        for photo, inputs, told in zip(crops.photos, crops.inputs, crops.told, strict=True)
    ]
    return np.concatenate(painted)


def recall(model: Checkpoint, device: str = "cuda", memory: Path | None = None) -> Precision | None:
    """The precision that `remember` was told for this GPU and network, if it was."""
    key = _memory_key(model, torch.device(device))
    found = precision.recall(memory or precision.memory_file(), key, PRECISIONS)
    return next((kind for kind in PRECISIONS if kind == found), None)


def remember(model: Checkpoint, kind: Precision, device: str = "cuda", memory: Path | None = None) -> None:
    """Keep which precision was measured to be best here."""
    precision.remember(memory or precision.memory_file(), _memory_key(model, torch.device(device)), kind)


def _memory_key(model: Checkpoint, device: torch.device) -> str:
    key = {name: value for name, value in engine_key(model, "fp16", device).items() if name != "precision"}
    return ", ".join(f"{name} {value}" for name, value in key.items())


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
