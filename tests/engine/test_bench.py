"""Tests of the measurements: sums of known durations, timing in passing, operations of networks of known size."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import liveface.engine.bench
from liveface.engine.backends.openvino import operations
from liveface.engine.bench import (
    Phases,
    Stopwatch,
    TimedNetwork,
    TimedPainter,
    distribution,
    phases,
    ratios,
    repeat,
    sgemm_rate,
    trend,
)
from liveface.engine.errors import CheckpointError
from liveface.engine.hearing.features import FeatureExtractor
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.media import HOP
from tests.fakes import FakeMotionNetwork

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Time that stands still but for the seconds that are given to it."""
    now = [100.0]
    monkeypatch.setattr(liveface.engine.bench.time, "perf_counter", lambda: now[0])

    def advance(seconds: float) -> None:
        now[0] += seconds

    return advance


class SlowPainter:
    """Takes 3 s to begin and 5 s to wait for."""

    batch = 4

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._advance = advance

    def identify(self, photo: Array) -> tuple[Array, ...]:
        return (photo,)

    def begin(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
        self._advance(3.0)

        def finish() -> Array:
            self._advance(5.0)
            return inputs

        return finish


def test_durations_are_summed_up_in_milliseconds() -> None:
    found = distribution(np.arange(1, 101) / 1000)
    assert found is not None
    assert (found.count, found.mean, found.p50, found.p95, found.p99, found.max) == (
        *(100, 50.5, 50.5, 95.05, 99.01),
        100.0,
    )


def test_nothing_measured_has_no_distribution() -> None:
    assert distribution([]) is None
    assert phases([]) is None


def test_the_first_run_and_the_warm_ones_are_kept_apart_from_the_steady_ones() -> None:
    found = phases([9.0, 2.0, 2.0, 1.0, 1.0, 1.0], warm=2)
    assert found is not None
    assert found.warm is not None
    assert found.steady is not None
    assert (found.cold, found.warm.max, found.steady.max, found.steady.count) == (9000.0, 2000.0, 1000.0, 3)
    assert phases([9.0]) == Phases(9000.0, None, None)


def test_a_trend_is_found_within_its_error_and_a_level_line_has_none() -> None:
    random = np.random.default_rng(0)
    moments = np.arange(600.0)
    noise = random.normal(0, 1, 600)
    rising, level = trend(moments, 0.05 * moments + noise), trend(moments, noise)
    assert rising is not None
    assert level is not None
    assert abs(rising.slope - 0.05) < 3 * rising.standard_error < 0.01
    assert abs(level.slope) < 3 * level.standard_error


def test_noise_that_hangs_together_widens_the_error_of_a_trend() -> None:
    slopes, errors = [], []
    for seed in range(30):
        steps = np.random.default_rng(seed).normal(0, 1, 400)
        noise = np.zeros(400)
        for index in range(1, 400):
            noise[index] = 0.8 * noise[index - 1] + steps[index]
        found = trend(np.arange(400.0), noise)
        assert found is not None
        slopes.append(found.slope)
        errors.append(found.standard_error)
    # Without the widening the error would be a third of what the slopes really vary by.
    assert 0.7 < np.mean(errors) / np.std(slopes) < 1.4


def test_three_points_have_no_trend() -> None:
    assert trend([0.0, 1.0, 2.0], [1.0, 2.0, 3.0]) is None
    assert trend([1.0] * 9, range(9)) is None


def test_a_run_is_repeated_for_its_time_and_at_least_so_often(clock: Callable[[float], None]) -> None:
    assert repeat(lambda: clock(0.25), 1.0) == [0.25] * 4
    assert repeat(lambda: clock(7.0), 1.0, least=2) == [7.0] * 2


def test_a_stopwatch_keeps_the_latest_durations_in_order_and_does_not_grow() -> None:
    stopwatch = Stopwatch(("a", "b"), capacity=4)
    assert stopwatch.latest("a") == 0.0
    for seconds in range(1, 4):
        stopwatch.note("a", seconds)
    assert stopwatch.durations("a").tolist() == [1.0, 2.0, 3.0]
    for seconds in range(4, 8):
        stopwatch.note("a", seconds)
    assert stopwatch.durations("a").tolist() == [4.0, 5.0, 6.0, 7.0]
    assert stopwatch.latest("a") == 7.0
    assert stopwatch.durations("b").size == 0


def test_a_timed_function_is_the_same_function(clock: Callable[[float], None]) -> None:
    stopwatch = Stopwatch(("a",), 4)

    def add(left: int, right: int) -> int:
        clock(0.5)
        return left + right

    assert stopwatch.timed("a", add)(2, right=3) == 5
    assert stopwatch.durations("a").tolist() == [0.5]


def test_a_method_is_watched_only_as_long_as_it_should_be() -> None:
    stopwatch, original = Stopwatch(("features",), 9), FeatureExtractor.feed
    with suppress(KeyError), stopwatch.watching(FeatureExtractor, "feed", "features"):
        Streamer(FakeMotionNetwork(), lookahead=0).feed(np.zeros(2 * HOP, np.float32))
        raise KeyError
    assert FeatureExtractor.feed is original
    assert stopwatch.durations("features").size == 2


def test_a_timed_network_moves_as_the_network_does() -> None:
    pcm = np.random.default_rng(0).uniform(-0.3, 0.3, 12 * HOP).astype(np.float32)
    stopwatch = Stopwatch(("motion",), 99)
    plain = Streamer(FakeMotionNetwork()).feed(pcm)
    timed = Streamer(TimedNetwork(FakeMotionNetwork(), stopwatch)).feed(pcm)
    assert all(np.array_equal(one.code, other.code) for one, other in zip(plain, timed, strict=True))
    assert stopwatch.durations("motion").size == 12


def test_of_painting_only_what_is_waited_for_counts_and_that_per_picture(clock: Callable[[float], None]) -> None:
    stopwatch = Stopwatch(("generator",), 9)
    painter = TimedPainter(SlowPainter(clock), stopwatch)
    inputs, told = np.zeros((2, 8, 1, 1), np.float32), np.zeros((2, 16), np.float32)
    wait = painter.begin(inputs, told, painter.identify(inputs))
    clock(1000.0)  # geometry
    change = wait()
    assert stopwatch.durations("generator").tolist() == [4.0]
    assert change is inputs
    assert painter.batch == 4


def a_network(path: Path) -> Path:
    """A convolution in two groups with a stride, one back, and a product, for a batch of any size."""
    onnx = pytest.importorskip("onnx", reason="the train extra is not installed")
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    weights = {"first": (6, 2, 3, 3), "back": (6, 3, 2, 2), "last": (16, 5)}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "first"], ["a"], group=2, strides=[2, 2], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("ConvTranspose", ["b", "back"], ["c"], strides=[2, 2]),
            helper.make_node("MatMul", ["c", "last"], ["y"]),
        ],
        "network",
        [helper.make_tensor_value_info("x", float32, ["batch", 4, 8, 16])],
        [helper.make_tensor_value_info("y", float32, ["batch", 3, 8, 5])],
        [helper.make_tensor(name, float32, size, np.ones(size).ravel()) for name, size in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def test_operations_are_counted_by_hand_and_by_program_alike(tmp_path: Path) -> None:
    convolution = (6 * 4 * 8) * (2 * 3 * 3)  # numbers made, times weights for each
    back = (6 * 4 * 8) * (3 * 2 * 2)  # numbers read, times places that each is added to
    product = (3 * 8 * 5) * 16
    assert operations(a_network(tmp_path / "network.onnx")) == 2 * (convolution + back + product)


def test_a_file_that_is_no_network_has_no_operations(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_text("nonsense")
    for name in ("broken.onnx", "missing.onnx"):
        with pytest.raises(CheckpointError, match=f"{name} is not a readable network file"):
            operations(tmp_path / name)


def test_the_peak_is_operations_over_the_shortest_time(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    durations = iter([2.0, 1.0, *[4.0] * 20])
    multiply = np.matmul

    def matmul(*args: Array, out: Array) -> None:
        multiply(*args, out=out)
        clock(next(durations))

    monkeypatch.setattr(liveface.engine.bench, "_SGEMM_SIDE", 8)
    monkeypatch.setattr(np, "matmul", matmul)
    assert sgemm_rate() == 2 * 8**3


def test_numbers_that_two_trees_share_are_divided() -> None:
    old = {"a": {"p50": 2.0, "gone": 1.0, "zero": 0.0}, "name": "x", "is_so": True}
    new = {"a": {"p50": 3.0, "come": 1.0, "zero": 1.0}, "name": "y", "is_so": True, "b": 1}
    assert ratios(new, old) == {"a.p50": (2.0, 1.5)}
