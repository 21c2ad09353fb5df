"""Compiled networks in files: whole or absent, and never one that was made for something else."""

from pathlib import Path

import pytest

from liveface.engine.backends.engine_cache import engine_file, read, write
from liveface.engine.errors import OutputError

KEY = {"GPU": "NVIDIA H200 (SXM)", "driver": "580.65.06", "torch": "2.13.0", "network": "abc"}
ENGINE = bytes(range(256)) + b"\n{}\n" * 3


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return engine_file(tmp_path / "cache", "fp16", KEY)


def test_what_was_written_is_read(file: Path) -> None:
    write(file, KEY, ENGINE)
    assert read(file, KEY).engine == ENGINE
    assert file.name == "fp16-nvidia-h200-sxm.engine"
    assert list(file.parent.iterdir()) == [file]


def test_a_missing_file_holds_none(file: Path) -> None:
    found = read(file, KEY)
    assert found.engine is None
    assert found.fault == "is missing"


@pytest.mark.parametrize("name", KEY)
def test_a_change_of_anything_that_it_was_made_for_makes_it_stale(file: Path, name: str) -> None:
    write(file, KEY, ENGINE)
    found = read(file, {**KEY, name: "other"})
    assert found.engine is None
    assert found.fault == f"is stale: made for {name} {KEY[name]} instead of other"


def test_an_engine_that_was_made_knowing_less_is_stale(file: Path) -> None:
    write(file, KEY, ENGINE)
    assert "is stale: made for CUDA unknown instead of 13.0" in read(file, {**KEY, "CUDA": "13.0"}).fault


@pytest.mark.parametrize("kept", [0, 10, 200, -1])
def test_a_file_that_was_cut_off_is_broken(file: Path, kept: int) -> None:
    write(file, KEY, ENGINE)
    file.write_bytes(file.read_bytes()[:kept])
    assert read(file, KEY).engine is None
    assert read(file, KEY).fault == "is broken"


@pytest.mark.parametrize(
    "content", [b"[]\n", b"\xff\xfe\n", b'{"liveface engine 1": 3, "sha256": ""}\n', b"null\nengine"]
)
def test_a_file_of_something_else_is_broken(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    assert read(file, KEY).fault == "is broken"


def test_an_engine_with_a_changed_byte_is_broken(file: Path) -> None:
    write(file, KEY, ENGINE)
    whole = bytearray(file.read_bytes())
    whole[-5] ^= 1
    file.write_bytes(whole)
    assert read(file, KEY).fault == "is broken"


def test_a_new_engine_replaces_the_stale_one(file: Path) -> None:
    newer = {**KEY, "driver": "590.1"}
    assert engine_file(file.parent, "fp16", newer) == file
    write(file, KEY, ENGINE)
    write(file, newer, b"newer")
    assert read(file, newer).engine == b"newer"
    assert list(file.parent.iterdir()) == [file]


def test_precisions_and_gpus_have_files_of_their_own(tmp_path: Path) -> None:
    others = [engine_file(tmp_path, "int8", KEY), engine_file(tmp_path, "fp16", {**KEY, "GPU": "NVIDIA L4"})]
    assert len({engine_file(tmp_path, "fp16", KEY), *others}) == 3


def test_an_interrupted_write_leaves_the_old_engine_and_nothing_else(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, KEY, ENGINE)

    def interrupted(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(file, KEY, b"half")
    assert read(file, KEY).engine == ENGINE
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(OutputError, match="XDG_CACHE_HOME"):
        write(tmp_path / "cache" / "fp16.engine", KEY, ENGINE)


def test_a_file_that_cannot_be_read_is_told(file: Path) -> None:
    file.mkdir(parents=True)
    assert "cannot be read" in read(file, KEY).fault
