"""Which painter a name stands for: what was asked for, or the next with one clear line, or one clear error."""

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from liveface.engine.backends import tensorrt, torch_cuda  # noqa: E402
from liveface.engine.backends.openvino import PaintNetworks  # noqa: E402
from liveface.engine.drawing.painters import load_painter  # noqa: E402
from liveface.engine.errors import BackendError, CheckpointError  # noqa: E402

WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")


class Painting:
    def __init__(self, model: Any, kernels: str = "") -> None:
        self.kernels = kernels


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if torch had found a GPU; painters only tell how they were made."""
    monkeypatch.setattr(torch_cuda, "usable_device", torch.device)
    monkeypatch.setattr(torch_cuda, "TorchPainter", Painting)
    monkeypatch.setattr(torch_cuda, "chosen_kernels", lambda model: "as remembered")
    monkeypatch.setattr(tensorrt, "TensorRTPainter", Painting)


def refuse(*given: Any) -> Any:
    raise BackendError("TensorRT is on holiday.")


def test_openvino_is_the_usual(model: Path) -> None:
    assert isinstance(load_painter(model), PaintNetworks)


@pytest.mark.usefixtures("gpu")
def test_torch_draws_with_the_kernels_that_were_measured_or_asked_for(model: Path) -> None:
    assert load_painter(model, backend="torch").kernels == "as remembered"  # type: ignore[attr-defined]
    assert load_painter(model, backend="torch-compile").kernels == "compiled"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("gpu")
def test_tensorrt_draws_where_it_can(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    painter = load_painter(model, backend="tensorrt")
    assert isinstance(painter, Painting)
    assert painter.kernels == ""
    assert caplog.messages == []


@pytest.mark.usefixtures("gpu")
def test_tensorrt_gives_way_to_torch_with_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tensorrt, "TensorRTPainter", refuse)
    assert load_painter(model, backend="tensorrt").kernels == "as remembered"  # type: ignore[attr-defined]
    assert caplog.messages == ["TensorRT is on holiday. Drawing with torch instead."]


@WITHOUT_GPU
def test_tensorrt_gives_way_to_openvino_where_torch_cannot_draw_either(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(load_painter(model, backend="tensorrt"), PaintNetworks)
    (line,) = caplog.messages
    assert line.startswith("TensorRT ")
    assert line.endswith(" Drawing with OpenVINO on the CPU instead.")
    assert "\n" not in line


@WITHOUT_GPU
@pytest.mark.parametrize("backend", ["torch", "torch-compile"])
def test_torch_without_a_gpu_is_refused(model: Path, backend: Any) -> None:
    with pytest.raises(BackendError, match="--backend openvino"):
        load_painter(model, backend=backend)


@pytest.mark.parametrize("backend", ["torch", "tensorrt"])
def test_broken_weights_are_no_reason_to_draw_with_something_else(tmp_path: Path, backend: Any) -> None:
    (tmp_path / "default.safetensors").write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match=r"default\.safetensors"):
        load_painter(tmp_path, backend=backend)
