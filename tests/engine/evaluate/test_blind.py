"""Pairs to choose from blindly: both are there, in an order that only the key knows, and choices are counted rightly."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from liveface.engine.errors import MediaError, OutputError
from liveface.engine.evaluate import blind
from liveface.engine.evaluate.blind import Performance
from tests import faces


def performance(colour: tuple[int, int, int]) -> Performance:
    return Performance(np.full((5, 300, 320, 3), colour, np.uint8), faces.mesh())


def pairs(count: int) -> list[tuple[Performance, Performance]]:
    return [(performance((250, 10, 10)), performance((10, 10, 250))) for _ in range(count)]


def test_pairs_show_both_in_the_key_s_order(tmp_path: Path) -> None:
    files = blind.write_pairs(pairs(8), tmp_path)
    is_upper = []
    for file in files:
        image = cv2.imread(str(file))
        assert image is not None
        assert image[4, 4].max() > 200
        assert (image[4, 4] != image[-4, 4]).any(), "the two rows differ"
        is_upper.append(bool(image[4, 4, 2] > 200))
    assert 0 < sum(is_upper) < 8, "shuffled"
    choices = "".join("u" if upper else "l" for upper in is_upper)
    assert blind.tally(tmp_path, choices) == (8, 0, 0)
    assert blind.tally(tmp_path, choices.translate(str.maketrans("ul", "lu"))) == (0, 8, 0)
    assert blind.tally(tmp_path, "=" + choices[1:]) == (7, 0, 1)


def test_mouths_are_enlarged_around_the_mouth() -> None:
    shown = performance((90, 90, 90))
    row, column = np.rint(shown.points[[13, 14], :2].mean(axis=0)).astype(int)[::-1]
    shown.pictures[:, row - 1 : row + 2, column - 1 : column + 2] = 250
    rows, columns = np.nonzero(blind.mouths(shown)[0][..., 0] > 200)
    assert abs(columns.mean() - 100) < 5
    assert abs(rows.mean() - 67) < 10


@pytest.mark.parametrize("choices", ["", "u", "uux", "uuuu"])
def test_choices_that_do_not_fit_are_refused(tmp_path: Path, choices: str) -> None:
    blind.write_pairs(pairs(3), tmp_path)
    with pytest.raises(MediaError, match="expected 3 letters"):
        blind.tally(tmp_path, choices)


def test_a_folder_without_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds no pairs"):
        blind.tally(tmp_path, "u")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken"):
        blind.write_sheets([("one", performance((1, 2, 3)))], tmp_path / "taken")
