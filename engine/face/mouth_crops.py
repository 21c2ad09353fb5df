"""Steady upright crops around the mouth of a filmed face, as the action unit classifier and the sync expert see them.

It does not know networks, and it does not find faces.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.face import face_space
from liveface.engine.media import Picture

Array = NDArray[np.float32]

WIDTH, HEIGHT = 128, 96  # pixels of a crop, which shows CROP_WIDTH x CROP_HEIGHT of `face_space`


def steady_transforms(points: Array) -> NDArray[np.float64]:
    """The affine from picture pixels to crop pixels for every frame of one clip, (T, 2, 3); NaN without a face.

    `points`: (T, 468, 2 or 3) pixels, NaN where no face was found. The crop follows the head by its still points, not
    by the mouth, so that lips and jaw move inside it.
    """
    found = np.isfinite(points[:, 0, 0])
    transforms = np.full((len(points), 2, 3), np.nan)
    if not found.any():
        return transforms
    seen = points[found, :, :2].astype(np.float64)
    middle = seen[len(seen) // 2]
    poses = [face_space.fit_similarity(face[face_space.STABLE], middle[face_space.STABLE]) for face in seen]
    mean = np.mean([pose.apply(face) for pose, face in zip(poses, seen, strict=True)], axis=0)
    to_crop = face_space.mouth_crop_transform(mean.astype(np.float32), WIDTH, HEIGHT)
    for index, pose in zip(np.flatnonzero(found), poses, strict=True):
        transforms[index, :, :2] = to_crop[:, :2] @ (pose.scale * pose.rotation)
        transforms[index, :, 2] = to_crop[:, :2] @ pose.offset + to_crop[:, 2]
    return transforms


def cut(frames: Picture, transforms: NDArray[np.float64], margin: float = 0.0) -> Picture:
    """Crops uint8 (T, height, width, 3) of frames uint8 (T, H, W, 3) RGB; black where the transform (T, 2, 3) is NaN.

    `margin` widens the crop on every side by that share of its size, at the same pixels per IOD.
    """
    border = np.array([round(WIDTH * margin), round(HEIGHT * margin)])
    width, height = (int(side) for side in np.array([WIDTH, HEIGHT]) + 2 * border)
    crops = np.zeros((len(frames), height, width, 3), np.uint8)
    for index in np.flatnonzero(np.isfinite(transforms[:, 0, 0])):
        matrix = transforms[index] + np.hstack([np.zeros((2, 2)), border[:, None]])
        picture = np.ascontiguousarray(frames[index])
        if (scale := float(np.linalg.norm(matrix[0, :2]))) < 0.5:  # smooth first: the warp itself would alias
            picture = cv2.GaussianBlur(picture, (0, 0), 0.4 / scale)
        crops[index] = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return crops


def mouth_crops(frames: Picture, points: Array, margin: float = 0.0) -> tuple[Picture, NDArray[np.bool_]]:
    """Steady crops of one clip (see `steady_transforms` and `cut`), and bool (T,), true where there is a face."""
    return cut(frames, steady_transforms(points), margin), np.isfinite(points[:, 0, 0])
