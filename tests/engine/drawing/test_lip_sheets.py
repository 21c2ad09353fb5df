"""Two sheets that part at the seam: the opening is the one that was asked for, and beyond the corners there is one."""

import numpy as np
import pytest

from liveface.engine.drawing import mesh_warp
from liveface.engine.drawing.lip_sheets import LipSheets
from liveface.engine.face import face_space, lips, mouth
from tests import faces

Array = face_space.Array


def leaning(points: Array, angle: float) -> Array:
    result = points.copy()
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    result[:, :2] = (points[:, :2] - 160) @ turn.T + 160
    return result


def opened(shape: mouth.Mouth, gap: float) -> Array:
    weights = face_space.basis().gap_weights()
    return shape.landmarks(face_space.basis().decode((weights * gap / (weights @ weights)).astype(np.float32)))


def places(sheets: LipSheets) -> Array:
    """Where in the picture the cells of the grid are, (rows, columns, 2)."""
    return np.asarray(mesh_warp.grid(*sheets.size) * sheets.cell + sheets.origin, np.float32)


@pytest.mark.parametrize("angle", [0.0, 0.4])
@pytest.mark.parametrize("iod", [60.0, 200.0])
def test_the_drawn_opening_is_the_one_of_the_landmarks(iod: float, angle: float) -> None:
    points = leaning(faces.mesh(iod, (160.0, 120.0)), angle)
    shape = mouth.measure(points)
    sheets, down = LipSheets.of(shape.source), lips.axes(points)[1]
    wanted, drawn = [], []
    for gap in (0.02, 0.05, 0.1, 0.2, 0.3):
        landmarks = opened(shape, gap)
        upper, lower = sheets.bend(landmarks).edges
        wanted.append((landmarks[lips.LOWER_EDGE] - landmarks[lips.UPPER_EDGE])[3:8] @ down / iod)
        drawn.append(((lower - upper)[::6] @ down)[3:8] / iod)
    slope, start = np.polyfit(np.mean(wanted, axis=1), np.mean(drawn, axis=1), 1)
    assert 0.95 < slope < 1.05
    assert abs(start) < 0.005
    np.testing.assert_allclose(drawn, wanted, atol=0.025)


def test_both_lips_arrive_where_the_landmarks_are() -> None:
    shape = mouth.measure(faces.mesh())
    landmarks = opened(shape, 0.25)
    for edge, line in zip(
        LipSheets.of(shape.source).bend(landmarks).edges, (lips.UPPER_EDGE, lips.LOWER_EDGE), strict=True
    ):
        off = np.linalg.norm(edge[::6] - landmarks[line], axis=1) / shape.photo_iod
        assert off[1:-1].max() < 0.03
        assert off[3:8].max() < 0.02


def test_what_does_not_move_is_not_bent() -> None:
    shape = mouth.measure(faces.mesh(gap=0.2))
    sheets = LipSheets.of(shape.source)
    bent = sheets.bend(shape.source)
    np.testing.assert_allclose(bent.offsets, 0.0, atol=1e-4)
    np.testing.assert_allclose(bent.edges[0][::6], shape.source[lips.UPPER_EDGE], atol=1e-3)
    np.testing.assert_allclose(bent.edges[1][::6], shape.source[lips.LOWER_EDGE], atol=1e-3)


def test_outside_the_corners_both_sheets_are_one() -> None:
    shape = mouth.measure(faces.mesh())
    sheets = LipSheets.of(shape.source)
    upper, lower = sheets.bend(opened(shape, 0.3)).offsets
    across = places(sheets)[..., 0]
    beyond = (across < shape.points[61, 0] - 0.2 * shape.photo_iod) | (
        across > shape.points[291, 0] + 0.2 * shape.photo_iod
    )
    assert beyond.mean() > 0.3
    np.testing.assert_allclose(upper[beyond], lower[beyond], atol=0.3)
    assert np.abs(upper[beyond]).max() > 2.0, "and they move"
    assert np.abs(upper - lower)[~beyond].max() > 10.0


@pytest.mark.parametrize("which", [0, 1], ids=["upper", "lower"])
def test_a_lip_that_moves_leaves_the_other_sheet_alone(which: int) -> None:
    shape = mouth.measure(faces.mesh())
    sheets = LipSheets.of(shape.source)
    landmarks = shape.source.copy()
    landmarks[(lips.UPPER, lips.LOWER)[which], 1] += (-6.0, 6.0)[which]
    bent = sheets.bend(landmarks)
    across = places(sheets)[..., 0]
    between = (across > shape.points[61, 0]) & (across < shape.points[291, 0])
    assert np.abs(bent.offsets[which]).max() > 3.0
    np.testing.assert_allclose(bent.offsets[1 - which][between], 0.0, atol=1e-3)
    np.testing.assert_allclose(
        bent.edges[1 - which][::6], shape.source[(lips.UPPER_EDGE, lips.LOWER_EDGE)[1 - which]], atol=1e-3
    )


@pytest.mark.parametrize(("point", "which"), [(18, 1), (199, 1), (164, 0), (50, 0), (280, 1)])
def test_skin_arrives_where_the_mesh_says(point: int, which: int) -> None:
    shape = mouth.measure(faces.mesh())
    sheets = LipSheets.of(shape.source)
    landmarks = opened(shape, 0.3)
    cell = ((landmarks[point] - sheets.origin) / sheets.cell)[None, None]
    came = mesh_warp.sample(sheets.bend(landmarks).offsets[which], np.ascontiguousarray(cell, np.float32))[0, 0]
    np.testing.assert_allclose(landmarks[point] + came, shape.source[point], atol=0.025 * shape.photo_iod)


@pytest.mark.parametrize("gap", [0.1, 0.3])
def test_motion_ends_at_the_border_of_the_grid(gap: float) -> None:
    shape = mouth.measure(faces.mesh())
    for field in LipSheets.of(shape.source).bend(opened(shape, gap)).offsets:
        border = np.concatenate([field[0], field[-1], field[:, 0], field[:, -1]])
        assert np.abs(border).max() < 1e-3
        steps = max(float(np.abs(np.diff(field, axis=axis)).max()) for axis in (0, 1))
        assert steps < 1.2 * LipSheets.of(shape.source).cell, "no place is torn"


def test_sheets_grow_with_the_face_and_keep_the_size_of_their_grid() -> None:
    small, large = (LipSheets.of(mouth.measure(faces.mesh(iod)).source) for iod in (50.0, 200.0))
    assert small.size == large.size
    assert large.cell == pytest.approx(4 * small.cell, rel=1e-3)
