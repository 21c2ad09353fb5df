"""Bending by triangles: exact inside them, nothing outside, and no triangle too thin to survive."""

import numpy as np
import pytest

from liveface.engine.drawing import mesh_warp
from liveface.engine.face import face_space
from liveface.engine.media import Picture
from tests import faces

WIDTH, HEIGHT = 200, 160
SQUARE = np.array([[20.0, 30.0], [180.0, 30.0], [180.0, 130.0], [20.0, 130.0]])
HALVES = np.array([[0, 1, 2], [0, 2, 3]])
MOVING = mesh_warp.triangles_around(np.flatnonzero(face_space.mobility() > 0))  # what speech can move


def bent_by(picture: Picture, field: face_space.Array) -> Picture:
    """A picture whose pixels come from `field` (height, width, 2) beside their own places."""
    return np.asarray(mesh_warp.sample(picture, field + mesh_warp.grid(*field.shape[1::-1])), np.uint8)


def test_nothing_moves_when_the_mesh_does_not() -> None:
    points = mesh_warp.with_ring(faces.mesh()[:, :2])
    field = mesh_warp.offsets(points, points, mesh_warp.triangles(), 320, 300)
    np.testing.assert_allclose(field, 0, atol=1e-4)
    picture = faces.wall(320, 300)
    np.testing.assert_array_equal(bent_by(picture, field), picture)


def test_an_affine_motion_is_exact_inside_and_absent_outside() -> None:
    matrix, shift = np.array([[1.1, 0.05], [-0.08, 0.95]]), np.array([3.0, -7.0])
    field = mesh_warp.offsets(SQUARE, SQUARE @ matrix.T + shift, HALVES, WIDTH, HEIGHT)
    places = mesh_warp.grid(WIDTH, HEIGHT)
    expected = places @ matrix.T + shift - places
    np.testing.assert_allclose(field[31:130, 21:180], expected[31:130, 21:180], atol=1e-3)
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[29:132, 19:182] = False
    assert not field[outside].any()


def test_a_bent_picture_shows_at_the_target_what_was_at_the_source() -> None:
    picture = faces.wall(WIDTH, HEIGHT)
    field = mesh_warp.offsets(SQUARE, np.add(SQUARE, [5, 4]), HALVES, WIDTH, HEIGHT)
    bent = bent_by(picture, field)
    np.testing.assert_array_equal(bent[40:120, 30:170], picture[44:124, 35:175])


def test_later_triangles_lie_over_earlier_ones() -> None:
    both = np.concatenate([SQUARE, SQUARE])
    source = np.concatenate([np.add(SQUARE, [1, 0]), np.add(SQUARE, [2, 0])])
    field = mesh_warp.offsets(both, source, np.concatenate([HALVES, HALVES + 4]), WIDTH, HEIGHT)
    np.testing.assert_allclose(field[80, 100], [2, 0], atol=1e-4)


def test_the_field_is_continuous_across_neighbouring_triangles() -> None:
    source = np.add(SQUARE, [[0, 0], [6, 2], [-3, 5], [1, -4]])
    field = mesh_warp.offsets(SQUARE, source, HALVES, WIDTH, HEIGHT)[32:129, 22:179]
    assert max(np.abs(np.diff(field, axis=axis)).max() for axis in (0, 1)) < 0.15


@pytest.mark.parametrize(
    "thin",
    [
        np.array([[50.0, 50.0], [50.0, 50.0], [50.0, 50.0]]),
        np.array([[10.0, 10.0], [60.0, 60.0], [110.0, 110.0]]),
        np.array([[10.0, 10.0], [60.0, 10.0], [30.0, 10.00001]]),
    ],
    ids=["a point", "a line", "nearly a line"],
)
def test_a_triangle_without_area_moves_as_its_last_corner(thin: np.ndarray) -> None:
    moved = np.add(thin, [[300.0, 0.0], [0.0, 300.0], [4.0, -9.0]])
    field = mesh_warp.offsets(thin, moved, np.array([[0, 1, 2]]), WIDTH, HEIGHT)
    drawn = field[field.any(axis=2)]
    assert len(drawn) > 0
    np.testing.assert_allclose(drawn, np.broadcast_to([4.0, -9.0], drawn.shape), atol=1e-4)


def test_thin_triangles_keep_every_offset_near_the_motion_of_their_corners() -> None:
    random = np.random.default_rng(0)
    for thickness in (1e-3, 1e-2, 0.1, 0.3, 1.0):
        for _ in range(20):
            thin = random.uniform(0, 150, (1, 2)) + random.uniform(-60, 60, (3, 1)) * [[1.0, 0.5]]
            thin += random.normal(0, thickness, (3, 2))
            moved = thin + 4 + random.normal(0, 0.5 * thickness, (3, 2))
            field = mesh_warp.offsets(thin, moved, np.array([[0, 1, 2]]), WIDTH, HEIGHT)
            assert np.isfinite(field).all()
            assert np.abs(field).max() < 12


def test_triangles_beyond_the_picture_do_no_harm() -> None:
    field = mesh_warp.offsets(SQUARE * 4 - 300, SQUARE * 4 - 297, HALVES, WIDTH, HEIGHT)
    assert np.isfinite(field).all()
    np.testing.assert_allclose(field[100, 100], [3, 3], atol=1e-3)


def test_outside_a_picture_its_edge_goes_on() -> None:
    picture = faces.wall(20, 10)
    places = np.full((1, 1, 2), -50, np.float32)
    np.testing.assert_array_equal(mesh_warp.sample(picture, places)[0, 0], picture[0, 0])


def test_the_ring_surrounds_the_face_and_the_triangles_use_every_point_of_it() -> None:
    points = mesh_warp.with_ring(faces.mesh()[:, :2])
    ring = points[468:]
    assert len(points) == mesh_warp.triangles().max() + 1
    assert (ring.min(axis=0) < points[:468].min(axis=0)).all()
    assert (ring.max(axis=0) > points[:468].max(axis=0)).all()


def test_the_grid_names_every_pixel_and_cannot_be_changed() -> None:
    grid = mesh_warp.grid(5, 3)
    assert grid.shape == (3, 5, 2)
    assert tuple(grid[2, 4]) == (4, 2)
    with pytest.raises(ValueError, match="read-only"):
        grid[0, 0] = 1


def test_all_triangles_at_once_are_the_same_as_one_after_the_other() -> None:
    source = mesh_warp.with_ring(faces.mesh()[:, :2])
    target = mesh_warp.with_ring(faces.mesh(gap=0.3)[:, :2])
    field = mesh_warp.offsets(target, source, MOVING, 320, 300)
    expected = np.zeros_like(field)
    for corner in MOVING:
        (a, b, c), moved = target[corner].astype(float), (source - target)[corner].astype(float)
        sides = np.stack([b - a, c - a])
        if abs(np.linalg.det(sides)) >= 2.0:
            along = (mesh_warp.grid(320, 300) - a) @ np.linalg.inv(sides)
            shares = np.dstack([1.0 - along.sum(axis=2), along])
            inside = shares.min(axis=2) >= 0.0
            expected[inside] = (shares @ moved)[inside]
    differs = np.abs(field - expected).max(axis=2) > 0.02
    assert differs.sum() <= 0.002 * field.any(axis=2).sum(), "only in triangles without area and on edges"


def test_offsets_from_several_originals_are_those_from_each() -> None:
    target = mesh_warp.with_ring(faces.mesh(gap=0.3)[:, :2])
    originals = [mesh_warp.with_ring(faces.mesh(gap=gap)[:, :2]) for gap in (0.0, 0.2)]
    together = mesh_warp.offsets_from(originals, target, mesh_warp.triangles(), 320, 300)
    for field, source in zip(together, originals, strict=True):
        np.testing.assert_array_equal(field, mesh_warp.offsets(target, source, mesh_warp.triangles(), 320, 300))
