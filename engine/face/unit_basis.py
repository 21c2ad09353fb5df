"""How Action Units move a mouth: the linear part of motion that belongs to them, code = units @ matrix + residual.

A linear map from six units explains nine tenths of the motion of lips, of people also who had no part in it. So units
can drive: what is drawn follows an intensity that is edited, and no network is needed for it. AU 14 (dimpler) has no
geometric sign here and moves nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import CheckpointError, ConfigurationError
from liveface.engine.face import action_units, face_space
from liveface.engine.face.action_units import ACTION_UNITS, MAXIMUM
from liveface.engine.face.face_space import CODE_SIZE, MotionBasis

Array = NDArray[np.float32]

FILE = "unit_basis.npz"

# Units that are measured in the mesh and move it.
DRIVING = tuple(unit for unit in ACTION_UNITS if unit != 14)
_PLACES = np.array([ACTION_UNITS.index(unit) for unit in DRIVING])


def load(path: Path) -> Array:
    """The matrix (units, CODE_SIZE) of a file written by `liveface train basis`; raises `CheckpointError`."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            matrix = np.asarray(arrays["matrix"], np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is no basis of Action Units ({error}): make it by `liveface train basis`."
        ) from error
    if matrix.shape != (len(ACTION_UNITS), CODE_SIZE):
        raise CheckpointError(
            f"{path} has a basis of {matrix.shape}, expected {(len(ACTION_UNITS), CODE_SIZE)}: make it anew."
        )
    return matrix


def save(path: Path, matrix: Array, people: list[str]) -> None:
    """Write a matrix (units, CODE_SIZE) with the names of those whom it was fitted to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, matrix=matrix.astype(np.float32), people=np.array(people))


@cache
def shipped() -> Array:
    """The matrix (units, CODE_SIZE) that the shipped motion network was trained with."""
    matrix = load(face_space.ASSET.parent / FILE)
    matrix.setflags(write=False)
    return matrix


def fit(codes: Mapping[str, Array], basis: MotionBasis) -> Array:
    """The matrix (units, CODE_SIZE) that best takes measured units to the motion of these people, each counting alike.

    `codes`: (T, CODE_SIZE) by person, finite. Least squares in the motion of lips, under the condition that a unit
    raised by one raises its own measure by one. Raises `ConfigurationError` if some unit never shows.
    """
    gram = np.zeros((len(DRIVING), len(DRIVING)))
    moment = np.zeros((len(DRIVING), CODE_SIZE))
    for code in codes.values():
        units = action_units.from_landmarks(basis.decode(code))[:, _PLACES].astype(np.float64)
        gram += units.T @ units / len(code)
        moment += units.T @ code / len(code)
    absent = [str(unit) for unit, energy in zip(DRIVING, np.diag(gram), strict=True) if energy < 1e-9]
    if absent or not codes:
        raise ConfigurationError(
            f"Nobody in the corpus shows Action Unit {', '.join(absent) or 'at all'}: give more film."
        )
    inverse = np.linalg.inv(gram)
    free = inverse @ moment
    own = measures(basis)[_PLACES].astype(np.float64)  # of each coefficient, in intensities
    # Lagrange multipliers of the conditions own[k] @ matrix[k] = 1; coefficients count by their deviation.
    reach = (own / np.square(basis.scale)) @ own.T
    pull = np.linalg.solve(inverse * reach, 1.0 - (free * own).sum(axis=1))
    matrix = np.zeros((len(ACTION_UNITS), CODE_SIZE), np.float32)
    matrix[_PLACES] = free + inverse @ (pull[:, None] * own / np.square(basis.scale))
    return matrix


def explained(matrix: Array, codes: Mapping[str, Array], basis: MotionBasis) -> float:
    """Share of the lips' motion that measured units give by this matrix, mean over people; `codes` as for `fit`."""
    shares = []
    for code in codes.values():
        units = np.nan_to_num(action_units.from_landmarks(basis.decode(code)))
        rest, whole = (basis.decode(moved)[:, face_space.LIPS] for moved in (code - units @ matrix, code))
        shares.append(1.0 - float(np.square(rest).sum() / np.square(whole).sum()))
    return float(np.mean(shares))


def measures(basis: MotionBasis) -> Array:
    """Each unit's measure of each coefficient alone, (units, CODE_SIZE) in intensities; NaN for AU 14."""
    alone = basis.decode(np.eye(CODE_SIZE, dtype=np.float32))
    return np.asarray(action_units.intensities(action_units.linear_lengths(alone)).T, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class UnitEdit:
    """An edit of the Action Units at run time: intensity = gain * intensity + offset, kept within 0 to 5.

    `gain` and `offset`: float32 (units,) in the order of `ACTION_UNITS`.
    """

    gain: Array = field(default_factory=lambda: np.ones(len(ACTION_UNITS), np.float32))
    offset: Array = field(default_factory=lambda: np.zeros(len(ACTION_UNITS), np.float32))

    @classmethod
    def of(cls, gain: Mapping[int, float] | None = None, offset: Mapping[int, float] | None = None) -> "UnitEdit":
        """The edit of some units, by their numbers: `of(offset={18: 1.5})` puts the lips forward.

        Raises `ConfigurationError` for a unit that moves nothing, and for numbers that are out of range.
        """
        edit = cls()
        for values, into, lowest in ((gain, edit.gain, 0.0), (offset, edit.offset, -MAXIMUM)):
            for unit, value in (values or {}).items():
                if unit not in DRIVING:
                    raise ConfigurationError(
                        f"Found Action Unit {unit}: choose one that moves the mouth, {', '.join(map(str, DRIVING))}."
                    )
                if not lowest <= value <= MAXIMUM:
                    raise ConfigurationError(
                        f"Found {value} for Action Unit {unit}: choose a number from {lowest:g} to {MAXIMUM:g}."
                    )
                into[ACTION_UNITS.index(unit)] = value
        return edit

    def applied(self, units: Array, code: Array) -> tuple[Array, Array]:
        """Edited units (..., units) and the code (..., CODE_SIZE) that follows them by the shipped basis."""
        edited = np.clip(units * self.gain + self.offset, 0.0, MAXIMUM, dtype=np.float32)
        return edited, np.asarray(code + (edited - units) @ shipped(), np.float32)
