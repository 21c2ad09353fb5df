"""The drawing networks on an NVIDIA GPU with torch: half precision, recorded once as CUDA graphs and then replayed.

The CUDA path has been written and reviewed without such a GPU at hand: it has not run on hardware yet. Everything
but stream, graph and pinned memory (`engine.backends.lanes.CudaStream`) is tested on the CPU, where it runs plainly.
"""

import hashlib
import inspect
import json
import logging
import math
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from liveface.engine.backends import precision
from liveface.engine.backends.lanes import Function, Lanes, Shape
from liveface.engine.backends.painter import Painter
from liveface.engine.checkpoint import Checkpoint
from liveface.engine.errors import BackendError
from liveface.engine.face.condition import CONDITION_SIZE
from liveface.engine.face.mouth import CROP_SIZE, INPUT_CHANNELS
from liveface.engine.model import blocks, generator
from liveface.engine.model.drawing import load_drawing
from liveface.engine.model.generator import DirectDecoder, Drawing, MouthGenerator
from liveface.engine.model.identity_encoder import CHANNELS as IDENTITY

Array = NDArray[np.float32]
Kernels = Literal["plain", "compiled"]  # the library's own for each step, or torch.compile's for several at once

KERNELS: tuple[Kernels, ...] = ("plain", "compiled")
SIZES = (1, 2, 4, 8, 16, 32, 64)  # of batches that are recorded; others are filled up
_WIDTH, _HEIGHT = CROP_SIZE
# Of one item of each of the generator's inputs, by its name there.
SHAPES: Mapping[str, Shape] = {
    "inputs": (INPUT_CHANNELS, _HEIGHT, _WIDTH),
    "told": (CONDITION_SIZE,),
    **{
        name: (channels, _HEIGHT >> level, _WIDTH >> level)
        for level, (name, channels) in enumerate(zip(("fine", "middle", "coarse"), IDENTITY, strict=True), start=2)
    },
}
_TIMED_RUNS = 20
_WORTH = 0.95  # share of the plain kernels' time below which others are chosen
_DRIVER_FILE = Path("/proc/driver/nvidia/version")
_LOG = logging.getLogger(__name__)


class TorchPainter:
    """Implements `engine.backends.painter.Painter` with a checkpoint's own networks.

    On the CPU it computes in float32 and agrees with OpenVINO to 2e-3; in half precision pictures differ from that by
    2/255 in the mean at most. Raises `BackendError` without a usable GPU, `CheckpointError` for unfit weights.
    """

    batch = SIZES[-1]

    def __init__(
        self, model: Checkpoint, device: str = "cuda", dtype: torch.dtype | None = None, kernels: Kernels = "plain"
    ) -> None:
        """`dtype`: of the convolutions; None is float16 on a GPU and float32 on the CPU.

        Where compiled kernels cannot be made, one line says so and the painter's `kernels` are plain.
        """
        self._device = usable_device(device)
        encoder, network = load_drawing(model)
        dtype = dtype or (torch.float16 if self._device.type == "cuda" else torch.float32)
        self._identity = encoder.to(self._device)
        drawing = fused_drawing(network, dtype).to(self._device)
        if self._device.type == "cuda":
            drawing.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.kernels: Kernels = "plain"
        if kernels == "compiled":
            try:
                self._lanes = self._start(_compiled(drawing))
                self.kernels = "compiled"
            # The compiler and the tools that it calls fail in ways of their own.
            except Exception as error:
                _LOG.warning("%s: drawing without.", compiler_fault(error))
        if self.kernels == "plain":
            self._lanes = self._start(drawing)

    def _start(self, drawing: Function) -> Lanes:
        lanes = Lanes(drawing, list(SHAPES.values()), SIZES, self._device)
        lanes.prepare(1)  # live drawing must not wait for it later
        return lanes

    def prepare(self, count: int) -> None:
        """Make ready for batches of `count`, which otherwise happens when the first of them comes."""
        self._lanes.prepare(count)

    def identify(self, photo: Array) -> tuple[Array, ...]:
        """Identity maps of one photo's mouth (1, 4, 128, 160)."""
        return identity_maps(self._identity, photo, self._device)

    def begin(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
        """Begin to paint; see `engine.backends.painter.Painter`."""
        return begin(self._lanes, inputs, told, identity)

    def paint(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Array:
        """The change of colours, (B, 3, 128, 160)."""
        return self.begin(inputs, told, identity)()


def usable_device(name: str) -> torch.device:
    """The device of that name; raises `BackendError` if it is a GPU that cannot be used."""
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BackendError(
            "No CUDA GPU is usable here, and the torch back end needs one: use --backend openvino, or install an "
            "NVIDIA driver and a build of torch for it."
        )
    return device


def identity_maps(encoder: nn.Module, photo: Array, device: torch.device) -> tuple[Array, ...]:
    """What an identity encoder on some device makes of one photo's mouth (1, 4, 128, 160)."""
    with torch.inference_mode():
        return tuple(level.cpu().numpy().copy() for level in encoder(torch.from_numpy(photo).to(device)))


def begin(lanes: Lanes, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
    """Begin to paint on some lanes; see `engine.backends.painter.Painter`. Raises `BackendError` for other shapes."""
    arrays = (inputs, told, *identity)
    _require_shapes(arrays)
    finish = lanes.begin(arrays)

    def painted() -> Array:
        (change,) = finish()
        return change

    return painted


class _Reduced(nn.Module):
    """A generator that computes in half precision between inputs and outputs in single precision."""

    def __init__(self, network: MouthGenerator | DirectDecoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network.to(dtype)
        self.dtype = dtype

    def forward(self, inputs: Tensor, told: Tensor, identity: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """As the generator's."""
        fine, middle, coarse = identity
        levels = (fine.to(self.dtype), middle.to(self.dtype), coarse.to(self.dtype))
        change: Tensor = self.network(inputs.to(self.dtype), told.to(self.dtype), levels)
        return change.float()


def fused_drawing(network: MouthGenerator | DirectDecoder, dtype: torch.dtype) -> Drawing:
    """The generator `network`, which is used up, as a GPU should have it: norms in the convolutions, those in `dtype`.

    Colours outside the generator stay in single precision. It draws the same pictures to 1e-4 in single precision.
    """
    for block in network.modules():
        if isinstance(block, nn.Sequential) and len(block) > 1:
            convolution, norm = block[0], block[1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                block[0], block[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return Drawing(network if dtype == torch.float32 else _Reduced(network, dtype)).eval()


def _compiled(drawing: Function) -> Function:
    """The same, by kernels that torch.compile makes; they are kept in the user's cache folder for the next start."""
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(compiler_folder()))
    # A graph is recorded around it by the lanes, and each size of batch is compiled for itself.
    compiled: Function = torch.compile(  # type: ignore[call-overload]  # its declaration lacks two of its options
        drawing,
        fullgraph=True,
        dynamic=False,
        mode="max-autotune-no-cudagraphs",
        recompile_limit=len(SIZES),
        isolate_recompiles=True,
    )
    return compiled


def compiler_folder() -> Path:
    """Where torch.compile keeps its kernels for this user."""
    return precision.memory_file().parent / "torch"


def compiler_fault(error: Exception) -> str:
    """What to tell of a failed compilation, in one line without a full stop."""
    text = " ".join(str(error).split())
    if "triton" in text.lower():
        return "torch.compile needs the package triton, which is missing or too old (pip install triton)"
    if "compiler" in text.lower() and ("c++" in text.lower() or "g++" in text.lower() or "gcc" in text.lower()):
        return "torch.compile needs a C++ compiler, and none was found (Debian: apt install g++)"
    return f"torch.compile failed ({type(error).__name__}: {text[:120]})"


def gpu_identity(device: torch.device) -> dict[str, str]:
    """What kernels made for a GPU depend on, apart from what they compute: name and value."""
    about = {"torch": torch.__version__, "CUDA": str(torch.version.cuda), "driver": _driver()}
    if device.type != "cuda":
        return {"GPU": device.type, **about}
    major, minor = torch.cuda.get_device_capability(device)
    return {"GPU": torch.cuda.get_device_name(device), "compute capability": f"{major}.{minor}", **about}


def _driver() -> str:
    """Version of the NVIDIA driver; torch only knows the newest CUDA that it can serve."""
    try:
        text = _DRIVER_FILE.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "unknown"
    found = re.search(r"\b\d{3,}(\.\d+)+\b", text)
    return found.group() if found else "unknown"


def fingerprint(model: Checkpoint) -> str:
    """A number for what the drawing networks of a checkpoint compute: their weights, their design and their code."""
    design = {name: model.configuration.get(name) for name in ("identity", "generator")}
    digest = hashlib.sha256(json.dumps(design, sort_keys=True).encode())
    for name, tensor in sorted(model.tensors.items()):
        if name.startswith(("identity.", "generator.")):
            digest.update(f"{name} {tensor.shape} {tensor.dtype}".encode())
            digest.update(np.ascontiguousarray(tensor).data)
    for module in (generator, blocks):
        digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()[:32]


def chosen_kernels(model: Checkpoint, device: str = "cuda", memory: Path | None = None) -> Kernels | None:
    """The kernels that `choose_kernels` found best here; None if it was never asked. `memory`: where that is kept."""
    found = precision.recall(memory or precision.memory_file(), _memory_key(model, torch.device(device)), KERNELS)
    return next((kernels for kernels in KERNELS if kernels == found), None)


def choose_kernels(model: Checkpoint, device: str = "cuda", memory: Path | None = None) -> dict[Kernels, float]:
    """Measure which kernels paint one picture fastest, remember it, and return their seconds, the chosen first."""
    painters = [TorchPainter(model, device, kernels=kernels) for kernels in KERNELS]
    seconds: dict[Kernels, float] = {painter.kernels: measure(painter, 1) for painter in painters}
    best: Kernels = "compiled" if seconds.get("compiled", math.inf) < _WORTH * seconds["plain"] else "plain"
    precision.remember(memory or precision.memory_file(), _memory_key(model, torch.device(device)), best)
    return {best: seconds[best], **seconds}


def _memory_key(model: Checkpoint, device: torch.device) -> str:
    about = ", ".join(f"{name} {value}" for name, value in gpu_identity(device).items())
    return f"{about}, kernels, {fingerprint(model)}"


def measure(painter: Painter, count: int) -> float:
    """Seconds for a batch of `count`, the quickest of some, with all transfers."""
    photo, inputs, told = precision.probe()
    identity = tuple(np.repeat(level, count, axis=0) for level in painter.identify(photo))
    batch = np.repeat(inputs, count, axis=0), np.repeat(told, count, axis=0), identity
    painter.begin(*batch)()
    seconds = []
    for _ in range(_TIMED_RUNS):
        started = time.perf_counter()
        painter.begin(*batch)()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _require_shapes(arrays: tuple[Array, ...]) -> None:
    """A recording reads its buffers whatever comes, so everything that does not fit them is refused here."""
    batch = min(max(len(arrays[0]), 1), SIZES[-1])
    expected = [(batch, *shape) for shape in SHAPES.values()]
    found = [array.shape for array in arrays]
    if found != expected:
        raise BackendError(
            f"The networks got arrays of shapes {found}, expected {expected}: only the size of the batch is free, 1 to "
            f"{SIZES[-1]}, and it must be the same in all."
        )
