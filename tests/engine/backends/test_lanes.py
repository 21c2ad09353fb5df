"""Batches under way: begun without waiting, fetched whole, each in memory of its own. The CUDA stream needs a GPU."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from liveface.engine.backends.lanes import HostStream, Lanes, Stream, new_stream  # noqa: E402

CPU = torch.device("cpu")
Array = np.ndarray[Any, np.dtype[np.float32]]


class LateStream(HostStream):
    """Does nothing of what is launched until somebody waits, as a GPU that is slower than its caller."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.waiting: list[Callable[[], None]] = []

    def launch(self, work: Callable[[], None]) -> Callable[[], None]:
        self.waiting.append(work)
        self.log.append("launched")
        return partial(self.wait, work)

    def wait(self, work: Callable[[], None]) -> None:
        while work in self.waiting:
            super().launch(self.waiting.pop(0))
            self.log.append("done")


class RecordingStream(HostStream):
    """Counts what is recorded, and overwrites its outputs with each call, as a CUDA graph does."""

    def __init__(self, recorded: list[int]) -> None:
        self.recorded = recorded

    def record(self, function: Any, inputs: Sequence[Any]) -> Callable[[], tuple[Any, ...]]:
        self.recorded.append(len(inputs[0]))
        outputs = [output.clone() for output in function(*inputs)]

        def play() -> tuple[Any, ...]:
            for output, value in zip(outputs, function(*inputs), strict=True):
                output.copy_(value)
            return tuple(outputs)

        return play


def double(values: Any, offset: Any) -> tuple[Any, Any]:
    return 2.0 * values + offset, values.sum(dim=1, keepdim=True)


def batch(count: int, start: float = 0.0) -> tuple[Array, Array]:
    values = (np.arange(3 * count, dtype=np.float32) + start).reshape(count, 3)
    return values, np.full((count, 1), 0.5, np.float32)


def lanes(make: Callable[..., Stream] = new_stream, sizes: Sequence[int] = (1, 2, 4), **options: Any) -> Lanes:
    return Lanes(double, [(3,), (1,)], sizes, CPU, make_stream=make, **options)


def assert_doubled(found: tuple[Array, ...], given: tuple[Array, Array]) -> None:
    np.testing.assert_array_equal(found[0], 2.0 * given[0] + 0.5)
    np.testing.assert_array_equal(found[1], given[0].sum(axis=1, keepdims=True))


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_batch_of_any_size_is_computed_whole(is_recorded: bool) -> None:
    under_test = lanes(is_recorded=is_recorded)
    for count in (4, 1, 3, 2):
        assert_doubled(under_test.begin(batch(count))(), batch(count))


def test_beginning_does_not_wait_and_fetching_does() -> None:
    log: list[str] = []
    under_test = lanes(lambda device: LateStream(log), sizes=(2,))
    under_test.prepare(2)
    log.clear()
    finish = under_test.begin(batch(2))
    assert log == ["launched"]
    assert_doubled(finish(), batch(2))
    assert log == ["launched", "done"]


def test_two_batches_are_under_way_at_a_time() -> None:
    log: list[str] = []
    under_test = lanes(lambda device: LateStream(log), sizes=(2,))
    under_test.prepare(2)
    log.clear()
    first, second = under_test.begin(batch(2)), under_test.begin(batch(2, 100.0))
    assert log == ["launched", "launched"]
    one = first()
    assert log == ["launched", "launched", "done"]
    assert_doubled(second(), batch(2, 100.0))
    assert_doubled(one, batch(2))


def test_waiting_for_a_batch_does_not_wait_for_the_next_on_the_same_stream() -> None:
    log: list[str] = []
    shared = LateStream(log)
    under_test = lanes(lambda device: shared, sizes=(2,))
    under_test.prepare(2)
    log.clear()
    first, second = under_test.begin(batch(2)), under_test.begin(batch(2, 100.0))
    assert_doubled(first(), batch(2))
    assert log == ["launched", "launched", "done"]
    assert_doubled(second(), batch(2, 100.0))


def test_the_arrays_may_change_as_soon_as_their_batch_is_begun() -> None:
    under_test = lanes(lambda device: LateStream([]))
    given = batch(2)
    finish = under_test.begin(given)
    given[0][:] = -1.0
    assert_doubled(finish(), batch(2))


def test_what_was_fetched_is_not_overwritten_by_later_batches() -> None:
    under_test = lanes(lambda device: RecordingStream([]))
    found = under_test.begin(batch(2))()
    for _ in range(2):
        under_test.begin(batch(2, 50.0))()
    assert_doubled(found, batch(2))


def test_a_batch_that_nobody_fetched_does_no_harm_to_the_next() -> None:
    under_test = lanes(lambda device: LateStream([]), sizes=(2,))
    given_up = under_test.begin(batch(2))
    under_test.begin(batch(2, 10.0))()
    assert_doubled(under_test.begin(batch(2, 20.0))(), batch(2, 20.0))
    with pytest.raises(AssertionError, match="fetched after"):
        given_up()


def test_a_size_is_recorded_when_it_is_first_needed_and_once_for_each_lane() -> None:
    recorded: list[int] = []
    under_test = lanes(lambda device: RecordingStream(recorded))
    assert recorded == []
    for _ in range(3):
        assert_doubled(under_test.begin(batch(3))(), batch(3))
    assert recorded == [4, 4]
    under_test.prepare(1)
    assert recorded == [4, 4, 1, 1]


def test_values_of_an_earlier_larger_batch_do_not_return() -> None:
    under_test = lanes(lambda device: RecordingStream([]), sizes=(4,))
    for count in (4, 4, 3):
        found = under_test.begin(batch(count, float(count)))()
        assert len(found[0]) == count
        assert_doubled(found, batch(count, float(count)))


def test_a_function_that_is_not_recorded_sees_the_batch_as_it_is() -> None:
    seen: list[int] = []

    def watching(values: Any, offset: Any) -> tuple[Any, Any]:
        seen.append(len(values))
        return double(values, offset)

    under_test = Lanes(watching, [(3,), (1,)], [4], CPU, is_recorded=False)
    under_test.prepare(1)
    seen.clear()
    under_test.begin(batch(3))()
    assert seen == [3]


def test_what_the_function_raises_comes_when_it_is_prepared() -> None:
    def failing(kind: type[Exception], *inputs: Any) -> tuple[Any, ...]:
        raise kind("no kernel")

    with pytest.raises(LookupError, match="no kernel"):
        Lanes(partial(failing, LookupError), [(3,)], [1], CPU).prepare(1)
