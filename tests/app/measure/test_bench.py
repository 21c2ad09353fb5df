"""Tests of what the benchmark measures, on a small matrix with networks that cost nothing."""

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import liveface.app.commands.bench
import liveface.app.measure.bench
import liveface.app.measure.loopback
import liveface.app.measure.report
from liveface.app.cli import main
from liveface.app.measure.bench import (
    FULL,
    QUALITY,
    QUICK,
    STAGES,
    SUMS,
    Plan,
    back_end,
    candidates,
    floor,
    overhead,
    stages,
)
from liveface.app.measure.loopback import LoopbackReport, Offset
from liveface.app.measure.tables import loopback_grid
from liveface.app.session.pipeline import MODELS
from liveface.app.session.stats import Percentiles
from liveface.engine.backends.openvino import PaintNetworks
from liveface.engine.backends.painter import Painter
from liveface.engine.errors import BackendError
from liveface.engine.media import HOP
from tests import faces
from tests.app.measure.bench_fakes import FakePainter, numbers
from tests.fakes import FakeMotionNetwork

TINY = Plan(0.3, 0.3, 0.02, 0.4, (128,), (1, 3), (2,), False)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def speech() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.random.default_rng(0).uniform(-0.3, 0.3, 20 * HOP + 7).astype(np.float32)


def test_the_stages_of_pictures_are_measured_from_the_first_on(speech: Any) -> None:
    found, picture, moment = stages(FakeMotionNetwork(), FakePainter(), faces.avatar(), speech, 0.3)
    assert set(found) == {*STAGES, *SUMS}
    assert moment > 0
    for phase in (lambda one: one["cold"], lambda one: one["warm"]["mean"], lambda one: one["steady"]["mean"]):
        assert phase(found["draw"]) == pytest.approx(phase(found["generator"]) + phase(found["compositor"]), rel=0.01)
        parts = sum(phase(found[stage]) for stage in ("capture", "hear", "draw", "present"))
        assert parts <= phase(found["picture"])
        assert phase(found["hear"]) >= phase(found["window"])
    assert picture["real_time_factor"] == pytest.approx(picture["fps"] / 25, abs=0.01)


def test_measuring_costs_less_than_two_percent(speech: Any) -> None:
    # Real geometry on a small picture, without the networks: what is measured is a fraction of a real picture.
    found = overhead(FakeMotionNetwork(), FakePainter(), faces.avatar(), speech, 0.3)
    assert 0.0 < found["calculated_percent"] < 2.0
    assert found["percent"] < 2.0 + 3.0 * found["standard_error_percent"]


def test_a_back_end_is_measured_at_every_size_and_batch(speech: Any) -> None:
    painter = FakePainter()
    found = back_end(lambda: painter, FakeMotionNetwork(), faces.avatar(), speech, TINY)
    assert set(found["sides"]) == {"128"}
    assert found["sides"]["128"]["fps"] == pytest.approx(1000 / found["sides"]["128"]["ms"]["mean"], rel=0.01)
    assert set(found["batches"]) == {"1", "3"}
    assert found["batches"]["3"]["generator_fps"] > found["batches"]["3"]["fps"]
    assert {1, 3} <= set(painter.batches)


def test_what_cannot_run_is_listed_with_one_line(speech: Any) -> None:
    def load() -> Painter:
        raise BackendError("No such thing here.\nAnd much more about it.")

    found = back_end(load, FakeMotionNetwork(), faces.avatar(), speech, TINY)
    assert found == {"available": False, "reason": "No such thing here."}


def test_every_arithmetic_of_the_cpu_and_the_gpu_are_candidates() -> None:
    names = set(candidates(with_torch_on_cpu=True))
    assert {"openvino f32", "openvino bf16", "openvino int8", "torch f16 (CUDA)", "torch f32 (CPU)"} <= names
    assert "torch f32 (CPU)" not in candidates(with_torch_on_cpu=False)


@pytest.mark.parametrize("name", ["f32", "int8"])
def test_every_arithmetic_is_measured_whichever_would_be_chosen(name: str) -> None:
    painter = candidates(with_torch_on_cpu=False)[f"openvino {name}"]()
    assert isinstance(painter, PaintNetworks)
    assert painter.precision == name


def test_an_arithmetic_that_is_not_there_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(arithmetic: str) -> Painter:
        raise BackendError(f"{arithmetic} cannot be used here: choose f32.")

    monkeypatch.setattr(liveface.app.measure.bench, "load_painter", refuse)
    with pytest.raises(BackendError, match="no bfloat16 instructions"):
        candidates(with_torch_on_cpu=False)["openvino bf16"]()


def test_the_floor_is_operations_over_the_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveface.app.measure.bench, "operations", lambda path: 4_000_000)
    monkeypatch.setattr(liveface.app.measure.bench, "in_a_fresh_process", lambda program, threads: f"{threads}e9")
    found = floor({"generator": (Path("g"), 2, 8.0), "motion": (Path("m"), 1, 6.0)})
    assert found["peak_gflops"] == {"1": 1.0, "2": 2.0}
    assert (found["generator"]["floor_ms"], found["generator"]["times_the_floor"]) == (2.0, 4.0)
    assert (found["motion"]["floor_ms"], found["motion"]["times_the_floor"]) == (4.0, 1.5)


def test_the_floor_is_found_without_the_packages_for_training(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnx", "torch"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(liveface.app.measure.bench, "in_a_fresh_process", lambda program, threads: "1e9")
    found = floor({"generator": (MODELS / "generator.onnx", 2, 8.0)})
    assert found["generator"]["operations"] > 2e8


def test_the_plans_leave_room_in_their_minutes() -> None:
    # Beside the cells, loading and processes of their own take ten seconds on an unloaded machine.
    assert QUICK.seconds <= 45
    assert FULL.seconds <= 220


def test_the_quality_beside_the_lookaheads_is_that_of_its_source() -> None:
    quality = json.loads(QUALITY.read_text(encoding="utf-8"))
    page = (ROOT / quality["source"].partition(",")[0]).read_text(encoding="utf-8")
    rows = re.findall(r"^\| \**L = (\d)\** \| \**([\d.]+)\** \|[^|]*\|[^|]*\| \**([\d.]+)\**", page, re.MULTILINE)
    assert quality["lookahead"] == {ahead: {"S r": float(known), "U r": float(new)} for ahead, known, new in rows}


def called(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["liveface", "bench", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit:
        main()
    return exit.value.code


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the measurement is asked for; it has made-up results."""
    asked: list[tuple[Any, ...]] = []

    def measure(plan: Plan, soak: float | None, say: Any) -> dict[str, Any]:
        say("nothing")
        asked.append((plan, soak))
        return numbers()

    monkeypatch.setattr(liveface.app.commands.bench, "measure", measure)
    return asked


def test_the_last_line_is_one_json_object(
    measured: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(liveface.app.measure.report, "plots", lambda _: {})
    assert not called(monkeypatch, "--quick", "--seconds", "7", "--out", tmp_path / "out")
    assert measured == [(QUICK, 7.0)]
    output = capsys.readouterr().out
    assert json.loads(output.splitlines()[-1]) == numbers()
    assert "Stages of a picture" in output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bench.json", "report.html"]
    old = tmp_path / "old.txt"
    old.write_text(output)
    assert not called(monkeypatch, "--compare", old)
    assert measured[1:] == [(FULL, None)]
    assert re.search(r"picture\.fps +50 +50 +1\.000", capsys.readouterr().out)


def test_nothing_is_measured_if_the_results_could_not_be_used(
    measured: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no numbers")
    monkeypatch.setattr(liveface.app.commands.bench, "find_spec", lambda _: None)
    for arguments, complaint in (
        (("--compare", tmp_path / "file"), "is not a result of liveface bench"),
        (("--compare", tmp_path / "missing"), "cannot be read to compare with (No such file or directory)"),
        (("--out", tmp_path / "file"), "choose another with --out."),
        (("--out", tmp_path / "out"), 'need the package matplotlib: pip install "liveface[plots]", or leave out'),
    ):
        assert called(monkeypatch, *arguments) == 2
        error = capsys.readouterr().err
        assert complaint in error
        assert error.count("\n") == 1
    assert measured == []


def test_the_loopback_is_shown_and_ends_in_json(
    measured: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_loopback(kind: str, seconds: float) -> LoopbackReport:
        assert (kind, seconds) == ("file", 9.0)
        return LoopbackReport("file", False, Percentiles(150, 165, 170), Offset(-1.0, 4.0), 2.0, 3.0, 200, 1, 9, 0.0)

    monkeypatch.setattr(liveface.app.measure.loopback, "run_loopback", run_loopback)
    assert not called(monkeypatch, "--loopback", "file", "--seconds", 9)
    output = capsys.readouterr().out
    assert "p50 150.0, p95 165.0" in output
    assert "200 seen, 1 missed" in output
    assert "want of a virtual microphone, to what a file shows" in output
    assert json.loads(output.splitlines()[-1])["av_offset_ms"] == {"p50": -1.0, "p95": 4.0}
    assert measured == []


def test_the_loopback_over_webrtc_is_told_both_ways() -> None:
    delay = Percentiles(150, 165, 170)
    report = LoopbackReport("webrtc", False, delay, Offset(-1.0, 4.0), 2.0, 3.0, 200, 1, 9, 0.0, Offset(-7.0, 19.0))
    grid = loopback_grid(asdict(report))
    assert "over WebRTC" in grid.title
    assert ("sound later than picture, ms", "p50 -1.0, p95 of its size 4.0") in grid.rows
    assert ("the same by arrival, ms", "p50 -7.0, p95 of its size 19.0") in grid.rows


def test_the_loopback_takes_no_other_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(monkeypatch, "--loopback", "file", "--quick") == 2
    assert "give it --seconds only" in capsys.readouterr().err
    assert called(monkeypatch, "--loopback", "radio") == 2
    assert "choose window, file or webrtc" in capsys.readouterr().err


def test_control_c_leaves_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(liveface.app.commands.bench, "measure", interrupted)
    assert called(monkeypatch, "--out", tmp_path / "out") == 130
    assert list((tmp_path / "out").iterdir()) == []


def test_the_shipped_model_is_measured_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveface.app.measure.bench, "in_a_fresh_process", lambda *_, **__: "2e9")
    monkeypatch.setattr(
        liveface.app.measure.bench, "candidates", lambda _: {"openvino f32": liveface.app.measure.bench.load_painter}
    )
    said: list[str] = []
    found = liveface.app.measure.bench.measure(TINY, 0.5, said.append)
    assert found["backends"]["openvino f32"]["available"]
    assert found["soak"]["frames"] > 0
    assert found["cold"]["to_first_picture_s"] > found["cold"]["drawing_networks_s"]
    assert found["floor"]["generator"]["operations"] > 2e8
    assert found["floor"]["motion"]["operations"] > 2e6
    assert "stages of a picture" in said
    json.dumps(found, allow_nan=False)
