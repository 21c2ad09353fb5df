"""Tests of the benchmark's tables, comparison, plots and page, on made-up numbers."""

import json
import re
from io import StringIO
from pathlib import Path

import cv2
import pytest
from rich.console import Console

import liveface.app.measure.report
from liveface.app.measure.report import read, require_writable, write
from liveface.app.measure.tables import grids, show
from liveface.engine.errors import ConfigurationError, OutputError
from tests.app.measure.bench_fakes import numbers, soak


def shown(new: dict[str, object], old: dict[str, object] | None = None) -> str:
    text = StringIO()
    show(Console(file=text, width=200), grids(new, old))
    return text.getvalue()


def test_the_tables_show_every_stage_back_end_and_lookahead_with_the_reason_of_what_cannot_run() -> None:
    text = shown(numbers())
    for name in ("capture", "window", "features", "motion", "generator", "compositor", "encode", "present"):
        assert re.search(rf"{name} +9\.00 +1\.50 +1\.50 +3\.00 +4\.00 +5\.00", text)
    assert "openvino bf16: no [bfloat16]" in text
    assert re.search(r" 0 +85 +1\.50 +3\.00 +4\.00 +5\.00 +25\.0 +0 +0\.900 +0\.800", text)
    assert re.search(r" 6 +85 +- +- +- +- +25\.0", text)
    assert "+0.10 +- 0.20 %" in text
    assert "live session of" not in text


def test_a_live_session_is_shown_with_the_errors_of_its_slopes() -> None:
    text = shown(numbers() | {"soak": soak()})
    assert "A live session of 60 s" in text
    assert "+0.50 +- 0.40 MB per hour" in text
    assert "1 of 1500 skipped" in text


def test_a_missing_package_is_the_reason_for_a_missing_floor() -> None:
    assert "the package onnx is missing" in shown(numbers() | {"floor": {"reason": "the package onnx is missing"}})


def test_a_comparison_divides_new_by_old_and_knows_what_is_better() -> None:
    text = shown(numbers(2.0), numbers(1.0))
    assert "commit1 to commit2" in text
    assert re.search(r"stages_ms\.draw\.steady\.p50 +1\.5 +3 +2\.000 +worse", text)
    assert re.search(r"picture\.fps +50 +25 +0\.500 +worse", text)
    assert re.search(r"cold\.avatar_s +0\.01 +0\.01 +1\.000 *\n", text)
    faster = shown(numbers(0.5), numbers(1.0))
    assert re.search(r"picture\.fps .* 2\.000 +better", faster)
    assert "worse" not in faster


def test_what_is_no_measurement_is_not_compared() -> None:
    text = shown(numbers(2.0), numbers(1.0)).partition("Compared")[2]
    for name in ("operations", "count", "machine", "quality", "promised"):
        assert name not in text


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files."""
    out = tmp_path_factory.mktemp("report")
    paths = write(out, numbers() | {"soak": soak()}, numbers(2.0))
    assert sorted(paths) == sorted(out.iterdir())
    return out


def test_every_file_is_written_and_nothing_else(report: Path) -> None:
    names = ["batch.png", "bench.json", "lookahead.png", "report.html", "soak.png", "stages.png"]
    assert sorted(path.name for path in report.iterdir()) == names


def test_the_page_needs_no_other_file_and_escapes_what_it_shows(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 4
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "A &lt;fast&gt; processor" in page
    assert "<fast>" not in page


def test_the_plots_are_pictures_with_something_in_them(report: Path) -> None:
    for path in report.glob("*.png"):
        picture = cv2.imread(str(path))
        assert picture is not None
        assert picture.shape[0] > 400
        assert picture.std() > 10


def test_a_machine_on_which_nothing_was_in_time_has_a_report_too(tmp_path: Path) -> None:
    late = numbers()
    for live in late["lookaheads"].values():
        live["mic_to_picture_ms"] = None
    late["backends"]["openvino f32"] = {"available": False, "reason": "broken"}
    late["stages_ms"]["encode"]["steady"] = None
    assert (tmp_path / "report.html") in write(tmp_path, late, None)


def test_older_numbers_are_read_from_a_file_or_from_the_output(report: Path, tmp_path: Path) -> None:
    assert read(report / "bench.json") == numbers() | {"soak": soak()}
    output = tmp_path / "output.txt"
    output.write_text(f"a table\n{json.dumps(numbers())}\n")
    assert read(output) == numbers()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read to compare with"),
        (b"nonsense", "is not a result of liveface bench"),
        (b"[1, 2]", "is not a result of liveface bench"),
        (b'{"liveface_bench": 99}', "or of another version"),
        (b"\xff\xfe", "is not text"),
        (b"", "is not a result of liveface bench"),
    ],
)
def test_what_cannot_be_compared_with_is_refused_in_a_sentence(
    content: bytes | None, complaint: str, tmp_path: Path
) -> None:
    path = tmp_path / "old.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"{complaint}.*: give the bench.json") as error:
        read(path)
    assert "\n" not in str(error.value)


def test_a_folder_that_cannot_be_written_to_is_refused_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"choose another with --out\."):
        require_writable(tmp_path / "file" / "out")
    require_writable(tmp_path / "new" / "out")
    assert list((tmp_path / "new" / "out").iterdir()) == []


def test_a_file_that_cannot_be_replaced_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveface.app.measure.report, "plots", lambda _: {})
    (tmp_path / "bench.json" / "folder").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"bench\.json cannot be written"):
        write(tmp_path, numbers(), None)
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]
