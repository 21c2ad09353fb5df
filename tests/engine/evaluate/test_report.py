"""The files of a report."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("matplotlib")

from liveface.engine.errors import OutputError
from liveface.engine.evaluate import report
from liveface.engine.evaluate.run import HEARD, LOUDNESS, Curves, Row, Sheet

SCORES = {
    "gap_correlation": 0.9,
    "landmark_distance": 1.5,
    "closure_recall": 0.9,
    "au_f1": 0.5,
    "psnr_mouth": float("inf"),
}
ROWS = [Row(LOUDNESS, None, "seen", "motion", 3, SCORES)] + [
    Row(HEARD, lookahead, "seen", "motion", 3, SCORES) for lookahead in range(3)
]


def test_a_report_holds_numbers_definitions_plots_and_sheets(tmp_path: Path) -> None:
    sheet = Sheet("s1 clip", (("true video", np.full((8, 192, 256, 3), 90, np.uint8)),))
    curves = Curves("s1 clip", {"true video": np.linspace(0, 0.1, 75, dtype=np.float32)})
    paths = report.write(tmp_path / "out", {"commit": "abc"}, ROWS, {2: {"silence_motion": 0.0}}, [sheet], [curves])
    assert {path.name for path in paths} == {"report.json", "lookahead.png", "openings.png", "sheet_s1_clip.png"}
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content["about"]["commit"] == "abc"
    assert content["definitions"]["landmark_distance"].startswith("LMD")
    assert len(content["rows"]) == 4
    assert content["rows"][0]["scores"]["psnr_mouth"] is None
    for path in paths[1:]:
        assert cv2.imread(str(path)) is not None
    assert not list((tmp_path / "out").glob(".*"))


def test_a_contact_sheet_puts_a_caption_above_each_row() -> None:
    row = np.full((3, 192, 256, 3), 90, np.uint8)
    picture = report.contact_sheet(Sheet("x", (("one", row), ("two", row))))
    assert picture.shape == (2 * (192 + 18), 3 * 256, 3)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="choose a writable folder"):
        report.write(tmp_path / "taken", {}, ROWS, {})
