"""How a photo's head turns, leans and breathes: every place of the picture follows by its depth, the border never."""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import mesh_warp
from liveface.engine.expression import Expression
from liveface.engine.face import face_space

Array = NDArray[np.float32]

BREATH = 0.010  # IOD, how far the head rises with a breath
_HEAD_AXIS = 0.9  # IOD, how far behind the eyes the axis of the head lies
_FADE = 1.1  # IOD outside the face over which head motion fades out
_FRAME = 0.35  # IOD from the picture's border, likewise
_NECK_FADE = 0.7  # IOD below the chin, likewise: the shoulders stay


def turn(expression: Expression, rise: float) -> Array:
    """How much of each of the head's offsets becomes an offset across and one down, float32 (4, 2); `rise`: of a full
    breath, in cells."""
    yaw, pitch, roll = np.radians([expression.yaw, expression.pitch, expression.roll])
    return np.array([[-yaw, -pitch], [0.0, -roll], [roll, 0.0], [0.0, expression.breath * rise]], np.float32)


def depth_and_hold(points: Array, iod: float, columns: int, rows: int) -> tuple[Array, Array]:
    """Depth in front of the head's axis and how fully each cell follows the head; `points` (468, 3) in cells."""
    face = np.zeros((rows, columns), np.uint8)
    oval = points[face_space.asset("oval").astype(np.int64), :2]
    cv2.fillPoly(face, [np.rint(oval).astype(np.int32)], 1)
    # Depth: every triangle at its mean, spread outwards from the face and smoothed.
    depth = np.zeros((rows, columns), np.float32)
    known = np.zeros((rows, columns), np.float32)
    for corner in mesh_warp.triangles():
        if corner.max() < len(points):
            polygon = np.rint(points[corner, :2]).astype(np.int32)
            value = float(_HEAD_AXIS * iod - points[corner, 2].mean())
            cv2.fillConvexPoly(depth, polygon, value)
            cv2.fillConvexPoly(known, polygon, 1.0)
    total = np.zeros_like(depth)
    weight = np.zeros_like(depth)
    for reach, share in ((0.06, 1.0), (0.25, 1e-2), (0.8, 1e-4), (2.5, 1e-6)):
        total += share * cv2.GaussianBlur(depth * known, (0, 0), reach * iod)
        weight += share * cv2.GaussianBlur(known, (0, 0), reach * iod)
    smooth = total / np.maximum(weight, 1e-12)
    outside = cv2.distanceTransform(1 - face, cv2.DIST_L2, 5)
    hold = np.clip(1.0 - outside / (_FADE * iod), 0.0, 1.0)
    chin = float(points[face_space.CHIN, 1])
    below = np.clip(1.0 - (np.arange(rows) - chin) / (_NECK_FADE * iod), 0.0, 1.0)[:, None]
    hold = cv2.GaussianBlur(_eased(hold * below), (0, 0), 0.08 * iod) * inside_frame(columns, rows, iod)
    return smooth.astype(np.float32), np.asarray(hold, np.float32)


def inside_frame(columns: int, rows: int, iod: float) -> Array:
    """How freely each cell of a grid may move, float32 (rows, columns): not at all at its border, fully further in."""
    across, along = np.arange(columns), np.arange(rows)[:, None]
    away = np.minimum(np.minimum(across, across[::-1]), np.minimum(along, along[::-1]))
    return _eased(np.clip(away / (_FRAME * iod), 0.0, 1.0))


def _eased(share: NDArray[np.floating]) -> Array:
    """0 to 1 without corners at either end."""
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)
