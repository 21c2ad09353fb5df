"""How the head carries the picture: nearer places more, the border and the shoulders not at all."""

import numpy as np
import pytest

from liveface.engine.drawing import head_motion
from liveface.engine.expression import REST, Expression
from liveface.engine.face import face_space
from tests import faces

IOD = 40.0
POINTS = faces.mesh(IOD, (130.0, 100.0))


def maps() -> tuple[np.ndarray, np.ndarray]:
    return head_motion.depth_and_hold(POINTS, IOD, 260, 240)


def at(field: np.ndarray, point: int) -> float:
    column, row = np.rint(POINTS[point, :2]).astype(int)
    return float(field[row, column])


def test_rest_turns_nothing() -> None:
    assert not head_motion.turn(REST, 3.0).any()


@pytest.mark.parametrize(
    ("expression", "place", "value"),
    [
        (Expression(0.0, 4.0, 0.0, 0.0, 0.0), (0, 0), -np.radians(4.0)),
        (Expression(0.0, 0.0, 3.0, 0.0, 0.0), (0, 1), -np.radians(3.0)),
        (Expression(0.0, 0.0, 0.0, 2.0, 0.0), (2, 0), np.radians(2.0)),
        (Expression(0.0, 0.0, 0.0, 0.0, 0.5), (3, 1), 1.5),
    ],
    ids=["yaw", "pitch", "roll", "breath"],
)
def test_each_motion_has_its_own_offsets(expression: Expression, place: tuple[int, int], value: float) -> None:
    turn = head_motion.turn(expression, 3.0)
    assert turn[place] == pytest.approx(value, abs=1e-6)
    assert np.count_nonzero(turn) == (2 if expression.roll else 1)


def test_the_face_is_held_fully_and_the_border_and_the_shoulders_not_at_all() -> None:
    _, hold = maps()
    inside = [1, 9, 13, face_space.CHIN, *face_space.STABLE[:8]]
    assert min(at(hold, point) for point in inside) > 0.85
    border = np.concatenate([hold[0], hold[-1], hold[:, 0], hold[:, -1]])
    assert border.max() == 0.0
    shoulders = hold[round(float(POINTS[face_space.CHIN, 1]) + 0.85 * IOD) :]
    assert shoulders.max() < 0.05
    assert max(float(np.abs(np.diff(hold, axis=axis)).max()) for axis in (0, 1)) < 0.1, "without a step"


def test_the_nose_is_nearer_than_the_cheeks_and_depth_is_smooth() -> None:
    depth, _ = maps()
    assert at(depth, 1) > at(depth, 50) + 0.05 * IOD
    assert at(depth, 1) > at(depth, 234) + 0.2 * IOD
    assert depth.min() > 0.0
    assert max(float(np.abs(np.diff(depth, axis=axis)).max()) for axis in (0, 1)) < 0.12 * IOD
