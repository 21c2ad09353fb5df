"""The drawing networks on an NVIDIA GPU with torch: half precision, recorded once as a CUDA graph and then replayed.

The CUDA path has been written and reviewed without such a GPU at hand: it has not run on hardware yet. Everything
but the recording itself is tested on the CPU, where the same class runs plainly.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.checkpoint import Checkpoint
from engine.errors import BackendError
from engine.face_space import CODE_SIZE
from engine.model.drawing import folded, load_drawing
from engine.model.generator import Drawing
from engine.mouth import CROP_SIZE, IDENTITY_CHANNELS, INPUT_CHANNELS

Array = NDArray[np.float32]

_SIZE = CROP_SIZE[::-1]  # rows and columns
_WARM_RUNS = 3  # before the recording, in which the libraries choose their algorithms


class TorchPainter:
    """Implements `engine.renderer.Painter` with a checkpoint's own networks.

    On the CPU it computes in float32 and agrees with OpenVINO to 2e-3; in half precision pictures differ from that by
    2/255 in the mean at most. Raises `BackendError` without a usable GPU, `CheckpointError` for unfit weights.
    """

    batch = 64

    def __init__(self, model: Checkpoint, device: str = "cuda", dtype: torch.dtype | None = None) -> None:
        """`dtype`: of the convolutions; None is float16 on a GPU and float32 on the CPU."""
        self._device = torch.device(device)
        if self._device.type == "cuda" and not torch.cuda.is_available():
            raise BackendError(
                "No CUDA GPU is usable here, and the torch back end needs one: use --backend openvino, or install an "
                "NVIDIA driver and a build of torch for it."
            )
        self._dtype = dtype or (torch.float16 if self._device.type == "cuda" else torch.float32)
        identity, generator = folded(*load_drawing(model))
        self._identity = identity.to(self._device)
        self._levels = [
            level.shape[1:] for level in self.identify(np.zeros((1, IDENTITY_CHANNELS, *_SIZE), np.float32))
        ]
        self._drawing = Drawing(generator, with_teeth=True).eval().to(self._device)
        self._recordings: dict[int, _Recording] = {}

    def identify(self, photo: Array) -> tuple[Array, ...]:
        """Identity maps of one photo's mouth (1, 4, 96, 128)."""
        with torch.inference_mode():
            return _arrays(self._identity(torch.from_numpy(photo).to(self._device)))

    def begin(self, inputs: Array, code: Array, identity: tuple[Array, ...]) -> Callable[[], tuple[Array, Array]]:
        """Paint when the result is asked for; see `engine.renderer.Painter`."""
        return partial(self.paint, inputs, code, identity)

    def paint(self, inputs: Array, code: Array, identity: tuple[Array, ...]) -> tuple[Array, Array]:
        """Picture and colour change, (B, 3, 96, 128) each."""
        arrays = (inputs, code, *identity)
        self._require_shapes(arrays)
        tensors = [torch.from_numpy(array) for array in arrays]
        with torch.inference_mode():
            if self._device.type == "cuda":
                with torch.cuda.device(self._device):
                    if len(inputs) not in self._recordings:
                        buffers = [tensor.to(self._device) for tensor in tensors]
                        self._recordings[len(inputs)] = _Recording(self._draw, buffers)
                    outputs = self._recordings[len(inputs)](tensors)
            else:
                outputs = self._draw(*tensors)
            picture, change = _arrays(outputs)
        return picture, change

    def _draw(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        # Weights that autocast keeps between calls would not be part of a recording.
        with torch.autocast(self._device.type, self._dtype, self._dtype != torch.float32, cache_enabled=False):
            outputs: tuple[Tensor, ...] = self._drawing(*tensors)
        return outputs

    def _require_shapes(self, arrays: tuple[Array, ...]) -> None:
        """A recording reads its buffers whatever comes, so everything that does not fit them is refused here."""
        batch = len(arrays[0])
        maps = [(batch, *level) for level in self._levels]
        expected = [(batch, INPUT_CHANNELS, *_SIZE), (batch, CODE_SIZE), *maps]
        found = [array.shape for array in arrays]
        if found != expected:
            raise BackendError(
                f"The networks got arrays of shapes {found}, expected {expected}: only the size of the batch is free, "
                "and it must be the same in all."
            )


class _Recording:
    """One function on one set of shapes as a CUDA graph: inputs are copied into its buffers, then it is replayed."""

    def __init__(self, function: Callable[..., tuple[Tensor, ...]], buffers: list[Tensor]) -> None:
        """Record; `buffers` become the graph's own inputs, and their present values warm it up."""
        self._buffers = buffers
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_RUNS):
                function(*buffers)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        # Other threads may use the GPU meanwhile, for a stream of their own.
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._outputs = function(*buffers)

    def __call__(self, tensors: list[Tensor]) -> tuple[Tensor, ...]:
        """Run on new values; the outputs are overwritten by the next call."""
        for buffer, tensor in zip(self._buffers, tensors, strict=True):
            buffer.copy_(tensor)
        self._graph.replay()
        return self._outputs


def _arrays(tensors: tuple[Tensor, ...]) -> tuple[Array, ...]:
    """Copies in the computer's own memory, in the usual order of axes."""
    return tuple(np.array(tensor.float().cpu().numpy(), np.float32, order="C") for tensor in tensors)
