"""The torch back end: the same pictures as OpenVINO's, and clear refusals. The recording itself needs a GPU."""

import builtins
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from liveface.engine import checkpoint  # noqa: E402
from liveface.engine.backends import torch_cuda  # noqa: E402
from liveface.engine.backends.openvino import PaintNetworks  # noqa: E402
from liveface.engine.backends.precision import MEAN_LIMIT, REFERENCE, WORST_LIMIT, probe  # noqa: E402
from liveface.engine.backends.torch_cuda import (  # noqa: E402
    SHAPES,
    SIZES,
    TorchPainter,
    choose_kernels,
    chosen_kernels,
    fingerprint,
    fused_drawing,
    gpu_identity,
    measure,
)
from liveface.engine.drawing.renderer import load_renderer  # noqa: E402
from liveface.engine.errors import BackendError, CheckpointError  # noqa: E402
from liveface.engine.face.condition import CONDITION_SIZE  # noqa: E402
from liveface.engine.face.mouth import CROP_SIZE  # noqa: E402
from liveface.engine.model.drawing import load_drawing  # noqa: E402
from liveface.engine.model.generator import Drawing  # noqa: E402

WIDTH, HEIGHT = CROP_SIZE
WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
WITH_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")


def with_other_weights(model: checkpoint.Checkpoint) -> checkpoint.Checkpoint:
    name = "generator.told.0.linear.weight"
    return checkpoint.Checkpoint({**model.tensors, name: model.tensors[name] * 2}, model.configuration, {})


@pytest.fixture(scope="module")
def plain(model: Path) -> TorchPainter:
    return TorchPainter(checkpoint.load(model / "default.safetensors"), "cpu")


def test_it_paints_what_openvino_paints(model: Path, plain: TorchPainter) -> None:
    other = PaintNetworks(model / "identity.onnx", model / "generator.onnx", 1, arithmetic=REFERENCE)
    photo, inputs, told = probe()
    one, its = (painter.begin(inputs, told, painter.identify(photo))() for painter in (plain, other))
    assert one.shape == its.shape == (1, 3, HEIGHT, WIDTH)
    assert one.dtype == its.dtype == np.float32
    assert its.std() > 0.01
    np.testing.assert_allclose(one, its, atol=2e-3)


def test_a_batch_of_three_equals_three_pictures_alone(plain: TorchPainter) -> None:
    photo, inputs, told = probe()
    identity = plain.identify(photo)
    inputs = np.concatenate([np.roll(inputs, 5 * i, axis=3) for i in range(3)])
    told = np.concatenate([told * (i - 1) for i in range(3)])
    together = plain.paint(inputs, told, tuple(np.concatenate([level] * 3) for level in identity))
    alone = [plain.paint(inputs[i : i + 1], told[i : i + 1], identity) for i in range(3)]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)
    assert np.abs(together[0] - together[2]).max() > 0.01


def test_the_norms_in_the_convolutions_change_no_picture(model: Path) -> None:
    _, network = load_drawing(checkpoint.load(model / "default.safetensors"))
    inputs, told = (torch.rand(2, *SHAPES[name]) for name in ("inputs", "told"))
    identity = tuple(torch.rand(2, *shape) for shape in list(SHAPES.values())[2:])
    with torch.no_grad():
        (expected,) = Drawing(network).eval()(inputs, told, *identity)
        fused = fused_drawing(network, torch.float32)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fused.modules())
        (found,) = fused(inputs, told, *identity)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        assert expected.std() > 0.01


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_within_its_tolerance(model: Path, plain: TorchPainter, dtype: Any) -> None:
    half = TorchPainter(checkpoint.load(model / "default.safetensors"), "cpu", dtype)
    photo, inputs, told = probe()
    exact, rounded = (painter.paint(inputs, told, plain.identify(photo)) for painter in (plain, half))
    difference = np.abs(exact - rounded)
    assert 0.0 < difference.mean() <= MEAN_LIMIT
    assert difference.max() <= WORST_LIMIT


def test_other_shapes_are_refused_with_what_was_found_and_expected(plain: TorchPainter) -> None:
    photo, inputs, told = probe()
    identity = plain.identify(photo)
    with pytest.raises(BackendError, match=r"\(1, 8, 64, 160\).*expected .*\(1, 8, 128, 160\)"):
        plain.paint(inputs[:, :, :64], told, identity)
    with pytest.raises(BackendError, match=rf"\(1, {CONDITION_SIZE}\).*expected .*\(2, {CONDITION_SIZE}\)"):
        plain.paint(np.concatenate([inputs] * 2), told, identity)
    with pytest.raises(BackendError, match=r"\(1, 24, 32, 40\).*expected .*\(2, 24, 32, 40\)"):
        plain.paint(np.concatenate([inputs] * 2), np.concatenate([told] * 2), identity)


def test_a_batch_that_is_too_large_is_refused(plain: TorchPainter) -> None:
    photo, inputs, told = probe()
    many = plain.batch + 1
    identity = tuple(np.repeat(level, many, axis=0) for level in plain.identify(photo))
    with pytest.raises(BackendError, match="1 to 64"):
        plain.paint(np.repeat(inputs, many, axis=0), np.repeat(told, many, axis=0), identity)


def test_compiled_kernels_paint_the_same(model: Path, plain: TorchPainter, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def compile_quickly(network: Any, **options: Any) -> Any:
        asked.append(options)
        return network

    monkeypatch.setattr(torch, "compile", compile_quickly)
    painter = TorchPainter(checkpoint.load(model / "default.safetensors"), "cpu", kernels="compiled")
    assert painter.kernels == "compiled"
    # The lanes record CUDA graphs themselves, and each size of batch is a compilation.
    (options,) = asked
    assert options["mode"].endswith("no-cudagraphs")
    assert options["recompile_limit"] >= len(SIZES)
    photo, inputs, told = probe()
    one, its = (each.paint(inputs, told, each.identify(photo)) for each in (painter, plain))
    np.testing.assert_allclose(one, its, atol=1e-5)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("Cannot find a working triton installation. More information", "needs the package triton"),
        ("No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')", r"needs a C\+\+ compiler"),
        ("Something\nelse", r"torch.compile failed \(RuntimeError: Something else\)"),
    ],
)
def test_a_failing_compiler_is_told_in_one_line_and_drawing_goes_on_without(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str, told: str
) -> None:
    def failing(network: Any, **options: Any) -> Any:
        def compiled(*inputs: Any) -> Any:
            raise RuntimeError(fault)

        return compiled

    monkeypatch.setattr(torch, "compile", failing)
    painter = TorchPainter(checkpoint.load(model / "default.safetensors"), "cpu", kernels="compiled")
    assert painter.kernels == "plain"
    (line,) = caplog.messages
    assert re.search(told, line)
    assert line.endswith(": drawing without.")
    assert "\n" not in line
    photo, inputs, told = probe()
    assert painter.paint(inputs, told, painter.identify(photo)).std() > 0.01


def test_the_faster_kernels_are_remembered_for_these_weights_only(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Painting:
        def __init__(self, model: checkpoint.Checkpoint, device: str, kernels: str) -> None:
            self.kernels = kernels

    whole, memory = checkpoint.load(model / "default.safetensors"), tmp_path / "precision.json"
    monkeypatch.setattr(torch_cuda, "TorchPainter", Painting)
    for seconds, expected in (
        ({"plain": 0.004, "compiled": 0.003}, "compiled"),
        ({"plain": 0.004, "compiled": 0.0039}, "plain"),
    ):
        monkeypatch.setattr(torch_cuda, "measure", lambda painter, count, seconds=seconds: seconds[painter.kernels])
        found = choose_kernels(whole, "cpu", memory)
        assert next(iter(found)) == expected
        assert dict(found) == seconds
        assert chosen_kernels(whole, "cpu", memory) == expected
    choose_kernels(other := with_other_weights(whole), "cpu", memory)
    assert len(json.loads(memory.read_text())) == 2
    memory.unlink()
    assert chosen_kernels(other, "cpu", memory) is None


def test_a_network_is_known_by_weights_and_design(model: Path) -> None:
    whole = checkpoint.load(model / "default.safetensors")
    name = "generator.told.0.linear.weight"
    changed = with_other_weights(whole)
    direct = checkpoint.Checkpoint(whole.tensors, {"generator": {"design": "direct"}}, {})
    more = {**whole.tensors, "motion.more": whole.tensors[name]}
    heard = checkpoint.Checkpoint(more, {**whole.configuration, "motion": {"heads": 2}}, {"commit": "other"})
    assert len({fingerprint(one) for one in (whole, changed, direct)}) == 3
    assert fingerprint(heard) == fingerprint(whole)


def test_the_driver_is_read_from_where_it_tells_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "version"
    told.write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 2025\nGCC version: gcc 12.2.0\n"
    )
    monkeypatch.setattr(torch_cuda, "_DRIVER_FILE", told)
    assert gpu_identity(torch.device("cpu"))["driver"] == "580.65.06"
    monkeypatch.setattr(torch_cuda, "_DRIVER_FILE", tmp_path / "absent")
    assert gpu_identity(torch.device("cpu"))["driver"] == "unknown"


def test_a_measured_batch_is_painted(plain: TorchPainter) -> None:
    assert measure(plain, 2) > 0.0


def test_weights_of_another_size_are_refused(model: Path) -> None:
    whole = checkpoint.load(model / "default.safetensors")
    name = "generator.told.0.linear.weight"
    other = checkpoint.Checkpoint({**whole.tensors, name: whole.tensors[name][:, :8]}, whole.configuration, {})
    with pytest.raises(CheckpointError, match="generator network has another size"):
        TorchPainter(other, "cpu")
    without = checkpoint.Checkpoint({k: v for k, v in whole.tensors.items() if k != name}, whole.configuration, {})
    with pytest.raises(CheckpointError, match="generator network has another size"):
        TorchPainter(without, "cpu")
    foreign = checkpoint.Checkpoint(whole.tensors, {"generator": {"design": "cubist"}}, {})
    with pytest.raises(CheckpointError, match="cubist"):
        TorchPainter(foreign, "cpu")


@WITHOUT_GPU
def test_a_machine_without_a_gpu_is_told_what_to_use(model: Path) -> None:
    with pytest.raises(BackendError, match="--backend openvino"):
        load_renderer(model, backend="torch")


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "default.safetensors").write_bytes(b"not weights")
    with pytest.raises(CheckpointError, match=r"default\.safetensors"):
        load_renderer(tmp_path, backend="torch")


def test_an_installation_without_torch_is_told_what_to_install(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def without_torch(name: str, *rest: Any) -> Any:
        if name == "liveface.engine.backends.torch_cuda":
            raise ImportError(name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(BackendError, match=r"liveface\[train\]"):
        load_renderer(model, backend="torch")


@WITH_GPU
def test_a_recording_paints_what_the_cpu_paints(model: Path, plain: TorchPainter) -> None:
    recorded = TorchPainter(checkpoint.load(model / "default.safetensors"), "cuda")
    photo, inputs, told = probe()
    identity = plain.identify(photo)
    for values in (inputs, np.ascontiguousarray(np.roll(inputs, 9, axis=3))):
        exact, rounded = (painter.paint(values, told, identity) for painter in (plain, recorded))
        difference = np.abs(exact - rounded)
        assert difference.mean() <= MEAN_LIMIT
        assert difference.max() <= WORST_LIMIT
