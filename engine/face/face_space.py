"""The face without its pose: one coordinate system in which all faces and motions are compared.

Unit of length: the inter-ocular distance (IOD), between the centres of the eyes, each midway between its two
corners. Axes: x right, y down, z away from the camera. The origin is midway between the eyes.
It does not know about pictures or sound.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import CheckpointError

Array = NDArray[np.float32]

ASSET = Path(__file__).resolve().parents[2] / "assets" / "models" / "face_space.npz"

RIGHT_EYE, LEFT_EYE = np.array([33, 133]), np.array([362, 263])  # corners of the person's own right and left eye

# Points that speech hardly moves: forehead, temples, brow roots, eye corners, nose bridge.
STABLE = np.array(
    [
        10,
        151,
        9,
        8,
        168,
        6,
        197,
        33,
        133,
        362,
        263,
        127,
        356,
        162,
        389,
        21,
        251,
        54,
        284,
        103,
        332,
        67,
        297,
        109,
        338,
        107,
        336,
    ]
)
# Closed outlines, from the person's right corner over the upper lip to the left corner and back below.
INNER_LIPS = np.array([78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95])
OUTER_LIPS = np.array([61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146])
LIPS = np.concatenate([OUTER_LIPS, INNER_LIPS])
CORNER_RIGHT, CORNER_LEFT = 61, 291
INNER_UPPER = np.array([82, 13, 312])  # middle of the inner upper lip, and below each the inner lower lip
INNER_LOWER = np.array([87, 14, 317])
CHIN = 152

CODE_SIZE = 16
CROP_WIDTH, CROP_HEIGHT = 1.3, 1.0  # IOD, the part of the face that the generator sees
CROP_DROP = 0.08  # IOD, how far the crop's centre lies below the line between the mouth's corners


@dataclass(frozen=True, slots=True, eq=False)
class MotionBasis:
    """The linear space of mouth motions.

    `template` float32 (468, 3), IOD; `indices` int64 (n_points,), the points that move;
    `components` float32 (CODE_SIZE, n_points, 3), orthonormal under the lip weights;
    `scale` float32 (CODE_SIZE,), standard deviation of each coefficient, IOD;
    `projection` float32 (n_points * 3, CODE_SIZE), least-squares inverse of the components.
    """

    template: Array
    indices: NDArray[np.int64]
    components: Array
    scale: Array
    projection: Array

    def decode(self, code: Array) -> Array:
        """Displacement of all points, (..., 468, 3) IOD, for codes (..., CODE_SIZE) in standard deviations."""
        moved = np.tensordot(code * self.scale, self.components, axes=1)
        full = np.zeros((*code.shape[:-1], len(self.template), 3), np.float32)
        full[..., self.indices, :] = moved
        return full

    def encode(self, displacement: Array) -> Array:
        """Codes (..., CODE_SIZE) nearest to a displacement (..., 468, 3) IOD."""
        flat = displacement[..., self.indices, :].reshape(*displacement.shape[:-2], -1)
        return np.asarray((flat @ self.projection) / self.scale, np.float32)

    def gap_weights(self) -> Array:
        """Row vector w (CODE_SIZE,) with gap change in IOD = code @ w; the gap is linear in the code."""
        return np.asarray(mouth_gap(self.decode(np.eye(CODE_SIZE, dtype=np.float32))), np.float32)


@cache
def asset(name: str) -> NDArray[np.generic]:
    """One array of the shipped face space: template, mirror, triangles, oval, or a part of the motion basis."""
    if not ASSET.is_file():
        raise CheckpointError(f"{ASSET} is missing: reinstall liveface, or restore its assets folder.")
    with np.load(ASSET, allow_pickle=False) as arrays:
        value: NDArray[np.generic] = arrays[name]
    value.setflags(write=False)
    return value


def template() -> Array:
    """The average face, float32 (468, 3) IOD, seen from the front with a closed mouth."""
    return asset("template").astype(np.float32)


@cache
def basis() -> MotionBasis:
    """The shipped motion basis."""
    return MotionBasis(
        template(),
        asset("indices").astype(np.int64),
        asset("components").astype(np.float32),
        asset("scale").astype(np.float32),
        asset("projection").astype(np.float32),
    )


def between_eyes(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Vector (..., n) from the centre of the right eye to the centre of the left, for `points` (..., 468, n)."""
    return np.asarray(points[..., LEFT_EYE, :].mean(axis=-2) - points[..., RIGHT_EYE, :].mean(axis=-2))


def inter_ocular(points: Array) -> Array:
    """Distance between the centres of the eyes, (...), in the unit of `points` (..., 468, 2 or 3)."""
    return np.asarray(np.linalg.norm(between_eyes(points), axis=-1), np.float32)


def mouth_gap(points: Array) -> Array:
    """Vertical distance between the middles of the inner lips, (...), in the unit of `points` (..., 468, 2 or 3)."""
    return np.asarray((points[..., INNER_LOWER, 1] - points[..., INNER_UPPER, 1]).mean(axis=-1), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """`target = scale * source @ rotation.T + offset`; rotation (n, n), offset (n,), for n of 2 or 3."""

    scale: float
    rotation: Array
    offset: Array

    def apply(self, points: Array) -> Array:
        """Move points (..., n)."""
        return np.asarray(self.scale * points @ self.rotation.T + self.offset, np.float32)

    def inverse(self) -> "Similarity":
        """The way back."""
        back = self.rotation.T
        return Similarity(1.0 / self.scale, back, np.asarray(-(back @ self.offset) / self.scale, np.float32))


def fit_similarity(source: Array, target: Array) -> Similarity:
    """Least-squares similarity from `source` to `target`, both (k, n) (Umeyama 1991)."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_mean, target - target_mean
    u, values, vt = np.linalg.svd(b.T @ a)
    sign = np.ones(source.shape[1])
    sign[-1] = np.sign(np.linalg.det(u @ vt))
    rotation = u @ np.diag(sign) @ vt
    scale = float((values * sign).sum() / (a**2).sum())
    return Similarity(
        scale, rotation.astype(np.float32), np.asarray(target_mean - scale * rotation @ source_mean, np.float32)
    )


def pose(points: Array) -> Similarity:
    """The similarity in space that takes mesh `points` (468, 3) in pixels to the template's pose and size."""
    return fit_similarity(points[STABLE].astype(np.float64), template()[STABLE].astype(np.float64))


def normalise(points: Array) -> Array:
    """Remove pose and size from one clip's mesh.

    `points`: (T, 468, 3) pixels, NaN where no face was found. Returns (T, 468, 3) in IOD of the clip's own mean
    face, turned like the template. Frames are aligned to the clip's mean shape, and that once to the template.
    """
    found = np.isfinite(points[:, 0, 0])
    result = np.full(points.shape, np.nan, np.float32)
    if not found.any():
        return result
    seen = points[found].astype(np.float64)
    mean = seen[len(seen) // 2]
    aligned = seen
    for _ in range(3):
        aligned = np.stack([fit_similarity(one[STABLE], mean[STABLE]).apply(one) for one in seen]).astype(np.float64)
        mean = aligned.mean(axis=0)
    upright = fit_similarity(mean[STABLE], template()[STABLE].astype(np.float64))
    turned = aligned @ upright.rotation.T
    middle = (mean @ upright.rotation.T)[[*RIGHT_EYE, *LEFT_EYE]].mean(axis=0)
    result[found] = (turned - middle) / float(inter_ocular(mean))
    return result


def neutral(normalised: Array) -> Array:
    """The closed mouth at rest of one clip: mean (468, 3) of the fifth of its frames with the smallest mouth gap."""
    seen = normalised[np.isfinite(normalised[:, 0, 0])]
    gaps = mouth_gap(seen)
    return np.asarray(seen[gaps <= np.quantile(gaps, 0.2)].mean(axis=0), np.float32)


def mobility() -> Array:
    """How much of a measured displacement each point keeps, float32 (468,): 0 at the eyes, 1 from the nose base down.

    The ramp runs from 0.45 to 0.80 IOD below the eyes, so that speech never moves eyes or nose bridge.
    """
    return np.asarray(np.clip((template()[:, 1] - 0.45) / 0.35, 0.0, 1.0), np.float32)


def mouth_crop_transform(points: Array, width: int, height: int) -> NDArray[np.float64]:
    """The affine (2, 3) from picture pixels to a crop of `width` x `height` pixels around the mouth.

    Upright by the line between the eyes, CROP_WIDTH x CROP_HEIGHT IOD, centred CROP_DROP below the mouth's corners.
    `points`: (468, 2 or 3) pixels.
    """
    xy = points[:, :2].astype(np.float64)
    across = between_eyes(xy)
    iod = float(np.hypot(*across))
    right = across / iod
    down = np.array([-right[1], right[0]])
    centre = (xy[CORNER_RIGHT] + xy[CORNER_LEFT]) / 2 + down * CROP_DROP * iod
    rows = np.stack([right * width / (CROP_WIDTH * iod), down * height / (CROP_HEIGHT * iod)])
    return np.hstack([rows, (np.array([width / 2, height / 2]) - rows @ centre)[:, None]])
