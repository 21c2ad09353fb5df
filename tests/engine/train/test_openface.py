"""OpenFace tables: their columns, their times, their failures."""

from pathlib import Path

import numpy as np
import pytest

from liveface.engine.errors import MediaError
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.train import openface

POSITION = {unit: index for index, unit in enumerate(ACTION_UNITS)}


def write(
    path: Path, rows: list[list[float]], header: str = "frame, timestamp, success, AU10_r, AU25_r, AU25_c"
) -> Path:
    path.write_text("\n".join([header, *(", ".join(str(value) for value in row) for row in rows)]) + "\n")
    return path


@pytest.mark.parametrize("space", ["", " "])
def test_columns_are_read_with_and_without_leading_spaces(tmp_path: Path, space: str):
    header = f"frame,{space}timestamp,{space}success,{space}AU10_r,{space}AU25_r,{space}AU25_c"
    table = write(tmp_path / "clip.csv", [[1, 0.0, 1, 0.5, 2.5, 1], [2, 0.04, 1, 0.25, 0.0, 0]], header)
    units = openface.read(table, 2)
    assert units.shape == (2, len(ACTION_UNITS))
    assert units[:, POSITION[25]].tolist() == [2.5, 0.0]
    assert units[:, POSITION[10]].tolist() == [0.5, 0.25]


def test_units_that_openface_lacks_and_frames_without_a_face_are_unknown(tmp_path: Path):
    table = write(tmp_path / "clip.csv", [[1, 0.0, 1, 1, 1, 1], [2, 0.04, 0, 3, 3, 1], [3, 0.08, 1, 1, 1, 1]])
    units = openface.read(table, 3)
    assert np.isnan(units[1]).all()
    assert np.isnan(units[:, [POSITION[18], POSITION[24]]]).all()
    assert np.isfinite(units[[0, 2]][:, POSITION[25]]).all()


def test_rows_at_thirty_a_second_are_taken_by_their_time(tmp_path: Path):
    rows = [[k + 1, round(k / 30, 3), 1, 0, k / 10, 1] for k in range(12, 30)]
    table = write(tmp_path / "clip.csv", [[k + 1, round(k / 30, 3), 1, 0, 1.0, 1] for k in range(12)] + rows)
    units = openface.read(table, 25)
    expected = [min(29, round(k * 30 / 25)) / 10 for k in range(12, 25)]
    np.testing.assert_allclose(units[12:, POSITION[25]], expected, atol=0.051)
    assert np.isnan(openface.read(table, 40)[30:]).all()


def test_presence_decides_the_side_of_the_threshold(tmp_path: Path):
    table = write(tmp_path / "clip.csv", [[1, 0.0, 1, 0, 0.4, 1], [2, 0.04, 1, 0, 1.8, 0]])
    assert openface.read(table, 2)[:, POSITION[25]].tolist() == pytest.approx([1.0, 0.9])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable OpenFace table"),
        ("frame,timestamp,success\n", "has no rows"),
        ("frame,AU25_r\n1,2\n", "has no column success, timestamp"),
        ("frame,timestamp,success\n1,zero,1\n", "not a readable OpenFace table"),
        ("frame,timestamp,success\n1,2\n", "not a readable OpenFace table"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "clip.csv").write_text(text)
    with pytest.raises(MediaError, match=message):
        openface.read(tmp_path / "clip.csv", 3)
