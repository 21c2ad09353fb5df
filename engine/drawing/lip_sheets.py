"""The skin around the mouth as two sheets that slide past each other at the seam of the lips.

Each sheet is bent by a field of its own, a smooth thin-plate spline (Bookstein 1989) through every point of the mesh
but the other lip's. So nothing is stretched across an open mouth, and both lips keep their shape to their very edge.
What depends on the photo alone is one matrix; a picture costs one product and a few readings of a coarse grid.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import mesh_warp
from liveface.engine.face import face_space, lips

Array = NDArray[np.float32]

_CELLS = 25.0  # of the grid for one IOD
_REACH = (1.2, 0.75, 1.2)  # IOD from the middle of the mouth to the grid's sides, its top and its bottom
_STIFFNESS = 4e-3  # of the spline, in IOD: how little it follows single points
_EDGE_STIFFNESS = 3e-4  # and those of the lips' edges, which have to meet
_BORDER = 0.18  # IOD over which motion fades out at the grid's border
_STEPS = 4  # of the search for where a place came from
_STILL_ABOVE = 0.45  # IOD below the eyes, from which points of the mesh take part
_JOINING = 0.14  # IOD outside the corners over which both sheets become one


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """One sheet: `points`, the mesh points that bend it; `edge`, float32 (n, 2) picture pixels, the lip's edge in the
    photo; `matrix` float32 (rows * columns + edge, points), from their motions to those of the grid and of the edge."""

    points: NDArray[np.int64]
    edge: Array
    matrix: Array


@dataclass(frozen=True, slots=True, eq=False)
class Bent:
    """Both sheets of one picture. `offsets` float32 (2, rows, columns, 2): for the upper and the lower sheet, where
    each cell comes from, in picture pixels; `edges` float32 (2, n, 2): where the lips' edges went, from the person's
    right corner to the left."""

    offsets: Array
    edges: Array


@dataclass(frozen=True, slots=True, eq=False)
class LipSheets:
    """The sheets of one photo, on a grid whose cell c is centred on picture pixel `origin` + c * `cell`; `source`
    (468, 2): the mesh before it is bent."""

    origin: Array
    cell: float
    size: tuple[int, int]  # columns, rows
    sheets: tuple[Sheet, Sheet]
    source: Array
    _fade: Array
    _joined: Array

    @classmethod
    def of(cls, points: Array) -> "LipSheets":
        """Prepare the sheets of a photo with the mesh `points` (468, 2) in its pixels."""
        right, _, iod = lips.axes(points)
        middle = points[[face_space.CORNER_RIGHT, face_space.CORNER_LEFT]].mean(axis=0)
        side, above, below = _REACH
        cell = iod / _CELLS
        origin = middle - np.array([side, above], np.float32) * iod
        columns, rows = int(np.ceil(2 * side * _CELLS)) + 1, int(np.ceil((above + below) * _CELLS)) + 1
        places = mesh_warp.grid(columns, rows).reshape(-1, 2) * cell + origin
        taking = face_space.template()[:, 1] > _STILL_ABOVE
        ring = mesh_warp.with_ring(points)[len(points) :]
        sheets = []
        for other, line in ((lips.LOWER, lips.UPPER_EDGE), (lips.UPPER, lips.LOWER_EDGE)):
            chosen = np.flatnonzero(taking & ~np.isin(np.arange(len(points)), other))
            edge = lips.curve(points[line])
            knots = np.concatenate([points[chosen], ring]) / iod
            stiffness = np.full(len(knots), _STIFFNESS)
            stiffness[: len(chosen)][np.isin(chosen, [*line, *lips.CORNERS])] = _EDGE_STIFFNESS
            matrix = _spline(knots, np.concatenate([places, edge]) / iod, stiffness)[:, : len(chosen)]
            sheets.append(Sheet(chosen, edge, np.ascontiguousarray(matrix, np.float32)))
        border = np.minimum.reduce(
            [
                np.broadcast_to(np.minimum(np.arange(columns), np.arange(columns)[::-1])[None], (rows, columns)),
                np.broadcast_to(np.minimum(np.arange(rows), np.arange(rows)[::-1])[:, None], (rows, columns)),
            ]
        ) / (_BORDER * _CELLS)
        along = (places - middle) @ right
        corners = (points[lips.CORNERS[[0, 4]]] - middle) @ right
        beyond = np.maximum(corners[0] - along, along - corners[1]) / (_JOINING * iod)
        return cls(
            np.asarray(origin, np.float32),
            float(cell),
            (columns, rows),
            (sheets[0], sheets[1]),
            points,
            np.asarray(_eased(np.clip(border, 0, 1)), np.float32)[..., None],
            np.asarray(_eased(np.clip(beyond.reshape(rows, columns), 0, 1)) / 2, np.float32)[..., None],
        )

    def bend(self, landmarks: Array) -> Bent:
        """What takes the photo's mesh to `landmarks` (468, 2) in its pixels."""
        columns, rows = self.size
        moved = landmarks - self.source
        fields, edges = [], []
        for sheet in self.sheets:
            # Not by a matrix product: the library would wake threads of its own for it, which then wait busily and take
            # the cores from everything else.
            values = np.einsum("ij,kj->ki", sheet.matrix, np.ascontiguousarray(moved[sheet.points].T)).T
            fields.append(values[: rows * columns].reshape(rows, columns, 2) * self._fade)
            edges.append(sheet.edge + values[rows * columns :])
        upper, lower = fields
        across = (upper - lower) * self._joined
        offsets = np.stack([self._came_from(upper - across), self._came_from(lower + across)])
        return Bent(offsets, np.stack(edges))

    def _came_from(self, field: Array) -> Array:
        """Offsets to where each cell came from, of offsets to where each cell goes; float32 (rows, columns, 2)."""
        here = mesh_warp.grid(*self.size)
        back = -field
        for _ in range(_STEPS):
            back = -mesh_warp.sample(field, here + back * np.float32(1.0 / self.cell))
        return np.asarray(back, np.float32)


def _spline(knots: NDArray[np.floating], places: NDArray[np.floating], stiffness: NDArray[np.floating]) -> Array:
    """The matrix (places, knots) from values at `knots` (n, 2) to a thin-plate spline's at `places` (m, 2), IOD;
    `stiffness` (n,) is how little it follows each of them."""
    count = len(knots)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(knots, knots) + np.diag(stiffness)
    system[:count, count:] = np.column_stack([np.ones(count), knots])
    system[count:, :count] = system[:count, count:].T
    terms = np.column_stack([_kernel(places, knots), np.ones(len(places)), places])
    return np.asarray(terms @ np.linalg.inv(system)[:, :count], np.float32)


def _kernel(places: NDArray[np.floating], knots: NDArray[np.floating]) -> NDArray[np.float64]:
    squared = ((places[:, None].astype(np.float64) - knots[None]) ** 2).sum(axis=-1)
    return np.asarray(0.5 * squared * np.log(np.maximum(squared, 1e-12)))


def _eased(share: NDArray[np.floating]) -> Array:
    """0 to 1 without corners at either end."""
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)
