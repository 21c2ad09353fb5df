"""How units move a mouth: raised alone, each moves its own measure as far, also in the points of a photo."""

from pathlib import Path

import numpy as np
import pytest

from liveface.engine.errors import CheckpointError, ConfigurationError
from liveface.engine.face import action_units, face_space, mouth, unit_basis
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.face_space import CODE_SIZE
from liveface.engine.face.unit_basis import DRIVING, UnitEdit

BASIS = face_space.basis()
CLARA = face_space.ASSET.parents[1] / "avatars" / "clara"
NOTHING = np.zeros(len(ACTION_UNITS), np.float32)


def people(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Codes of made-up people, in which every unit shows."""
    random = np.random.default_rng(seed)
    return {f"person {k}": random.normal(size=(400, CODE_SIZE)).astype(np.float32) for k in range(count)}


def measured(displacement: np.ndarray, unit: int) -> np.ndarray:
    """The unit's own measure (...) in intensities."""
    place = ACTION_UNITS.index(unit)
    return action_units.intensities(action_units.lengths(displacement))[..., place]


@pytest.mark.parametrize("unit", DRIVING)
def test_a_unit_that_is_edited_moves_its_own_measure_as_far(unit: int) -> None:
    steps = np.linspace(0.0, 3.0, 7)
    codes = [UnitEdit.of(offset={unit: step}).applied(NOTHING, np.zeros(CODE_SIZE, np.float32))[1] for step in steps]
    seen = measured(BASIS.decode(np.stack(codes)), unit)
    slope = np.polyfit(steps, seen, 1)[0]
    assert 0.8 < slope < 1.2
    assert np.abs(seen - slope * steps).max() < 0.2


@pytest.mark.parametrize("unit", DRIVING)
def test_the_points_of_a_photo_follow_the_unit_too(unit: int) -> None:
    still = mouth.measure(Avatar.load(CLARA).points)
    at = [still.landmarks(BASIS.decode(np.zeros(CODE_SIZE, np.float32)))]
    for intensity in (1.0, 2.0):
        code = UnitEdit.of(offset={unit: intensity}).applied(NOTHING, np.zeros(CODE_SIZE, np.float32))[1]
        at.append(still.landmarks(BASIS.decode(code)))
    assert np.abs(at[2] - at[0]).max() > np.abs(at[1] - at[0]).max() > 0.0
    if unit in (10, 20, 25, 26):  # the others move in depth, or less than lips that touch can show
        seen = measured(np.stack([still.displacement(points) for points in at]), unit)
        assert 0.8 < (seen[2] - seen[1]) < 1.2


def test_the_shipped_basis_explains_units_of_a_mouth_that_it_moves() -> None:
    units = np.abs(np.random.default_rng(1).normal(size=(200, len(ACTION_UNITS)))).astype(np.float32)
    units[:, ACTION_UNITS.index(14)] = 0.0
    code = units @ unit_basis.shipped()
    assert unit_basis.explained(unit_basis.shipped(), {"anna": code}, BASIS) > 0.7


def test_a_fit_is_the_best_for_its_people_and_keeps_each_unit_true() -> None:
    codes = people(3)
    matrix = unit_basis.fit(codes, BASIS)
    own = np.einsum("kc,kc->k", matrix, np.nan_to_num(unit_basis.measures(BASIS)))
    np.testing.assert_allclose(own[[ACTION_UNITS.index(unit) for unit in DRIVING]], 1.0, atol=1e-4)
    assert not matrix[ACTION_UNITS.index(14)].any()
    explained = unit_basis.explained(matrix, codes, BASIS)
    assert explained > unit_basis.explained(matrix * np.float32(1.3), codes, BASIS)
    assert explained > unit_basis.explained(np.zeros_like(matrix), codes, BASIS)


def test_people_who_never_show_a_unit_cannot_be_fitted() -> None:
    with pytest.raises(ConfigurationError, match="shows Action Unit 10, 18, 20, 24, 25, 26: give more film"):
        unit_basis.fit({"anna": np.zeros((50, CODE_SIZE), np.float32)}, BASIS)


def test_a_basis_survives_its_file_and_another_file_is_refused(tmp_path: Path) -> None:
    matrix = unit_basis.fit(people(2), BASIS)
    unit_basis.save(tmp_path / "deep" / "basis.npz", matrix, ["person 0", "person 1"])
    np.testing.assert_array_equal(unit_basis.load(tmp_path / "deep" / "basis.npz"), matrix)
    np.savez(tmp_path / "other.npz", matrix=matrix[:3])
    with pytest.raises(CheckpointError, match=r"a basis of \(3, 16\), expected \(7, 16\)"):
        unit_basis.load(tmp_path / "other.npz")
    with pytest.raises(CheckpointError, match="no basis of Action Units"):
        unit_basis.load(tmp_path / "missing.npz")


def test_an_edit_is_a_gain_and_an_offset_and_stays_on_the_scale() -> None:
    units = np.full(len(ACTION_UNITS), 2.0, np.float32)
    code = np.zeros(CODE_SIZE, np.float32)
    edited, moved = UnitEdit.of(gain={25: 0.0}, offset={18: 5.0}).applied(units, code)
    assert edited[ACTION_UNITS.index(25)] == 0.0
    assert edited[ACTION_UNITS.index(18)] == 5.0
    assert edited[ACTION_UNITS.index(26)] == 2.0
    expected = -2.0 * unit_basis.shipped()[ACTION_UNITS.index(25)] + 3.0 * unit_basis.shipped()[ACTION_UNITS.index(18)]
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    same_units, same_code = UnitEdit().applied(units, code)
    np.testing.assert_array_equal(same_units, units)
    np.testing.assert_array_equal(same_code, code)


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        ({"offset": {14: 1.0}}, "Found Action Unit 14: choose one that moves the mouth, 10, 18"),
        ({"offset": {18: 6.0}}, "Found 6.0 for Action Unit 18: choose a number from -5 to 5"),
        ({"gain": {18: -1.0}}, "choose a number from 0 to 5"),
        ({"gain": {18: float("nan")}}, "choose a number from 0 to 5"),
    ],
    ids=["a unit that moves nothing", "too much", "against itself", "no number"],
)
def test_an_edit_out_of_range_is_refused(edit: dict[str, dict[int, float]], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        UnitEdit.of(**edit)
