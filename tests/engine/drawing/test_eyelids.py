"""Blinking: the lids meet, the skin above follows, and nothing else does."""

import numpy as np
import pytest

from liveface.engine.drawing import eyelids
from tests import faces

POINTS = faces.mesh()[:, :2]
LIDS = ((159, 145), (386, 374))


def test_a_full_blink_brings_the_lids_together_near_the_lower_one() -> None:
    shut = eyelids.shut(POINTS, 1.0)
    for upper, lower in LIDS:
        open_by = POINTS[lower, 1] - POINTS[upper, 1]
        np.testing.assert_allclose(shut[upper], shut[lower], atol=1e-3)
        assert 0 < POINTS[lower, 1] - shut[lower, 1] < 0.2 * open_by


@pytest.mark.parametrize("amount", [0.0, 0.3, 0.7])
def test_an_eye_is_as_open_as_asked(amount: float) -> None:
    shut = eyelids.shut(POINTS, amount)
    for upper, lower in LIDS:
        before, after = (mesh[lower, 1] - mesh[upper, 1] for mesh in (POINTS, shut))
        assert after == pytest.approx((1 - amount) * before, abs=1e-3)


def test_a_blink_moves_no_corner_of_an_eye_no_brow_and_nothing_below() -> None:
    moved = np.flatnonzero((eyelids.shut(POINTS, 1.0) != POINTS).any(axis=1))
    assert len(moved) == 2 * 4 * 7
    assert not {33, 133, 362, 263, 105, 334} & {*moved.tolist()}
    assert POINTS[moved, 1].max() < POINTS[1, 1]
    touched = {*eyelids.triangles().ravel().tolist()}
    assert {*moved.tolist()} <= touched


def test_what_was_given_is_not_changed() -> None:
    before = POINTS.copy()
    eyelids.shut(POINTS, 1.0)
    np.testing.assert_array_equal(POINTS, before)
