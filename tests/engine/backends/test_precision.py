"""The choice of arithmetic: exact enough first, then fast, and a memory that may fail without harm."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from liveface.engine.backends.precision import (
    MEAN_LIMIT,
    WORST_LIMIT,
    Trial,
    choose,
    measure,
    memory_file,
    probe,
    recall,
    remember,
)
from liveface.engine.face.condition import CONDITION_SIZE

SLOW = Trial(0.010, 0.0, 0.0)
NAMES = ("f32", "bf16", "int8")


def test_the_fastest_of_those_that_are_exact_enough_wins() -> None:
    bf16, int8 = Trial(0.006, 0.001, 0.02), Trial(0.004, 0.002, 0.03)
    assert choose({"f32": SLOW, "bf16": bf16}) == "bf16"
    assert choose({"f32": SLOW, "bf16": bf16, "int8": int8}) == "int8"


@pytest.mark.parametrize(
    "error", [(MEAN_LIMIT * 1.01, 0.03), (0.001, WORST_LIMIT * 1.01), (math.nan, 0.03), (0.001, math.nan)]
)
def test_a_precision_outside_the_tolerance_is_refused_however_fast(error: tuple[float, float]) -> None:
    assert choose({"f32": SLOW, "int8": Trial(0.001, *error)}) == "f32"


def test_a_precision_at_the_tolerance_is_accepted() -> None:
    assert choose({"f32": SLOW, "int8": Trial(0.001, MEAN_LIMIT, WORST_LIMIT)}) == "int8"


def test_less_exact_must_be_faster_by_a_tenth() -> None:
    assert choose({"f32": SLOW, "bf16": Trial(0.0095, 0.001, 0.01)}) == "f32"
    assert choose({"f32": SLOW}) == "f32"


def test_a_measurement_compares_every_output_with_the_reference() -> None:
    reference = [np.zeros((1, 3, 2, 2), np.float32), np.ones((1, 3, 2, 2), np.float32)]
    other = [reference[0] + np.float32(0.25), reference[1].copy()]
    other[1][0, 0, 0, 0] = 0.0
    trial = measure(lambda: other, reference)
    assert trial.mean == pytest.approx((12 * 0.25 + 1.0) / 24)
    assert trial.worst == 1.0
    assert trial.seconds > 0.0
    assert not trial.is_exact_enough
    assert measure(lambda: reference, reference).is_exact_enough


def test_a_result_that_is_not_finite_is_never_exact_enough() -> None:
    assert not measure(lambda: [np.full(4, np.nan, np.float32)], [np.zeros(4, np.float32)]).is_exact_enough


def test_a_decision_is_remembered_under_its_key_only(tmp_path: Path) -> None:
    file = tmp_path / "liveface" / "precision.json"
    assert recall(file, "here", NAMES) is None
    remember(file, "here", "int8")
    remember(file, "there", "f32")
    assert recall(file, "here", NAMES) == "int8"
    assert recall(file, "there", NAMES) == "f32"
    assert recall(file, "elsewhere", NAMES) is None
    remember(file, "here", "bf16")
    assert recall(file, "here", NAMES) == "bf16"
    assert [path.name for path in file.parent.iterdir()] == ["precision.json"]


def test_a_remembered_precision_that_is_no_candidate_any_more_is_forgotten(tmp_path: Path) -> None:
    remember(tmp_path / "precision.json", "here", "int8")
    assert recall(tmp_path / "precision.json", "here", ("f32", "bf16")) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'{"here": ["f32"]}', b"\xff\xfe", b"null"])
def test_a_broken_memory_is_empty_and_is_mended(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "precision.json"
    file.write_bytes(content)
    assert recall(file, "here", NAMES) is None
    remember(file, "here", "f32")
    assert recall(file, "here", NAMES) == "f32"


def test_a_memory_that_cannot_be_written_or_read_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    under_a_file = tmp_path / "file" / "precision.json"
    remember(under_a_file, "here", "f32")
    assert recall(under_a_file, "here", NAMES) is None
    a_folder = tmp_path / "precision.json"
    a_folder.mkdir()
    remember(a_folder, "here", "f32")
    assert recall(a_folder, "here", NAMES) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "precision.json"]


def test_the_memory_stays_small(tmp_path: Path) -> None:
    file = tmp_path / "precision.json"
    for number in range(50):
        remember(file, f"model {number}", "f32")
    assert len(json.loads(file.read_text())) <= 32
    assert recall(file, "model 49", NAMES) == "f32"


def test_the_memory_lies_in_the_cache_folder_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert memory_file() == tmp_path / "liveface" / "precision.json"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for unusable in ("", "relative/cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert memory_file() == tmp_path / "home" / ".cache" / "liveface" / "precision.json"


def test_the_drawn_mouth_has_the_values_of_a_real_one() -> None:
    for array, shape in zip(probe(), ((1, 4, 128, 160), (1, 8, 128, 160), (1, CONDITION_SIZE)), strict=True):
        assert array.shape == shape
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    photo, inputs, _ = probe()
    assert min(photo.min(), inputs.min()) >= 0.0
    assert max(photo.max(), inputs.max()) <= 1.0
    assert all(plane.max() > 0.9 for plane in inputs[0, 3:7])
    assert (inputs[0, 3] <= inputs[0, 4]).all(), "the opening lies within the lips"
    assert inputs[0, 7].max() == inputs[0, 7].min(), "teeth are the photo's own everywhere or nowhere"
