"""OpenVINO as a guest in our process: network files run as written down, or are refused in one sentence."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from liveface.engine.backends.openvino import StepNetwork, compile_file
from liveface.engine.errors import CheckpointError
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.media import HOP
from tests.speech import noise

ROOT = Path(__file__).resolve().parents[3]

INTERRUPTED = """
import signal
from pathlib import Path
from liveface.engine.face.landmarks import FaceMesh
for _ in range(3):
    FaceMesh.load(Path("assets/models"))
signal.signal(signal.SIGINT, lambda *received: print("caught"))
signal.raise_signal(signal.SIGINT)
"""


@pytest.fixture
def counting(tmp_path: Path) -> Path:
    """A motion network whose state is the sum of all features so far, and whose code is that sum in all places."""
    onnx = pytest.importorskip("onnx", reason="the train extra is not installed")
    helper, single = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("ReduceSum", ["mel"], ["sum"], keepdims=1),
        helper.make_node("Add", ["state_0", "sum"], ["next_0"]),
        helper.make_node("Expand", ["next_0", "code_shape"], ["code"]),
        helper.make_node("Expand", ["sum", "units_shape"], ["action_units"]),
    ]
    shapes = [
        helper.make_tensor("code_shape", onnx.TensorProto.INT64, [3], [1, 7, 16]),
        helper.make_tensor("units_shape", onnx.TensorProto.INT64, [3], [1, 7, 7]),
    ]
    inputs = {"mel": (1, 4, 80), "state_0": (1, 1, 1)}
    outputs = {"action_units": (1, 7, 7), "code": (1, 7, 16), "next_0": (1, 1, 1)}
    graph = helper.make_graph(
        nodes,
        "counting",
        [helper.make_tensor_value_info(name, single, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, single, shape) for name, shape in outputs.items()],
        shapes,
    )
    path = tmp_path / "counting.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_a_step_network_starts_from_zeros_and_returns_its_next_state(counting: Path) -> None:
    network = StepNetwork(counting)
    state = network.initial_state()
    assert [part.shape for part in state] == [(1, 1, 1)]
    assert not state[0].any()
    mel = np.full((4, 80), 0.5, np.float32)
    for step in (1, 2, 3):
        units, code, state = network.step(mel, state)
        assert units.shape == (7, 7)
        np.testing.assert_allclose(units, 160)
        assert code.shape == (7, 16)
        np.testing.assert_allclose(code, 160 * step)
    assert not network.initial_state()[0].any()


def test_what_a_step_returned_is_not_overwritten_by_the_next(counting: Path) -> None:
    network = StepNetwork(counting)
    _, code, state = network.step(np.ones((4, 80), np.float32), network.initial_state())
    network.step(np.ones((4, 80), np.float32), state)
    assert code[0, 0] == state[0].item() == 320


def test_it_serves_a_streamer(counting: Path) -> None:
    pcm = noise("pink", -20, 0.4)
    one, other = Streamer(StepNetwork(counting)), Streamer(StepNetwork(counting))
    whole = one.feed(pcm) + one.flush()
    pieces = [motion for start in range(0, pcm.size, HOP // 2) for motion in other.feed(pcm[start : start + HOP // 2])]
    pieces += other.flush()
    assert len(whole) == 10
    np.testing.assert_array_equal([motion.code for motion in whole], [motion.code for motion in pieces])


def test_another_network_of_the_same_file_hears_another_stream_at_the_same_time(counting: Path) -> None:
    sounds = [noise("pink", -20, 4.0, seed) for seed in range(2)]
    first = StepNetwork(counting)
    alone = [[motion.code for motion in Streamer(first).feed(sound)] for sound in sounds]
    streamers = [Streamer(network) for network in (first, first.another())]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(Streamer.feed, streamers, sounds))
    for motions, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal([motion.code for motion in motions], expected)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"nowhere\.onnx is missing"):
        compile_file(Path("nowhere.onnx"))


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    path = tmp_path / "motion.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(CheckpointError, match=r"motion\.onnx is not a readable network"):
        StepNetwork(path)


def test_an_interrupt_after_networks_were_dropped_reaches_its_handler() -> None:
    result = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "caught\n"), result.stderr


def test_the_library_tells_nobody_that_it_is_used(tmp_path: Path) -> None:
    program = "import sys; import liveface.engine.backends.openvino; print(sys.modules['openvino_telemetry'])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "None"
    assert not list(tmp_path.iterdir()), "no identifier is left at home"
