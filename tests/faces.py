"""Faces for tests without a camera: the average face's mesh at any place and size, before a colourful wall."""

import cv2
import numpy as np

from liveface.engine.face import face_space, rest_mouth
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Picture

Array = face_space.Array


def mesh(iod: float = 60.0, middle: tuple[float, float] = (160.0, 120.0), gap: float = 0.0) -> Array:
    """The average face (468, 3) in pixels, its eyes around `middle`, its lips `gap` IOD apart."""
    points = face_space.template().copy()
    points[:, :2] = rest_mouth.at_rest(points, smile_taken_back=0.0)
    if gap:
        weights = face_space.basis().gap_weights()
        points += face_space.basis().decode((weights * gap / (weights @ weights)).astype(np.float32))
    points *= iod
    points[:, :2] += np.array(middle, np.float32)
    return points


def wall(width: int, height: int, seed: int = 0) -> Picture:
    """A picture uint8 (height, width, 3) without two equal neighbours: what moves in it is seen."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(20, 235, (max(2, height // 6), max(2, width // 6), 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def avatar(
    width: int = 320, height: int = 300, iod: float = 60.0, middle: tuple[float, float] = (160.0, 120.0), seed: int = 0
) -> Avatar:
    """An avatar with a closed mouth, framed to `width` x `height`."""
    return Avatar(f"wall {seed}", wall(width, height, seed), mesh(iod, middle))
