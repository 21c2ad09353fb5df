"""The face mesh of a picture: 468 points in pixels, with depth.

Uses three MediaPipe networks in assets/models (Apache-2.0): BlazeFace short range finds faces, Face Mesh follows them
quickly, and the mesh of Face Landmarker, larger and with irises, sees lips more exactly and is used for photos.
The decoding follows the published model cards; it does not know what an avatar is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.media import Picture

POINT_COUNT = 468
IRIS_COUNT = 10  # for each eye, the person's right one first: the centre, then the rim's left, top, right and bottom
EYE_OUTER_RIGHT, EYE_OUTER_LEFT = 33, 263  # the person's own right and left

_DETECTOR_SIZE = 128  # pixels, both sides of the detector's input
_MESH_SIZE = 192  # pixels, both sides of the mesh network's input
_FINE_SIZE = 256  # pixels, both sides of the finer network's input
_ROI_SCALE = 1.5  # crop side over the face's longer side, as the mesh network was trained
_MINIMUM_SCORE = 0.5
_OVERLAP_LIMIT = 0.3  # two detections that overlap more than this are one face
_DEEPEST_LEVEL = 3  # tiles of an eighth of the picture: finds faces of a fiftieth of its longer side
_FINEST_SAMPLING = 4  # samples per mesh input pixel and axis, in the largest faces

# Crops whose meshes are averaged: side, shift to the right and down (shares of the side), turn (radians).
_JITTER = ((1.0, 0.0, 0.0, 0.0), (0.94, 0.015, -0.01, 0.04), (1.06, -0.015, 0.01, -0.04), (1.0, 0.01, 0.015, 0.02))

Array = NDArray[np.float32]
Network = Callable[[Array], tuple[Array, ...]]


@dataclass(frozen=True, slots=True)
class Region:
    """A rotated square in a picture: centre and side in pixels, angle in radians (clockwise on screen)."""

    x: float
    y: float
    side: float
    angle: float


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face: `points` float32 (468, 3) in pixels (x right, y down, z away from the camera), `score` 0 to 1."""

    points: Array
    score: float


def _detector_anchors() -> Array:
    """Centres of the 896 anchors, in units of the detector's input, float32 (896, 2)."""
    centres = []
    for cells, per_cell in ((16, 2), (8, 6)):
        rows, columns = np.mgrid[0:cells, 0:cells]
        grid = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2)
        centres.append(np.repeat((grid + 0.5) / cells, per_cell, axis=1).reshape(-1, 2))
    return np.concatenate(centres).astype(np.float32)


class FaceMesh:
    """Finds faces and their meshes in pictures; keeps no state between pictures."""

    def __init__(self, detector: Network, mesh: Network, fine: Callable[[], Network]) -> None:
        """`fine` gives the finer mesh network when it is first needed."""
        self._detector = detector
        self._mesh = mesh
        self._fine = cache(fine)
        self._anchors = _detector_anchors()

    @classmethod
    def load(cls, models: Path, threads: int = 1) -> "FaceMesh":
        """Compile the networks found in the folder `models`; raises `CheckpointError` if one is missing."""
        from liveface.engine.backends import openvino

        return cls(
            openvino.compile_file(models / "face_detection_short_range.tflite", threads),
            openvino.compile_file(models / "face_landmark.tflite", threads),
            partial(openvino.compile_file, models / "face_landmark_478.tflite", threads),
        )

    def regions(self, image: Picture) -> list[Region]:
        """Where faces are in an RGB picture, best first; sees faces of at least a sixth of the longer side."""
        return _distinct(self._detect(image, level=0))

    def _detect(self, image: Picture, level: int) -> list[tuple[float, Region]]:
        """Scored face regions, from half-overlapping tiles whose side is the picture's longer side / 2**level."""
        height, width = image.shape[:2]
        scale = (_DETECTOR_SIZE << level) / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        stride = _DETECTOR_SIZE // 2
        found = []
        for top in range(0, max(1, size[1] - stride), stride):
            for left in range(0, max(1, size[0] - stride), stride):
                part = small[top : top + _DETECTOR_SIZE, left : left + _DETECTOR_SIZE]
                tile = np.zeros((_DETECTOR_SIZE, _DETECTOR_SIZE, 3), np.uint8)
                tile[: part.shape[0], : part.shape[1]] = part
                for score, region in self._detect_in_tile(tile):
                    x, y = (region.x + left) / scale, (region.y + top) / scale
                    found.append((score, Region(x, y, region.side / scale, region.angle)))
        return found

    def _detect_in_tile(self, tile: Picture) -> list[tuple[float, Region]]:
        """Scored face regions in pixels of the detector's own input, uint8 (128, 128, 3)."""
        boxes, logits = self._detector((tile[None].astype(np.float32) - 127.5) / 127.5)
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits[0, :, 0], -80.0, 80.0)))
        chosen = np.flatnonzero(scores > _MINIMUM_SCORE)
        values = boxes[0, chosen].reshape(-1, 8, 2)
        centres = values[:, 0] + self._anchors[chosen] * _DETECTOR_SIZE
        sides = values[:, 1].max(axis=1) * _ROI_SCALE
        across = values[:, 3] - values[:, 2]
        angles = np.arctan2(across[:, 1], across[:, 0])
        return [
            (float(score), Region(float(x), float(y), float(side), float(angle)))
            for score, (x, y), side, angle in zip(scores[chosen], centres, sides, angles, strict=True)
        ]

    def points_in(self, image: Picture, region: Region) -> Face:
        """The mesh of the face in `region` of an RGB picture."""
        crop, to_image = _cut(image, region, _MESH_SIZE)
        output, flag = self._mesh(crop)
        return Face(_placed(output.reshape(POINT_COUNT, 3), to_image), float(1.0 / (1.0 + np.exp(-flag.reshape(())))))

    def still_points(self, image: Picture, points: Array) -> Array:
        """The finer mesh of a photo's face, float32 (468 + 10, 3), irises last, of which `points` (468, 3) are known:
        the mean of several crops, as a network's own error changes with the crop."""
        base = region_of(points)
        crops = [
            Region(base.x + right * base.side, base.y + down * base.side, base.side * side, base.angle + turn)
            for side, right, down, turn in _JITTER
        ]
        return np.asarray(np.mean([self.fine_points_in(image, crop) for crop in crops], axis=0), np.float32)

    def fine_points_in(self, image: Picture, region: Region) -> Array:
        """The finer mesh of the face in `region`, float32 (468 + 10, 3) as in `Face`: the mesh, then the irises."""
        crop, to_image = _cut(image, region, _FINE_SIZE)
        output, *_ = self._fine()(crop)
        return _placed(output.reshape(POINT_COUNT + IRIS_COUNT, 3), to_image)

    def faces(self, image: Picture) -> list[Face]:
        """Every large face in an RGB picture, best first, each refined once from its own first mesh."""
        return self._meshes(image, self.regions(image))

    def search(self, image: Picture) -> list[Face]:
        """Every face in an RGB photo, large or small or filling it, best first; far slower than `faces`.

        Looks in ever smaller tiles until a face is found, then one level further for smaller people beside it.
        """
        faces: list[Face] = []
        candidates: list[tuple[float, Region]] = []
        for level in range(_DEEPEST_LEVEL + 1):
            done = bool(faces)
            if done and level == _DEEPEST_LEVEL:
                break  # the costliest level only pays where nothing else was found
            candidates += self._detect(image, level)
            faces = self._meshes(image, _distinct(candidates))
            if done:
                break
        if faces:
            return faces
        # A face larger than the picture is seen by the detector only with room around it.
        margin = max(image.shape[:2]) // 2
        around = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        shift = np.array([margin, margin, 0.0], np.float32)
        return [Face(face.points - shift, face.score) for face in self.faces(around)]

    def _meshes(self, image: Picture, regions: list[Region]) -> list[Face]:
        found: list[Face] = []
        for region in regions:
            first = self.points_in(image, region)
            second = self.points_in(image, region_of(first.points))
            if second.score > _MINIMUM_SCORE and not any(_is_same(second, other) for other in found):
                found.append(second)
        return found


def _cut(image: Picture, region: Region, side: int) -> tuple[Array, NDArray[np.float64]]:
    """A region as a network sees it, float32 (1, side, side, 3), 0 to 1, and the affine (2, 3) back to the picture."""
    scale = region.side / side
    cosine, sine = np.cos(region.angle) * scale, np.sin(region.angle) * scale
    half = side / 2
    to_image = np.array(
        [
            [cosine, -sine, region.x - cosine * half + sine * half],
            [sine, cosine, region.y - sine * half - cosine * half],
        ]
    )
    # A large face is sampled finely, then averaged down: sampling it coarsely would alias.
    finer = int(np.clip(scale, 1, _FINEST_SAMPLING))
    fine = to_image / np.array([[finer, finer, 1.0]])
    fine[:, 2] -= fine[:, :2].sum(axis=1) * (finer - 1) / 2  # centres of coarse and fine samples coincide
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(image, fine, (side * finer,) * 2, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if finer > 1:
        crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return crop[None].astype(np.float32) / 255.0, to_image


def _placed(raw: Array, to_image: NDArray[np.float64]) -> Array:
    """A network's points (n, 3), in pixels of its input, in the picture."""
    points = np.empty((len(raw), 3), np.float32)
    points[:, :2] = raw[:, :2] @ to_image[:, :2].T + to_image[:, 2]
    points[:, 2] = raw[:, 2] * np.hypot(*to_image[:, 0])
    return points


def region_of(points: Array) -> Region:
    """The square crop that the mesh network expects around known `points` (468, 3)."""
    across = points[EYE_OUTER_LEFT, :2] - points[EYE_OUTER_RIGHT, :2]
    angle = float(np.arctan2(across[1], across[0]))
    cosine, sine = np.cos(angle), np.sin(angle)
    upright = points[:, :2] @ np.array([[cosine, -sine], [sine, cosine]])
    low, high = upright.min(axis=0), upright.max(axis=0)
    middle = (low + high) / 2
    x, y = middle @ np.array([[cosine, sine], [-sine, cosine]])
    return Region(float(x), float(y), float((high - low).max()) * _ROI_SCALE, angle)


def _distinct(candidates: list[tuple[float, Region]]) -> list[Region]:
    """The best of every group of candidates that overlap, best first."""
    kept: list[Region] = []
    for _, region in sorted(candidates, key=lambda candidate: -candidate[0]):
        if all(_overlap(region, other) <= _OVERLAP_LIMIT for other in kept):
            kept.append(region)
    return kept


def _is_same(a: Face, b: Face) -> bool:
    """Whether the middle of one mesh lies well inside the other: the detector may take half a face for a small one."""
    first, second = region_of(a.points), region_of(b.points)
    return float(np.hypot(first.x - second.x, first.y - second.y)) < max(first.side, second.side) / _ROI_SCALE / 2


def _overlap(a: Region, b: Region) -> float:
    """Intersection over union of two regions, taken as upright squares."""
    across = min(a.x + a.side / 2, b.x + b.side / 2) - max(a.x - a.side / 2, b.x - b.side / 2)
    down = min(a.y + a.side / 2, b.y + b.side / 2) - max(a.y - a.side / 2, b.y - b.side / 2)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (a.side**2 + b.side**2 - shared + 1e-9)
