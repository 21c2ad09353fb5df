"""Bending a picture by its face mesh: where each pixel of the bent picture comes from.

A fixed list of triangles covers the face and a ring around it. Ring points are pinned, so that the displacement
fades to zero at the ring and no box can appear. It does not know what moves the mesh.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.face import face_space

Array = NDArray[np.float32]

RING_SCALE = 1.42  # how far the ring lies outside the face oval, as a multiple of the distance to its middle
_TOLERANCE = np.float32(1 / 32)  # pixels by which neighbouring triangles overlap, so that no gap is left
_THIN = 2.0  # square pixels, twice the area of a triangle too thin to say how its inside moves


@cache
def triangles() -> NDArray[np.int64]:
    """The fixed triangles, int64 (n, 3), over 468 mesh points and the ring."""
    return face_space.asset("triangles").astype(np.int64)


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
    return offsets_from([source], target, faces, width, height)[0]


def offsets_from(
    sources: Sequence[NDArray[np.floating]],
    target: NDArray[np.floating],
    faces: NDArray[np.int64],
    width: int,
    height: int,
) -> list[Array]:
    """The `offsets` of one bent mesh from each of several originals, for little more than the time of one."""
    results = [np.zeros((height, width, 2), np.float32) for _ in sources]
    corners = _corners(target, faces)
    left, top, owner = _owner(corners, width, height)
    bottom, right = top + owner.shape[0], left + owner.shape[1]
    rows, columns = np.arange(top, bottom, dtype=np.float32)[:, None], np.arange(left, right, dtype=np.float32)
    for result, source in zip(results, sources, strict=True):
        for axis, maps in enumerate(_affine_offsets(corners, _corners(source, faces) - corners)):
            by_x, by_y, constant = (np.take(part, owner) for part in maps)
            by_x *= columns
            by_y *= rows
            by_x += by_y
            np.add(by_x, constant, out=result[top:bottom, left:right, axis])
    return results


def _corners(points: NDArray[np.floating], faces: NDArray[np.int64]) -> Array:
    """The corners of all triangles, float32 (2, 3, n): the triangles last, so that every step runs along them."""
    return np.asarray(points.T[:, faces.T], np.float32)


def _owner(corners: Array, width: int, height: int) -> tuple[int, int, NDArray[np.intp]]:
    """Which triangle covers the middle of each pixel: its number, counted from 1, the last where there are several.

    `corners` float32 (2, 3, n). Returns left, top and the numbers, intp (h, w), of the box that holds all triangles.
    """
    # All triangles are drawn at once, row by row, each row from the triangle's long side to one of its short ones.
    (x0, x1, x2), (y0, y1, y2) = np.take_along_axis(corners, np.argsort(corners[1], axis=0)[None], axis=1)
    triangle, row = _ranges(y0, y2, height)
    sides = np.stack([x0, y0, _slope(x0, y0, x2, y2), x1, y1, _slope(x0, y0, x1, y1), _slope(x1, y1, x2, y2), y2])
    x0, y0, long, x1, y1, upper, lower, y2 = sides[:, triangle]
    y = np.clip(row, y0, y2, dtype=np.float32)
    one = x0 + (y - y0) * long
    below = y - y1
    other = x1 + below * np.where(below < 0.0, upper, lower)
    span, column = _ranges(np.minimum(one, other), np.maximum(one, other), width)
    if not len(span):
        return 0, 0, np.zeros((0, 0), np.intp)
    left, top = int(column.min()), int(row.min())
    owner = np.zeros((int(row.max()) - top + 1, int(column.max()) - left + 1), np.intp)
    starts = (row - top) * owner.shape[1] - left
    owner.ravel()[starts[span] + column] = triangle[span] + 1
    return left, top, owner


def _ranges(low: Array, high: Array, end: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The whole numbers from 0 to `end` - 1 in each range from `low` to `high`, and before them, of which range."""
    first = np.maximum(np.ceil(low - _TOLERANCE), 0.0).astype(np.intp)
    last = np.minimum(np.floor(high + _TOLERANCE), end - 1.0).astype(np.intp)
    count = np.maximum(last - first + 1, 0)
    owner = np.repeat(np.arange(len(count)), count)
    return owner, np.arange(len(owner)) + (first + count - np.cumsum(count))[owner]


def _slope(x0: Array, y0: Array, x1: Array, y1: Array) -> Array:
    """How far a side runs across for each row down; a level one is not followed."""
    rise = y1 - y0
    return np.asarray((x1 - x0) / np.where(rise > 0.0, rise, np.float32(1.0)), np.float32)


@lru_cache(maxsize=16)  # of the sizes and places of the avatars in use
def grid(width: int, height: int, left: int = 0, top: int = 0) -> Array:
    """Every pixel's own place (x, y), float32 (height, width, 2), read-only; the first one's is (`left`, `top`)."""
    rows, columns = np.mgrid[top : top + height, left : left + width].astype(np.float32)
    places = np.stack([columns, rows], axis=-1)
    places.setflags(write=False)
    return places


def _affine_offsets(corners: Array, moved: Array) -> Array:
    """Per triangle the affine map from pixel to offset, float32 (2, 3, n + 1); the first is zero, for no triangle.

    `corners`: where they are, float32 (2, 3, n); `moved`: their offsets, likewise.
    """
    (across, along), (across_last, along_last) = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    doubled_area = across * along_last - along * across_last
    thin = np.abs(doubled_area) < _THIN
    scale = np.where(thin, np.float32(0.0), 1.0 / np.where(thin, np.float32(1.0), doubled_area))
    change, change_last = moved[:, 1] - moved[:, 0], moved[:, 2] - moved[:, 0]
    maps = np.zeros((2, 3, corners.shape[2] + 1), np.float32)
    by_x, by_y, constant = maps[:, 0, 1:], maps[:, 1, 1:], maps[:, 2, 1:]
    by_x[:] = (change * along_last - change_last * along) * scale
    by_y[:] = (change_last * across - change * across_last) * scale
    constant[:] = moved[:, 2] - by_x * corners[0, 2] - by_y * corners[1, 2]
    return maps


def sample(
    image: NDArray[Any],
    places: NDArray[Any],
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_REPLICATE,
) -> NDArray[Any]:
    """A picture or map (H, W[, channels]) read at `places` float32 (height, width, 2); outside it the edge goes on,
    or there is 0 with `cv2.BORDER_CONSTANT`."""
    return np.asarray(cv2.remap(image, places, None, interpolation, borderMode=border))  # type: ignore[call-overload]
