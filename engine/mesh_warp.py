"""Bending a picture by its face mesh: where each pixel of the bent picture comes from.

A fixed list of triangles covers the face and a ring around it. Ring points are pinned, so that the displacement
fades to zero at the ring and no box can appear. It does not know what moves the mesh.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine import face_space

Array = NDArray[np.float32]

RING_SCALE = 1.42  # how far the ring lies outside the face oval, as a multiple of the distance to its middle
_SUBPIXEL_BITS = 4
_THIN = 2.0  # square pixels, twice the area of a triangle too thin to say how its inside moves


@cache
def triangles() -> NDArray[np.int64]:
    """The fixed triangles, int64 (n, 3), over 468 mesh points and the ring."""
    return face_space.asset("triangles").astype(np.int64)


@cache
def speech_triangles() -> NDArray[np.int64]:
    """The triangles that speech can move; those inside the mouth come first, so that the lips are drawn over them."""
    mesh = len(face_space.template())
    chosen = triangles_around(np.flatnonzero(face_space.mobility() > 0))
    inside = np.isin(chosen, face_space.INNER_LIPS).all(axis=1)
    # The lower lip's corner comes last, so that the seam of a closed mouth moves with the lower lip.
    is_lower = np.isin(np.arange(mesh), face_space.INNER_LIPS[11:])
    lower_last = np.argsort(is_lower[chosen[inside]], axis=1, kind="stable")
    return np.concatenate([np.take_along_axis(chosen[inside], lower_last, axis=1), chosen[~inside]])


def triangles_around(points: NDArray[np.int64]) -> NDArray[np.int64]:
    """The triangles, int64 (n, 3), that touch any of the named mesh points."""
    every = triangles()
    return every[np.isin(every, points).any(axis=1)]


def with_ring(points: Array) -> Array:
    """Mesh points (468, 2) with the ring appended, (n, 2)."""
    oval = points[face_space.asset("oval").astype(np.int64)]
    middle = oval.mean(axis=0)
    return np.concatenate([points, middle + RING_SCALE * (oval - middle)])


def offsets(
    target: NDArray[np.floating], source: NDArray[np.floating], faces: NDArray[np.int64], width: int, height: int
) -> Array:
    """Where the pixels of a bent picture come from.

    `target`, `source`: float (n, 2), mesh with ring after and before bending, in pixels of the grid; `faces`: the
    triangles that move, later ones over earlier ones; one without area moves as its last corner.
    Returns float32 (height, width, 2): pixel p of the bent picture is pixel p + offset of the original.
    """
    corners = np.rint(target[faces] * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    owner = np.zeros((height, width), np.int32)
    for number, corner in enumerate(corners, start=1):
        cv2.fillConvexPoly(owner, corner, number, cv2.LINE_8, _SUBPIXEL_BITS)
    maps = _affine_offsets(target[faces], source[faces])
    columns, rows = grid(width, height)[..., 0], grid(width, height)[..., 1]
    result = np.empty((height, width, 2), np.float32)
    for axis in (0, 1):
        by_x, by_y, constant = (np.take(maps[:, axis, part], owner) for part in range(3))
        result[..., axis] = by_x * columns + by_y * rows + constant
    return result


@cache
def grid(width: int, height: int) -> Array:
    """Every pixel's own place (x, y), float32 (height, width, 2), read-only."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    places = np.stack([columns, rows], axis=-1)
    places.setflags(write=False)
    return places


def _affine_offsets(target: NDArray[np.floating], source: NDArray[np.floating]) -> Array:
    """Per triangle the affine map from pixel to offset, float32 (n + 1, 2, 3); the first is zero, for no triangle."""
    matrix = np.concatenate([target, np.ones((*target.shape[:2], 1))], axis=-1)
    thin = np.abs(np.linalg.det(matrix)) < _THIN
    matrix[thin] = np.eye(3)
    solved = np.linalg.solve(matrix, source - target).transpose(0, 2, 1)
    solved[thin] = 0.0
    solved[thin, :, 2] = (source - target)[thin, 2]
    return np.concatenate([np.zeros((1, 2, 3)), solved]).astype(np.float32)


def sample(image: NDArray[Any], places: NDArray[Any], interpolation: int = cv2.INTER_LINEAR) -> NDArray[Any]:
    """A picture or map (H, W[, channels]) read at `places` float32 (height, width, 2); outside it the edge goes on."""
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(image, places, None, interpolation, borderMode=border))  # type: ignore[call-overload]


def bend(image: NDArray[np.uint8], field: Array, origin: tuple[int, int] = (0, 0)) -> NDArray[np.uint8]:
    """Apply `offsets` (height, width, 2) to a picture.

    `origin`: column and row of the picture at which the field's grid begins, so that the picture can have margins.
    """
    height, width = field.shape[:2]
    return sample(image, field + grid(width, height) + np.array(origin, np.float32))
