"""The torch back end: the same pictures as OpenVINO's, and clear refusals. The recording itself needs a GPU."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from engine import checkpoint  # noqa: E402
from engine.backends.openvino import PaintNetworks  # noqa: E402
from engine.backends.precision import MEAN_LIMIT, WORST_LIMIT, probe  # noqa: E402
from engine.backends.torch_cuda import TorchPainter  # noqa: E402
from engine.errors import BackendError, CheckpointError  # noqa: E402
from engine.renderer import load_renderer  # noqa: E402

WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
WITH_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")


@pytest.fixture(scope="module")
def plain(model: Path) -> TorchPainter:
    return TorchPainter(checkpoint.load(model / "default.safetensors"), "cpu")


def test_it_paints_what_openvino_paints(model: Path, plain: TorchPainter, tmp_path: Path) -> None:
    other = PaintNetworks(model / "identity.onnx", model / "generator.onnx", 1, tmp_path / "precision.json")
    photo, inputs, code = probe()
    for one, its in zip(plain.identify(photo), other.identify(photo), strict=True):
        assert one.dtype == its.dtype == np.float32
        np.testing.assert_allclose(one, its, atol=2e-3)
    identity = other.identify(photo)
    for one, its in zip(plain.paint(inputs, code, identity), other.paint(inputs, code, identity), strict=True):
        assert one.shape == its.shape == (1, 3, 96, 128)
        assert its.std() > 0.01
        np.testing.assert_allclose(one, its, atol=2e-3)


def test_a_batch_of_three_equals_three_pictures_alone(plain: TorchPainter) -> None:
    photo, inputs, code = probe()
    identity = plain.identify(photo)
    inputs = np.concatenate([np.roll(inputs, 5 * i, axis=3) for i in range(3)])
    code = np.concatenate([code * (i - 1) for i in range(3)])
    together = plain.paint(inputs, code, tuple(np.concatenate([level] * 3) for level in identity))
    alone = [plain.paint(inputs[i : i + 1], code[i : i + 1], identity) for i in range(3)]
    for index in range(2):
        np.testing.assert_allclose(together[index], np.concatenate([one[index] for one in alone]), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_within_its_tolerance(model: Path, plain: TorchPainter, dtype: Any) -> None:
    half = TorchPainter(checkpoint.load(model / "default.safetensors"), "cpu", dtype)
    photo, inputs, code = probe()
    exact, rounded = (painter.paint(inputs, code, plain.identify(photo)) for painter in (plain, half))
    difference = np.abs(np.concatenate(exact) - np.concatenate(rounded))
    assert 0.0 < difference.mean() <= MEAN_LIMIT
    assert difference.max() <= WORST_LIMIT


def test_other_shapes_are_refused_with_what_was_found_and_expected(plain: TorchPainter) -> None:
    photo, inputs, code = probe()
    identity = plain.identify(photo)
    with pytest.raises(BackendError, match=r"\(1, 8, 48, 128\).*expected .*\(1, 8, 96, 128\)"):
        plain.paint(inputs[:, :, :48], code, identity)
    with pytest.raises(BackendError, match=r"\(1, 16\).*expected .*\(2, 16\)"):
        plain.paint(np.concatenate([inputs] * 2), code, identity)
    with pytest.raises(BackendError, match=r"\(1, 56, 24, 32\).*expected .*\(2, 56, 24, 32\)"):
        plain.paint(np.concatenate([inputs] * 2), np.concatenate([code] * 2), identity)


def test_weights_of_another_size_are_refused(model: Path) -> None:
    whole = checkpoint.load(model / "default.safetensors")
    name = "generator.motion.weight"
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
        if name == "engine.backends.torch_cuda":
            raise ImportError(name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(BackendError, match=r"liveface\[train\]"):
        load_renderer(model, backend="torch")


@WITH_GPU
def test_a_recording_paints_what_the_cpu_paints(model: Path, plain: TorchPainter) -> None:
    recorded = TorchPainter(checkpoint.load(model / "default.safetensors"), "cuda")
    photo, inputs, code = probe()
    identity = plain.identify(photo)
    for values in (inputs, np.ascontiguousarray(np.roll(inputs, 9, axis=3))):
        exact, rounded = (painter.paint(values, code, identity) for painter in (plain, recorded))
        difference = np.abs(np.concatenate(exact) - np.concatenate(rounded))
        assert difference.mean() <= MEAN_LIMIT
        assert difference.max() <= WORST_LIMIT
