"""What the generator is told: the code as it is, Action Units by name, and nothing where they are unknown."""

import numpy as np
import pytest

from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.condition import CONDITION_SIZE, UNITS, condition
from liveface.engine.face.face_space import CODE_SIZE

CODE = np.linspace(-2, 2, CODE_SIZE).astype(np.float32)


@pytest.mark.parametrize("unit", UNITS)
def test_an_action_unit_has_its_own_place_after_the_code(unit: int) -> None:
    units = np.zeros(len(ACTION_UNITS), np.float32)
    units[ACTION_UNITS.index(unit)] = 3.0
    told = condition(CODE, units)
    assert told.shape == (CONDITION_SIZE,)
    assert told.dtype == np.float32
    np.testing.assert_array_equal(told[:CODE_SIZE], CODE)
    np.testing.assert_allclose(told[CODE_SIZE:], [float(one == unit) for one in UNITS], atol=1e-6)


def test_what_is_unknown_is_told_as_nothing() -> None:
    units = np.full(len(ACTION_UNITS), np.nan, np.float32)
    assert not condition(CODE, units)[CODE_SIZE:].any()


def test_rows_are_told_each_for_itself() -> None:
    units = np.random.default_rng(0).uniform(0, 5, (3, len(ACTION_UNITS))).astype(np.float32)
    codes = np.stack([CODE, -CODE, 2 * CODE])
    together = condition(codes, units)
    assert together.shape == (3, CONDITION_SIZE)
    np.testing.assert_array_equal(together, np.stack([condition(*one) for one in zip(codes, units, strict=True)]))
