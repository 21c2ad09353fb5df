"""The drawing networks on OpenVINO: what was trained, in the arithmetic that was measured to be best."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from liveface import assets
from liveface.engine.backends import openvino, precision
from liveface.engine.backends.openvino import PaintNetworks
from liveface.engine.backends.precision import Trial
from liveface.engine.errors import BackendError, CheckpointError
from liveface.engine.face.mouth import CROP_SIZE

Array = precision.Array


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "precision.json"


@pytest.fixture
def with_integers(model: Path, tmp_path: Path) -> Path:
    """A copy of the model beside which a second network file lies, where the one in 8-bit integers would."""
    folder = tmp_path / "models"
    shutil.copytree(model, folder)
    shutil.copy(folder / "generator.onnx", folder / "generator.int8.onnx")
    return folder


def load(folder: Path, memory: Path, threads: int = 1) -> PaintNetworks:
    return PaintNetworks(folder / "identity.onnx", folder / "generator.onnx", threads, memory)


def varied(count: int) -> tuple[Array, Array]:
    """Different but lifelike `inputs` and `told` for a batch."""
    _, inputs, told = precision.probe()
    rows = [np.roll(inputs, 5 * i, axis=3) * (1.0 - 0.1 * i) for i in range(count)]
    return np.concatenate(rows).astype(np.float32), np.concatenate([told * (i - 1) for i in range(count)])


def test_a_batch_of_three_equals_three_pictures_alone(model: Path, memory: Path) -> None:
    painter = load(model, memory)
    photo, _, _ = precision.probe()
    identity = painter.identify(photo)
    inputs, told = varied(3)
    together = painter.paint(inputs, told, tuple(np.concatenate([level] * 3) for level in identity))
    alone = [painter.paint(inputs[i : i + 1], told[i : i + 1], identity) for i in range(3)]
    assert together.shape == (3, 3, *CROP_SIZE[::-1])
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)
    assert np.abs(together[0] - together[2]).max() > 0.01


def test_what_was_painted_is_not_overwritten_by_the_next_picture(model: Path, memory: Path) -> None:
    painter = load(model, memory)
    photo, inputs, told = precision.probe()
    identity = painter.identify(photo)
    change = painter.paint(inputs, told, identity)
    before = change.copy()
    assert np.abs(painter.paint(1.0 - inputs, told, identity) - before).max() > 0.01
    np.testing.assert_array_equal(change, before)


def test_an_identity_is_not_overwritten_by_the_next_photo(model: Path, memory: Path) -> None:
    painter = load(model, memory)
    photo, _, _ = precision.probe()
    first = painter.identify(photo)
    before = [level.copy() for level in first]
    painter.identify(1.0 - photo)
    for level, kept in zip(first, before, strict=True):
        np.testing.assert_array_equal(level, kept)


def test_without_a_choice_nothing_is_measured_or_kept(
    model: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "_candidates", lambda generator: {"f32": (generator, "f32")})
    assert load(model, memory).precision == "f32"
    assert not memory.exists()


def test_a_choice_is_measured_once_and_then_remembered(
    with_integers: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def decide(trials: dict[str, Trial]) -> str:
        measured.append(trials)
        return "int8"

    monkeypatch.setattr(precision, "choose", decide)
    assert load(with_integers, memory).precision == "int8"
    assert load(with_integers, memory).precision == "int8"
    (trials,) = measured
    assert {"f32", "int8"} <= set(trials)
    # The same network twice: as exact, and about as fast.
    assert trials["int8"].worst <= 1e-5
    assert trials["f32"].seconds > 0.0


def test_an_arithmetic_of_ones_own_is_used_without_measuring(with_integers: Path, memory: Path) -> None:
    files = with_integers / "identity.onnx", with_integers / "generator.onnx"
    assert PaintNetworks(*files, memory=memory, arithmetic="int8").precision == "int8"
    assert not memory.exists()
    with pytest.raises(BackendError, match="bf8 cannot be used here: choose f32"):
        PaintNetworks(*files, memory=memory, arithmetic="bf8")


def test_another_network_or_number_of_threads_is_measured_anew(
    with_integers: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(with_integers, memory)
    load(with_integers, memory, threads=2)
    assert len(json.loads(memory.read_text())) == 2
    with (with_integers / "identity.onnx").open("ab") as file:
        file.write(b"\x7a\x00")  # an unknown field, which readers skip
    load(with_integers, memory)
    assert len(json.loads(memory.read_text())) == 3


def test_an_inexact_network_of_integers_is_refused_by_measurement(model: Path, tmp_path: Path, memory: Path) -> None:
    onnx = pytest.importorskip("onnx")
    folder = tmp_path / "models"
    shutil.copytree(model, folder)
    network = onnx.load(folder / "generator.onnx")
    (weight,) = (tensor for tensor in network.graph.initializer if tensor.name.endswith("told.0.linear.weight"))
    values = onnx.numpy_helper.to_array(weight)
    weight.CopyFrom(onnx.numpy_helper.from_array(np.full_like(values, 40.0), weight.name))
    onnx.save(network, folder / "generator.int8.onnx")
    assert load(folder, memory).precision != "int8"


def test_an_unwritable_memory_does_no_harm(with_integers: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    painter = load(with_integers, tmp_path / "file" / "precision.json")
    assert painter.precision in ("f32", "bf16", "int8")


@pytest.mark.parametrize("name", ["identity.onnx", "generator.onnx", "generator.int8.onnx"])
def test_a_broken_network_file_is_named(with_integers: Path, memory: Path, name: str) -> None:
    (with_integers / name).write_bytes((with_integers / name).read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=name):
        load(with_integers, memory)


def test_a_missing_network_file_is_named(with_integers: Path, memory: Path) -> None:
    (with_integers / "generator.onnx").unlink()
    with pytest.raises(CheckpointError, match=r"generator\.onnx is missing"):
        load(with_integers, memory)


def test_networks_in_each_others_place_are_refused(model: Path, memory: Path) -> None:
    with pytest.raises(CheckpointError, match=r"generator\.onnx is not an identity encoder"):
        PaintNetworks(model / "generator.onnx", model / "generator.onnx", 1, memory)
    with pytest.raises(CheckpointError, match=r"identity\.onnx is not a generator"):
        PaintNetworks(model / "identity.onnx", model / "identity.onnx", 1, memory)


def test_the_shipped_integers_are_those_of_the_shipped_generator() -> None:
    onnx = pytest.importorskip("onnx", reason="the train extra is not installed")
    generator = Path(assets.__file__).parent / "models" / "generator.onnx"
    quantised = generator.with_suffix(".int8.onnx")
    if not quantised.is_file():
        pytest.skip("no generator in 8-bit integers is shipped")
    told = {entry.key: entry.value for entry in onnx.load(quantised).metadata_props}
    assert told["source"] == hashlib.sha256(generator.read_bytes()).hexdigest()
