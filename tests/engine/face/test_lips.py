"""Which points are the lips: named from right to left and from outside to inside, and curves through them."""

import numpy as np
import pytest

from liveface.engine.face import face_space, lips
from tests import faces


def test_every_point_of_the_lips_is_named_once() -> None:
    assert len(lips.EVERY) == len(np.unique(lips.EVERY)) == 2 * 9 * 4 + 8
    assert {*face_space.INNER_LIPS, *face_space.OUTER_LIPS} <= {*lips.EVERY.tolist()}


@pytest.mark.parametrize(("columns", "sign"), [(lips.UPPER_COLUMNS, 1.0), (lips.LOWER_COLUMNS, -1.0)])
def test_columns_run_from_the_person_s_right_to_the_left_and_inwards(columns: np.ndarray, sign: float) -> None:
    points = faces.mesh(gap=0.2)[:, :2]
    assert (np.diff(points[columns, 0], axis=0) > 0).all()
    assert (sign * np.diff(points[columns[2:7], 1], axis=1) > 0).all()


def test_the_edges_of_the_opening_go_from_corner_to_corner_and_the_upper_lies_above() -> None:
    points = faces.mesh(gap=0.2)[:, :2]
    for edge in (lips.UPPER_EDGE, lips.LOWER_EDGE):
        assert (edge[0], edge[-1]) == (face_space.CORNER_RIGHT, face_space.CORNER_LEFT) or (edge[0], edge[-1]) == (
            lips.RIGHT_CORNER[-1],
            lips.LEFT_CORNER[-1],
        )
    assert (points[lips.UPPER_EDGE[1:-1], 1] < points[lips.LOWER_EDGE[1:-1], 1]).all()


@pytest.mark.parametrize("angle", [0.0, 0.6, -1.2])
def test_the_axes_lean_with_the_face(angle: float) -> None:
    points = faces.mesh(iod=73.0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    points[:, :2] = points[:, :2] @ turn.T
    right, down, iod = lips.axes(points)
    straight_right, straight_down, straight = lips.axes(faces.mesh(iod=73.0))
    np.testing.assert_allclose(right, turn @ straight_right, atol=1e-4)
    np.testing.assert_allclose(down, turn @ straight_down, atol=1e-4)
    assert iod == pytest.approx(straight, rel=1e-4)
    assert straight == pytest.approx(73.0, rel=0.03)
    assert straight_right[0] > 0.99
    assert straight_down[1] > 0.99


def test_a_curve_goes_through_its_points_and_is_smooth_between_them() -> None:
    points = np.array([[0, 0], [3, 1], [5, 4], [9, 5], [12, 0]], np.float32)
    curve = lips.curve(points, 8)
    assert curve.shape == (4 * 8 + 1, 2)
    np.testing.assert_allclose(curve[::8], points, atol=1e-6)
    directions = np.diff(curve, axis=0)
    angles = np.unwrap(np.arctan2(directions[:, 1], directions[:, 0]))
    assert np.abs(np.diff(angles)).max() < 0.5
    corners = np.diff(points, axis=0)
    assert np.abs(np.diff(np.arctan2(corners[:, 1], corners[:, 0]))).max() > 0.6


def test_a_curve_through_a_line_is_that_line() -> None:
    points = np.stack([np.linspace(0, 10, 6), np.linspace(2, 7, 6)], axis=1).astype(np.float32)
    curve = lips.curve(points)
    np.testing.assert_allclose(curve[:, 1], 2 + curve[:, 0] / 2, atol=1e-5)
