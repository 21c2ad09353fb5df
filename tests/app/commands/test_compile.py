"""liveface compile: prepares what the machine can use, says so in one line each, and does nothing twice."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest

pytest.importorskip("torch", reason="the train extra is not installed")

from liveface.app.commands import compile as command
from liveface.app.commands.compile import compile_networks, shipped_crops
from liveface.engine.backends import engine_cache, precision, tensorrt, torch_cuda
from liveface.engine.backends.precision import Trial
from liveface.engine.errors import BackendError, ConfigurationError

KEY = {"GPU": "NVIDIA Test"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "liveface"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine with a GPU, whose libraries only count what they are asked for."""
    asked = SimpleNamespace(built=[], measured=0, kernels=0, fault=None, crops=None)

    def build(model: Any, kind: str, device: Any, crops: Any) -> bytes:
        asked.built.append((kind, crops))
        if asked.fault is not None and kind == "int8":
            raise asked.fault
        return f"engine {kind}".encode()

    def choose(model: Any, crops: Any) -> dict[str, Trial]:
        asked.measured += 1
        tensorrt.remember(model, "int8")
        return {"int8": Trial(0.0004, 0.001, 0.01), "fp16": Trial(0.0006, 0.0, 0.0)}

    def choose_kernels(model: Any) -> dict[str, float]:
        asked.kernels += 1
        key = torch_cuda._memory_key(model, torch_cuda.torch.device("cuda"))
        precision.remember(precision.memory_file(), key, "plain")
        return {"plain": 0.0005, "compiled": 0.0006}

    monkeypatch.setattr(torch_cuda, "usable_device", lambda name: None)
    monkeypatch.setattr(torch_cuda, "gpu_identity", lambda device: KEY)
    monkeypatch.setattr(torch_cuda, "choose_kernels", choose_kernels)
    monkeypatch.setattr(tensorrt, "load_library", lambda: None)
    monkeypatch.setattr(tensorrt, "require_gpu", lambda name: None)
    monkeypatch.setattr(tensorrt, "engine_key", lambda model, kind, device: {**KEY, "precision": kind})
    monkeypatch.setattr(tensorrt, "build", build)
    monkeypatch.setattr(tensorrt, "choose", choose)
    monkeypatch.setattr(command, "shipped_crops", lambda count: f"{count} crops")
    return asked


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("machine")
def test_everything_that_the_machine_can_use_is_prepared_with_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    compile_networks()
    told = lines(capsys)
    assert [line.partition(":")[0] for line in told] == ["openvino", "torch", "tensorrt", "tensorrt", "tensorrt"]
    assert "plain kernels chosen" in told[1]
    assert "compiled 0.60 ms a picture" in told[1]
    assert told[2].startswith("tensorrt: fp16 built in ")
    assert told[2].endswith("the engine is missing")
    assert told[4].startswith("tensorrt: int8 chosen (int8 0.40 ms a picture, off by ")


def test_what_is_up_to_date_is_not_done_again(machine: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    compile_networks()
    lines(capsys)
    compile_networks()
    told = lines(capsys)
    assert len(told) == 4
    assert all("is up to date" in line for line in told)
    assert machine.built == [("fp16", None), ("int8", "120 crops")]
    assert (machine.measured, machine.kernels) == (1, 1)


def test_a_stale_engine_is_built_anew_and_the_reason_told(
    machine: SimpleNamespace, cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {**KEY, "precision": "fp16", "driver": "1"}
    key = {**KEY, "precision": "fp16", "driver": "2"}
    file = engine_cache.engine_file(cache / "tensorrt", "fp16", KEY)
    engine_cache.write(file, old, b"old")
    monkeypatch.setattr(tensorrt, "engine_key", lambda model, kind, device: key)
    compile_networks("tensorrt", "fp16")
    told = lines(capsys)
    assert told[0].endswith("the engine is stale: made for driver 1 instead of 2")
    assert told[1] == "tensorrt: fp16 chosen, as asked"
    assert machine.built[-1] == ("fp16", None)


def test_integers_that_cannot_be_built_leave_half_precision(
    machine: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.fault = BackendError("8-bit integers in TensorRT need the package modelopt.")
    compile_networks("tensorrt")
    told = lines(capsys)
    assert told[0].startswith("tensorrt: fp16 built")
    assert told[1:] == ["tensorrt: int8 left out. 8-bit integers in TensorRT need the package modelopt."]
    assert machine.measured == 0
    with pytest.raises(BackendError, match="modelopt"):
        compile_networks("tensorrt", "int8")


def test_an_interruption_leaves_no_half_built_engine(
    machine: SimpleNamespace, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.fault = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        compile_networks("tensorrt")
    assert [file.name for file in (cache / "tensorrt").iterdir()] == ["fp16-nvidia-test.engine"]
    machine.fault = None
    compile_networks("tensorrt")
    told = lines(capsys)
    assert "fp16 is up to date" in told[-3]
    assert machine.measured == 1


@pytest.mark.skipif(torch_cuda.torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_machine_without_a_gpu_is_told_and_served(capsys: pytest.CaptureFixture[str]) -> None:
    compile_networks()
    told = lines(capsys)
    assert len(told) == 3
    assert told[0].startswith("openvino: ")
    assert told[1].startswith("torch: left out. No CUDA GPU")
    assert told[2].startswith("tensorrt: left out. TensorRT ")


@pytest.mark.skipif(torch_cuda.torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("backend", ["torch", "tensorrt"])
def test_a_back_end_that_was_asked_for_and_cannot_be_had_is_an_error(backend: Any) -> None:
    with pytest.raises(BackendError):
        compile_networks(backend)


@pytest.mark.parametrize("backend", [None, "openvino", "torch"])
def test_a_precision_is_chosen_for_tensorrt_only(backend: Any) -> None:
    with pytest.raises(ConfigurationError, match="--backend tensorrt"):
        compile_networks(backend, "int8")


def test_openvinos_choice_is_measured_once(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Painting:
        precision = "bf16"

        def __init__(self, *given: Any) -> None:
            precision.remember(precision.memory_file(), "this machine", "bf16")

    monkeypatch.setattr(command, "PaintNetworks", Painting)
    compile_networks("openvino")
    compile_networks("openvino")
    first, second = lines(capsys)
    assert first.startswith("openvino: bf16 measured to be best in ")
    assert second.startswith("openvino: bf16 is up to date, loaded in ")


def test_the_shipped_crops_are_of_all_portraits_and_of_different_mouths() -> None:
    crops = shipped_crops(10)
    assert crops.inputs.shape == (10, 8, 128, 160)
    assert len(np.unique(crops.photos.reshape(10, -1), axis=0)) == 5
    assert np.ptp(crops.told, axis=0).max() > 0.5


def test_the_precisions_on_offer_are_tensorrts() -> None:
    assert get_args(tensorrt.Precision) == tensorrt.PRECISIONS
