"""Tests of the checkpoint file: what is written is read back, and anything else is refused in one sentence."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from liveface.engine import checkpoint
from liveface.engine.errors import CheckpointError, OutputError

TENSORS = {
    "motion.weight": np.arange(12, dtype=np.float32).reshape(3, 4).T,
    "motion.bias": np.array(2.5, np.float32),
    "generator.weight": np.array([[1, 2]], np.float16),
}
CONFIGURATION = {"motion": {"width": 128, "dilations": [1, 2, 4, 8]}}
PROVENANCE = {"data": "synthetic", "metrics": {"correlation": 0.92}}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "new" / "model.safetensors"
    checkpoint.save(path, TENSORS, CONFIGURATION, PROVENANCE)
    return path


def test_what_is_saved_is_loaded(saved: Path) -> None:
    loaded = checkpoint.load(saved)
    assert loaded.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert loaded.tensors[name].dtype == tensor.dtype
        np.testing.assert_array_equal(loaded.tensors[name], tensor)
    assert loaded.configuration == CONFIGURATION
    assert loaded.provenance == PROVENANCE


def test_a_part_is_named_without_its_prefix(saved: Path) -> None:
    assert checkpoint.load(saved).part("motion").keys() == {"weight", "bias"}


def test_an_absent_part_is_refused_with_what_is_there(saved: Path) -> None:
    with pytest.raises(CheckpointError, match="no identity network but generator, motion"):
        checkpoint.load(saved).part("identity")


def test_no_temporary_file_is_left(saved: Path) -> None:
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]


def test_a_failed_save_leaves_the_old_file_and_nothing_else(saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(TypeError):
        checkpoint.save(saved, TENSORS, {"a set is no JSON": {1}}, PROVENANCE)
    assert saved.read_bytes() == before
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]


def test_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        checkpoint.save(tmp_path / "file" / "model.safetensors", TENSORS, CONFIGURATION, PROVENANCE)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        checkpoint.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_truncated_file_is_refused(saved: Path, kept: int) -> None:
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        checkpoint.load(saved)


def test_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "photo.safetensors"
    path.write_bytes(b"\xff\xd8\xff\xe0 not weights at all" * 100)
    with pytest.raises(CheckpointError, match="not a complete safetensors file"):
        checkpoint.load(path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "another program"),
        ({"format": "pt"}, "another program"),
        ({"liveface": "99"}, "format 99"),
        ({"liveface": checkpoint.FORMAT}, "damaged description"),
        ({"liveface": checkpoint.FORMAT, "configuration": "{", "provenance": "{}"}, "damaged description"),
    ],
)
def test_foreign_weights_are_refused(tmp_path: Path, metadata: dict[str, str] | None, message: str) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"motion.weight": np.zeros(3, np.float32)}, path, metadata)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(path)
