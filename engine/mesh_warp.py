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
    corners = target[faces]
    # Only the box around the triangles can move.
    low = np.clip(np.floor(corners.min(axis=(0, 1))), 0, [width, height]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=(0, 1))) + 1, low, [width, height]).astype(int)
    result = np.zeros((height, width, 2), np.float32)
    box = np.s_[low[1] : high[1], low[0] : high[0]]
    owner = np.zeros((high[1] - low[1], high[0] - low[0]), np.int32)
    if owner.size == 0:
        return result
    for number, corner in enumerate(np.rint((corners - low) * (1 << _SUBPIXEL_BITS)).astype(np.int32), start=1):
        cv2.fillConvexPoly(owner, corner, number, cv2.LINE_8, _SUBPIXEL_BITS)
    maps = _affine_offsets(corners, source[faces])
    columns, rows = grid(width, height)[box][..., 0], grid(width, height)[box][..., 1]
    for axis in (0, 1):
        by_x, by_y, constant = (np.take(part, owner) for part in maps[axis])
        by_x *= columns
        by_y *= rows
        by_x += by_y
        np.add(by_x, constant, out=result[box][..., axis])
    return result


@cache
def grid(width: int, height: int) -> Array:
    """Every pixel's own place (x, y), float32 (height, width, 2), read-only."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    places = np.stack([columns, rows], axis=-1)
    places.setflags(write=False)
    return places


def _affine_offsets(target: NDArray[np.floating], source: NDArray[np.floating]) -> Array:
    """Per triangle the affine map from pixel to offset, float32 (2, 3, n + 1); the first is zero, for no triangle."""
    moved = source - target
    edges, changes = target[:, 1:] - target[:, :1], moved[:, 1:] - moved[:, :1]
    doubled_area = edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]
    thin = np.abs(doubled_area) < _THIN
    scale = np.where(thin, 0.0, 1.0 / np.where(thin, 1.0, doubled_area))[:, None]
    by_x = (changes[:, 0] * edges[:, 1, 1:] - changes[:, 1] * edges[:, 0, 1:]) * scale
    by_y = (changes[:, 1] * edges[:, 0, :1] - changes[:, 0] * edges[:, 1, :1]) * scale
    constant = moved[:, 2] - by_x * target[:, 2, :1] - by_y * target[:, 2, 1:]
    maps = np.zeros((2, 3, len(target) + 1), np.float32)
    for part, values in enumerate((by_x, by_y, constant)):
        maps[:, part, 1:] = values.T
    return maps


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
