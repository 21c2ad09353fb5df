"""Brows rise as far as they should, and lids, mouth and the picture's border stay."""

import numpy as np
import pytest

from liveface.engine.drawing import brows
from tests import faces

IOD = 50.0
POINTS = faces.mesh(IOD, (100, 80))[:, :2]
LIFT = brows.lift(POINTS, 200, 220)


def at(point: int) -> np.ndarray:
    x, y = np.rint(POINTS[point]).astype(int)
    return LIFT[y, x] / IOD


@pytest.mark.parametrize("point", [105, 334, 52, 282])
def test_brows_come_from_below_and_straight(point: int) -> None:
    across, down = at(point)
    assert 0.6 * brows.HIGHEST < down <= brows.HIGHEST * 1.01
    assert abs(across) < 0.1 * brows.HIGHEST


@pytest.mark.parametrize("point", [159, 145, 386, 374, 1, 13, 152, 33, 263])
def test_eyes_nose_and_mouth_stay(point: int) -> None:
    assert np.abs(at(point)).max() < 0.05 * brows.HIGHEST


def test_the_border_stays() -> None:
    for side in (LIFT[0], LIFT[-1], LIFT[:, 0], LIFT[:, -1]):
        assert not side.any()


def test_it_bends_without_folds() -> None:
    assert np.abs(np.diff(LIFT, axis=0)).max() < 0.7
    assert np.abs(np.diff(LIFT, axis=1)).max() < 0.7


def test_brows_go_with_the_head_and_cost_only_their_own_part() -> None:
    prepared = brows.Brows.of(POINTS, 200, 220)
    turned = np.full((220, 200, 2), (4.0, -3.0), np.float32)
    offsets = turned.copy()
    prepared.add(offsets, 0.5)
    raised = offsets - turned
    np.testing.assert_allclose(raised[3:, :-4], 0.5 * LIFT[:-3, 4:], atol=1e-4)
    rows, columns = prepared.part
    assert (rows.stop - rows.start) * (columns.stop - columns.start) < 0.6 * LIFT[..., 0].size
