"""The face mesh of a picture: 468 points in pixels, with depth.

Uses the two MediaPipe networks in assets/models (BlazeFace short range and Face Mesh, Apache-2.0).
The decoding follows the published model cards; it does not know what an avatar is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.media import Picture

POINT_COUNT = 468
EYE_OUTER_RIGHT, EYE_OUTER_LEFT = 33, 263  # the person's own right and left

_DETECTOR_SIZE = 128  # pixels, both sides of the detector's input
_MESH_SIZE = 192  # pixels, both sides of the mesh network's input
_ROI_SCALE = 1.5  # crop side over the face's longer side, as the mesh network was trained
_MINIMUM_SCORE = 0.5
_OVERLAP_LIMIT = 0.3  # two detections that overlap more than this are one face

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

    def __init__(self, detector: Network, mesh: Network) -> None:
        self._detector = detector
        self._mesh = mesh
        self._anchors = _detector_anchors()

    @classmethod
    def load(cls, models: Path, threads: int = 1) -> "FaceMesh":
        """Compile the two networks found in the folder `models`; raises `CheckpointError` if one is missing."""
        from engine.backends import openvino

        return cls(
            openvino.compile_file(models / "face_detection_short_range.tflite", threads),
            openvino.compile_file(models / "face_landmark.tflite", threads),
        )

    def regions(self, image: Picture) -> list[Region]:
        """Where faces are in an RGB picture, best first."""
        height, width = image.shape[:2]
        scale = _DETECTOR_SIZE / max(height, width)
        small = cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
        square = np.zeros((_DETECTOR_SIZE, _DETECTOR_SIZE, 3), np.uint8)
        square[: small.shape[0], : small.shape[1]] = small
        boxes, logits = self._detector((square[None].astype(np.float32) - 127.5) / 127.5)
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits[0, :, 0], -80.0, 80.0)))
        chosen = np.flatnonzero(scores > _MINIMUM_SCORE)
        chosen = chosen[np.argsort(-scores[chosen])]
        values = boxes[0, chosen].reshape(-1, 8, 2) / _DETECTOR_SIZE
        centres = values[:, 0] + self._anchors[chosen]
        sizes = values[:, 1]
        keypoints = values[:, 2:] + self._anchors[chosen, None]
        regions: list[Region] = []
        kept: list[int] = []
        side = float(max(height, width))
        for i in range(len(chosen)):
            if any(_overlap(centres[i], sizes[i], centres[j], sizes[j]) > _OVERLAP_LIMIT for j in kept):
                continue
            kept.append(i)
            across = keypoints[i, 1] - keypoints[i, 0]
            x, y = centres[i] * side
            regions.append(Region(float(x), float(y), float(sizes[i].max()) * side * _ROI_SCALE, float(np.arctan2(across[1], across[0]))))
        return regions

    def points_in(self, image: Picture, region: Region) -> Face:
        """The mesh of the face in `region` of an RGB picture."""
        scale = region.side / _MESH_SIZE
        cosine, sine = np.cos(region.angle) * scale, np.sin(region.angle) * scale
        half = _MESH_SIZE / 2
        to_image = np.array(
            [
                [cosine, -sine, region.x - cosine * half + sine * half],
                [sine, cosine, region.y - sine * half - cosine * half],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(image, to_image, (_MESH_SIZE, _MESH_SIZE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        output, flag = self._mesh(crop[None].astype(np.float32) / 255.0)
        raw = output.reshape(POINT_COUNT, 3)
        points = np.empty((POINT_COUNT, 3), np.float32)
        points[:, :2] = raw[:, :2] @ to_image[:, :2].T + to_image[:, 2]
        points[:, 2] = raw[:, 2] * scale
        return Face(points, float(1.0 / (1.0 + np.exp(-flag.reshape(())))))

    def faces(self, image: Picture) -> list[Face]:
        """Every face in an RGB picture, best first, each refined once from its own first mesh."""
        found = []
        for region in self.regions(image):
            first = self.points_in(image, region)
            second = self.points_in(image, region_of(first.points))
            if second.score > _MINIMUM_SCORE:
                found.append(second)
        return found


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


def _overlap(centre_a: Array, size_a: Array, centre_b: Array, size_b: Array) -> float:
    """Intersection over union of two upright boxes."""
    low = np.maximum(centre_a - size_a / 2, centre_b - size_b / 2)
    high = np.minimum(centre_a + size_a / 2, centre_b + size_b / 2)
    shared = float(np.prod(np.clip(high - low, 0.0, None)))
    return shared / float(np.prod(size_a) + np.prod(size_b) - shared + 1e-9)
