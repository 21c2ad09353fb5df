"""The mouth at rest of any photo: smiles, open and lopsided mouths are taken back by geometry.

How wide a mouth is at rest, where its corners lie and how full its lips are is foretold from the still parts of the
same face, by a ridge regression on portraits of people who neither smile nor speak (`liveface train rest`). It moves
mesh points only; what bends the picture is elsewhere.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import CheckpointError
from liveface.engine.face import face_space, lips

Array = NDArray[np.float32]

ASSET = face_space.ASSET.with_name("rest_mouth.npz")

SMILE_TAKEN_BACK = 0.8  # of the way to rest; all of it looks pinched, as eyes and cheeks go on smiling
# IOD by which a mouth may differ from what is foretold before anything is changed: the error of the foretelling.
_WIDTH_ERROR, _RISE_ERROR, _UPPER_ERROR, _LOWER_ERROR = 0.05, 0.028, 0.018, 0.022
# Points that neither speech nor a smile moves much: those of the pose, nose bridge, tip and wings.
STILL = np.concatenate([face_space.STABLE, [1, 2, 4, 5, 98, 327, 45, 275, 64, 294, 48, 278, 129, 358]])

_UPPER_SHARE = 0.35  # of an opening that the upper lip closes; the lower lip closes the rest
_CHIN_FOLLOWS = 0.75  # of what the lower lip closes
_FOLLOWING = 0.32  # IOD from the lips over which the skin around them follows
_SMILE = 0.05  # IOD that the corners are up, beyond the error, from which a mouth smiles for certain
_NARROWEST = 0.75  # of the photo's own width
_FULLEST = 0.35  # by which a lip grows, of its height in the photo


@dataclass(frozen=True, slots=True)
class MouthShape:
    """IOD. `width`: between the corners; `rise`: of the corners above the middle of the seam, positive in a smile;
    `upper`, `lower`: heights of the lips in the middle."""

    width: float
    rise: float
    upper: float
    lower: float

    @classmethod
    def of(cls, points: Array) -> "MouthShape":
        """The shape in a mesh (468, 2 or 3) in any pose that looks into the camera."""
        right, down, iod = lips.axes(points)
        x, y = points[:, :2] @ right / iod, points[:, :2] @ down / iod
        seam = (y[lips.UPPER_EDGE[5]] + y[lips.LOWER_EDGE[5]]) / 2
        corners = [face_space.CORNER_RIGHT, face_space.CORNER_LEFT]
        upper, lower = (columns[3:6] for columns in (lips.UPPER_COLUMNS, lips.LOWER_COLUMNS))
        return cls(
            float(x[corners[1]] - x[corners[0]]),
            float(seam - y[corners].mean()),
            float((y[upper[:, -1]] - y[upper[:, 0]]).mean()),
            float((y[lower[:, 0]] - y[lower[:, -1]]).mean()),
        )


def upright(points: Array) -> Array:
    """A mesh (468, 3) in pixels without its pose, IOD, about the middle between the eyes."""
    turned = face_space.pose(points).apply(points)
    turned = turned - turned[[*face_space.RIGHT_EYE, *face_space.LEFT_EYE]].mean(axis=0)
    return np.asarray(turned / face_space.inter_ocular(turned), np.float32)


@cache
def _ridge() -> tuple[Array, Array, Array]:
    if not ASSET.is_file():
        raise CheckpointError(f"{ASSET} is missing: reinstall liveface, or restore its assets folder.")
    with np.load(Path(ASSET), allow_pickle=False) as arrays:
        return arrays["mean"], arrays["weights"], arrays["shape"]


def foretold(points: Array) -> MouthShape:
    """The mouth at rest that goes with the still parts of a face, a mesh (468, 3) in pixels."""
    mean, weights, shape = _ridge()
    still = upright(points)[STILL].ravel()
    return MouthShape(*(float(value) for value in shape + (still - mean) @ weights))


def at_rest(points: Array, smile_taken_back: float = SMILE_TAKEN_BACK) -> Array:
    """The mesh (468, 2) in pixels of a photo with its mouth at rest; `points` (468, 3) is the photo's own.

    `smile_taken_back`: how much of a smile (or of any other width, height of corners and fullness) is undone, 0 to 1.
    """
    right, down, iod = lips.axes(points)
    flat = np.asarray(points[:, :2], np.float32)
    x, y = flat @ right, flat @ down
    shift = np.zeros((len(points), 2))  # to the right and down of the face, pixels
    shift[:, 1] = _closing(x, y, iod)
    closed = np.asarray(flat + shift @ np.stack([right, down]), np.float32)
    if smile_taken_back > 0.0:
        change = _relaxing(closed, MouthShape.of(closed), foretold(points), smile_taken_back)
        closed = np.asarray(closed + change @ np.stack([right, down]), np.float32)
    return closed


def _closing(x: Array, y: Array, iod: float) -> NDArray[np.float64]:
    """How far down every point moves while the lips, each in one piece, are brought together; pixels."""
    upper, lower = lips.UPPER_COLUMNS, lips.LOWER_COLUMNS
    gap = np.maximum(y[lower[:, -1]] - y[upper[:, -1]], 0.0)
    place = (x[upper[:, -1]] + x[lower[:, -1]]) / 2
    ends = x[lips.CORNERS[[3, 7]]]
    order = np.argsort(place)
    opening = np.interp(
        x, np.concatenate([ends[:1], place[order], ends[1:]]), np.concatenate([[0.0], gap[order], [0.0]])
    )
    shift = np.zeros(len(x))
    shift[upper] = (_UPPER_SHARE * gap)[:, None]
    shift[lower] = -((1.0 - _UPPER_SHARE) * gap)[:, None]
    # The skin above follows less and less up to the nose, that below down to the chin, and both towards the sides.
    nose, chin = y[2], y[face_space.CHIN]
    edge_above = np.interp(x, *_sorted(x[upper[:, 0]], y[upper[:, 0]]))
    edge_below = np.interp(x, *_sorted(x[lower[:, 0]], y[lower[:, 0]]))
    above = (y < edge_above) & (y > nose)
    below = y > edge_below
    middle, half = ends.mean(), (ends[1] - ends[0]) / 2
    widest = float(gap.max())
    jaw = widest * np.exp(-(((x - middle) / (1.1 * half)) ** 2))
    share = np.clip((y - nose) / np.maximum(edge_above - nose, 0.02 * iod), 0.0, 1.0)
    skin = ~np.isin(np.arange(len(x)), lips.EVERY)
    shift = np.where(skin & above, _UPPER_SHARE * opening * share, shift)
    depth = np.clip((y - edge_below) / np.maximum(chin - edge_below, 0.1 * iod), 0.0, 1.0)
    down = (1.0 - _UPPER_SHARE) * (opening * (1.0 - depth) + jaw * _CHIN_FOLLOWS * depth)
    shift = np.where(skin & below, -down, shift)
    near = np.hypot(x - middle, y - (y[upper[4, -1]] + y[lower[4, -1]]) / 2) < 1.4 * iod
    return np.asarray(np.where(near, shift, 0.0))


def _sorted(x: Array, y: Array) -> tuple[Array, Array]:
    order = np.argsort(x)
    return x[order], y[order]


def _relaxing(points: Array, now: MouthShape, rest: MouthShape, share: float) -> NDArray[np.float64]:
    """How far every point of a closed mouth (468, 2) moves to the right and down while it comes to rest; pixels."""
    right, down, iod = lips.axes(points)
    seam = (points[lips.UPPER_EDGE[5]] + points[lips.LOWER_EDGE[5]]) / 2
    corners = points[[face_space.CORNER_RIGHT, face_space.CORNER_LEFT]]
    middle = (corners @ right).mean()
    x = (points @ right - middle) / iod
    y = (points - seam) @ down / iod
    # Only a smile is taken back, which is wide and has its corners up: a wide mouth alone is the person's own.
    height = [float(-(corner - seam) @ down / iod) for corner in corners]
    lifted = [max(one - rest.rise - _RISE_ERROR, 0.0) for one in height]
    smiling = float(np.clip(np.mean(lifted) / _SMILE, 0.0, 1.0))
    wider = smiling * max(now.width - rest.width - _WIDTH_ERROR, 0.0)
    width = max(1.0 - wider / now.width, _NARROWEST)
    half = now.width / 2
    along = np.clip(np.abs(x) / half, 0.0, 1.25)
    # Each corner comes down to its own height at rest, so that a lopsided smile becomes even.
    lift = np.where(x < 0.0, *lifted)
    moved = np.zeros((len(points), 2))
    of_lips = np.isin(np.arange(len(points)), lips.EVERY)
    moved[:, 0] = (width - 1.0) * np.clip(x, -1.25 * half, 1.25 * half)
    moved[:, 1] = lift * along**2
    for columns, is_upper, missing, there in (
        (lips.UPPER_COLUMNS, True, rest.upper - now.upper - _UPPER_ERROR, now.upper),
        (lips.LOWER_COLUMNS, False, rest.lower - now.lower - _LOWER_ERROR, now.lower),
    ):
        fuller = smiling * float(np.clip(missing / max(there, 0.02), 0.0, _FULLEST))
        thickness = (y[columns] - y[columns[:, -1:]]) * fuller
        moved[columns, 1] += thickness
        edge = np.abs(thickness[3:6, 0]).mean() * np.sign(fuller) * (-1.0 if is_upper else 1.0)
        beyond = (y < 0.0) if is_upper else (y > 0.0)
        moved[:, 1] += np.where(~of_lips & beyond, edge * np.clip(1.0 - along, 0.0, 1.0), 0.0)
    outline = np.concatenate([lips.UPPER_COLUMNS[:, 0], lips.LOWER_COLUMNS[:, 0], lips.CORNERS])
    distance = np.linalg.norm(points[:, None] - points[outline][None], axis=-1).min(axis=1) / iod
    follow = np.where(of_lips, 1.0, np.exp(-((distance / _FOLLOWING) ** 2)))
    follow = follow * np.clip((y + 0.33) / 0.2, 0.0, 1.0)  # the nose stays
    return np.asarray(moved * follow[:, None] * share * iod)
