"""Batches on their way through a processor beside this one: memory, streams, recordings. It knows no network.

On the CPU the same lanes run at once, which is how they are tested. The CUDA stream has not run on hardware yet.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float32]
Shape = tuple[int, ...]
Function = Callable[..., tuple[Tensor, ...]]  # of tensors whose first axis is the batch, to such tensors

UNDER_WAY = 2  # batches at a time
_WARM_RUNS = 3  # before a recording, in which the libraries choose their algorithms


class Stream(Protocol):
    """Work in order, beside what the caller does meanwhile."""

    def memory(self, shape: Shape, is_shared: bool) -> Tensor:
        """Zeros where the stream's processor works, or where the caller's does and the stream can reach them."""

    def record(self, function: Function, inputs: Sequence[Tensor]) -> Callable[[], tuple[Tensor, ...]]:
        """Prepare to call the function often with these tensors, whose values change; outputs may be overwritten."""

    def launch(self, work: Callable[[], None]) -> Callable[[], None]:
        """Begin to do the work, after all that was launched before; the returned function waits for its end."""


class HostStream:
    """The caller's own processor: what is launched is done at once."""

    def memory(self, shape: Shape, is_shared: bool) -> Tensor:
        """See `Stream.memory`."""
        return torch.zeros(shape)

    def record(self, function: Function, inputs: Sequence[Tensor]) -> Callable[[], tuple[Tensor, ...]]:
        """The function itself."""
        return lambda: function(*inputs)

    def launch(self, work: Callable[[], None]) -> Callable[[], None]:
        """See `Stream.launch`."""
        with torch.inference_mode():
            work()
        return _is_done


class CudaStream:
    """A stream of an NVIDIA GPU, with pinned memory, CUDA graphs, and events to wait for without spinning."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        # The networks' weights arrive on the stream that is current now.
        self._stream.wait_stream(torch.cuda.current_stream(device))

    def memory(self, shape: Shape, is_shared: bool) -> Tensor:
        """See `Stream.memory`."""
        if is_shared:
            return torch.zeros(shape, pin_memory=True)
        with torch.cuda.stream(self._stream):
            return torch.zeros(shape, device=self._device)

    def record(self, function: Function, inputs: Sequence[Tensor]) -> Callable[[], tuple[Tensor, ...]]:
        """The function as a CUDA graph, which the GPU plays without asking the CPU for each step."""
        libraries = torch.backends.cudnn.flags(enabled=True, benchmark=True)
        with torch.cuda.device(self._device), torch.inference_mode(), libraries:
            with torch.cuda.stream(self._stream):
                for _ in range(_WARM_RUNS):
                    function(*inputs)
            self._stream.synchronize()
            graph = torch.cuda.CUDAGraph()
            # Other threads may use the GPU meanwhile, for a stream of their own.
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                outputs = function(*inputs)

        def play() -> tuple[Tensor, ...]:
            graph.replay()
            return outputs

        return play

    def launch(self, work: Callable[[], None]) -> Callable[[], None]:
        """See `Stream.launch`; a thread that waits sleeps."""
        done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        with torch.cuda.device(self._device), torch.cuda.stream(self._stream), torch.inference_mode():
            work()
            done.record(self._stream)
        return done.synchronize


def _is_done() -> None:
    pass


def new_stream(device: torch.device) -> Stream:
    """A new stream of a device."""
    return CudaStream(device) if device.type == "cuda" else HostStream()


class Lane:
    """Room for one batch of up to `size` on a stream."""

    def __init__(
        self, function: Function, shapes: Sequence[Shape], size: int, stream: Stream, is_recorded: bool
    ) -> None:
        """`shapes` of one item of each input. A recording always computes `size` items, whatever the batch.

        The function runs here for the first time: its errors are raised.
        """
        self._stream = stream
        self._given = [stream.memory((size, *shape), is_shared=True) for shape in shapes]
        self._inputs = [stream.memory((size, *shape), is_shared=False) for shape in shapes]
        self._function = function
        self._play = stream.record(function, self._inputs) if is_recorded else None
        self._size = size
        self._results: list[Tensor] = []
        self._turn = 0
        self.begin([given.numpy()[:1] for given in self._given])()

    def begin(self, arrays: Sequence[Array]) -> Callable[[], tuple[Array, ...]]:
        """Begin a batch of 1 to `size`; the returned function waits for the end, and must be called before the next
        batch of this lane is begun. It returns copies.
        """
        count = len(arrays[0])
        self._turn += 1
        turn = self._turn
        for given, array in zip(self._given, arrays, strict=True):
            given.numpy()[:count] = array
        wait = self._stream.launch(lambda: self._work(count))

        def finish() -> tuple[Array, ...]:
            assert turn == self._turn, "a batch was fetched after the lane's next one was begun"
            wait()
            return tuple(result.numpy()[:count].copy() for result in self._results)

        return finish

    def _work(self, count: int) -> None:
        for given, values in zip(self._given, self._inputs, strict=True):
            values[:count].copy_(given[:count], non_blocking=True)
        outputs = self._play() if self._play else self._function(*(values[:count] for values in self._inputs))
        if not self._results:
            self._results = [self._stream.memory((self._size, *output.shape[1:]), is_shared=True) for output in outputs]
        for result, output in zip(self._results, outputs, strict=True):
            result[:count].copy_(output[:count], non_blocking=True)


class Lanes:
    """Batches of any size up to the largest of `sizes`, two under way at a time.

    A batch takes the next size that holds it, and what is recorded for a size is recorded when it is first needed.
    """

    def __init__(
        self,
        function: Function,
        shapes: Sequence[Shape],
        sizes: Sequence[int],
        device: torch.device,
        is_recorded: bool = True,
        make_stream: Callable[[torch.device], Stream] = new_stream,
    ) -> None:
        """`shapes` of one item of each input; unless `is_recorded`, the function gets batches as they come."""
        self._function = function
        self._shapes = shapes
        self._sizes = sorted(sizes)
        self._is_recorded = is_recorded
        self._new_stream = partial(make_stream, device)
        self._lanes: dict[int, cycle[Lane]] = {}

    def prepare(self, count: int) -> None:
        """Make ready for batches of so many items; raises what the function raises."""
        size = self._size(count)
        if size not in self._lanes:
            self._lanes[size] = cycle(
                [
                    Lane(self._function, self._shapes, size, self._new_stream(), self._is_recorded)
                    for _ in range(UNDER_WAY)
                ]
            )

    def begin(self, arrays: Sequence[Array]) -> Callable[[], tuple[Array, ...]]:
        """Begin a batch; see `Lane.begin`."""
        self.prepare(len(arrays[0]))
        return next(self._lanes[self._size(len(arrays[0]))]).begin(arrays)

    def _size(self, count: int) -> int:
        return next(size for size in self._sizes if size >= count)
