"""Brows that rise: the skin from the lids to the hairline goes with them, less and less; it moves places only."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import head_motion, mesh_warp
from liveface.engine.face import face_space, lips

Array = NDArray[np.float32]

HIGHEST = 0.03  # IOD that raised brows rise; at 0.05 a face looks startled
_REACH = 0.2  # IOD from a brow, at which the skin goes with it by 1 / e
_SMOOTH = 0.05  # IOD
_TURN = 0.2  # IOD, farther than head motion moves a brow
_HELD = 0.06  # IOD above the lash line, from which on upwards the skin moves fully

_BROWS = np.array([70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 300, 293, 334, 296, 336, 276, 283, 282, 295, 285])
_LASHES = np.array([33, 246, 161, 160, 159, 158, 157, 173, 133, 263, 466, 388, 387, 386, 385, 384, 398, 362])


@dataclass(frozen=True, slots=True, eq=False)
class Brows:
    """`lift`: see the function of that name; `part`: rows and columns of the grid that it can reach as heads turn."""

    lift: Array
    part: tuple[slice, slice]

    @classmethod
    def of(cls, points: Array, columns: int, rows: int) -> "Brows":
        """Prepare the brows of a photo with the mesh `points` (468, 2) in cells of its grid."""
        field = lift(points, columns, rows)
        margin = round(_TURN * lips.axes(points)[2])
        part = []
        for axis, size in ((1, rows), (0, columns)):
            moving = np.flatnonzero(field.any(axis=(axis, 2)))
            part.append(slice(max(moving[0] - margin, 0), min(moving[-1] + margin, size)) if len(moving) else slice(0))
        return cls(field, (part[0], part[1]))

    def add(self, offsets: Array, raised: float) -> None:
        """Raise the brows by a share of their way, in offsets of the head's motion (rows, columns, 2), in place."""
        rows, columns = self.lift.shape[:2]
        own = offsets[self.part]
        own += np.float32(raised) * mesh_warp.sample(self.lift, mesh_warp.grid(columns, rows)[self.part] + own)


def lift(points: Array, columns: int, rows: int) -> Array:
    """Where the places of a grid come from when the brows are fully raised, as offsets in its cells.

    `points`: the mesh (468, 2) in cells. Returns float32 (rows, columns, 2), zero from the lashes downwards.
    """
    _, down, iod = lips.axes(points)
    template = face_space.template()[:, :2]
    away = np.sqrt(np.square(template[:, None] - template[_BROWS][None]).sum(axis=-1)).min(axis=1)
    lashes = np.interp(points[:, 0], *_sorted(points[_LASHES]))
    above = np.clip((lashes - points[:, 1]) / (_HELD * iod), 0.0, 1.0)
    share = np.exp(-np.square(away / _REACH)) * above
    raised = points - (HIGHEST * iod * share)[:, None] * down
    ring = mesh_warp.with_ring(points)[len(points) :]
    moving = mesh_warp.triangles_around(np.flatnonzero(share > 0.01))
    rough = mesh_warp.offsets(np.concatenate([raised, ring]), np.concatenate([points, ring]), moving, columns, rows)
    smooth = cv2.GaussianBlur(rough, (0, 0), _SMOOTH * iod)
    places = mesh_warp.grid(columns, rows)
    held = np.clip((np.interp(places[0, :, 0], *_sorted(points[_LASHES])) - places[..., 1]) / (_HELD * iod), 0.0, 1.0)
    free = held * head_motion.inside_frame(columns, rows, iod)
    return np.asarray(smooth * free[..., None], np.float32)


def _sorted(line: Array) -> tuple[Array, Array]:
    """The places and heights of a line's points, from left to right."""
    order = np.argsort(line[:, 0])
    return line[order, 0], line[order, 1]
