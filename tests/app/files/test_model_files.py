"""Tests of the list of a model's files, and that the shipped one is true."""

import shutil
import subprocess
from pathlib import Path

import pytest

from liveface.app.files.model_files import LIST, check_sums, write_sums
from liveface.app.session.pipeline import MODELS
from liveface.engine.errors import CheckpointError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b.onnx").write_bytes(b"network")
    (tmp_path / "a.safetensors").write_bytes(b"weights")
    (tmp_path / "README.md").write_text("not listed")
    write_sums(tmp_path)
    return tmp_path


def test_the_shipped_list_is_true() -> None:
    # After a change of the model: .venv/bin/python scripts/list_model_files.py
    assert check_sums(MODELS) == 11


def test_every_model_file_is_listed_in_the_format_of_sha256sum(folder: Path) -> None:
    assert check_sums(folder) == 2
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", LIST], cwd=folder, check=True)


def test_missing_and_changed_files_are_named(folder: Path) -> None:
    (folder / "b.onnx").write_bytes(b"another")
    (folder / "a.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"a.safetensors is missing, b.onnx is not the listed one.*install"):
        check_sums(folder)


def test_a_folder_without_a_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"{LIST} cannot be read"):
        check_sums(tmp_path)
