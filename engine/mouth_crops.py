"""Steady upright crops around the mouth of a filmed face, as the action unit classifier and the sync expert see them.

It does not know networks, and it does not find faces.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from engine import face_space
from engine.media import Picture

Array = NDArray[np.float32]

WIDTH, HEIGHT = 128, 96  # pixels of a crop, which shows CROP_WIDTH x CROP_HEIGHT of `face_space`


def mouth_crops(frames: Picture, points: Array, margin: float = 0.0) -> tuple[Picture, NDArray[np.bool_]]:
    """Crop the mouth out of every frame of one clip.

    `frames`: uint8 (T, H, W, 3) RGB; `points`: (T, 468, 2 or 3) pixels, NaN where no face was found. The crop follows
    the head by its still points, not by the mouth, so that lips and jaw move inside it. `margin` widens it on every
    side by that share of its size, at the same pixels per IOD. Returns uint8 (T, height, width, 3), black without a
    face, and bool (T,), true where there was one.
    """
    found = np.isfinite(points[:, 0, 0])
    border_x, border_y = round(WIDTH * margin), round(HEIGHT * margin)
    size = (WIDTH + 2 * border_x, HEIGHT + 2 * border_y)
    crops = np.zeros((len(frames), size[1], size[0], 3), np.uint8)
    if not found.any():
        return crops, found
    seen = points[found, :, :2].astype(np.float64)
    middle = seen[len(seen) // 2]
    poses = [face_space.fit_similarity(face[face_space.STABLE], middle[face_space.STABLE]) for face in seen]
    mean = np.mean([pose.apply(face) for pose, face in zip(poses, seen, strict=True)], axis=0)
    to_crop = face_space.mouth_crop_transform(mean.astype(np.float32), WIDTH, HEIGHT)
    for index, pose in zip(np.flatnonzero(found), poses, strict=True):
        linear = to_crop[:, :2] @ (pose.scale * pose.rotation)
        offset = to_crop[:, :2] @ pose.offset + to_crop[:, 2] + [border_x, border_y]
        matrix = np.hstack([linear, offset[:, None]])
        flags = cv2.INTER_AREA if np.linalg.norm(linear[0]) < 0.5 else cv2.INTER_LINEAR
        crops[index] = cv2.warpAffine(frames[index], matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return crops, found
