"""What one picture takes a viewer's encoder, by its size; knows no session and no peer."""

import time
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np

from liveface.app.server.webrtc.codecs import PictureCodec, PictureEncoder
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Picture

_SIDES = (256, 512)  # pixels of the squares that are encoded
_PICTURES = 8  # of each size, of which the first is whole and counts less than the others
_PIXEL_BITRATE = 8  # bits per second for each pixel: 2 Mbit/s at 512x512
_SWAY = 0.5  # pixels, by which the squares move from picture to picture: costs as much as a speaking face


@dataclass(frozen=True, slots=True)
class EncodingCost:
    """So much for each picture and for each of its pixels, in seconds of one core."""

    picture: float
    pixel: float

    def predict(self, pixels: int) -> float:
        """Seconds of one core for a picture of so many pixels."""
        return self.picture + pixels * self.pixel


def measure_encoding(avatar: Avatar, codec: PictureCodec) -> EncodingCost:
    """Encode squares of two sizes for a fifth of a second in all; counts this process's time on all cores."""
    small, large = (_typical(avatar.framed(side, side).photo, codec) for side in _SIDES)
    pixel = max(0.0, large - small) / (_SIDES[1] ** 2 - _SIDES[0] ** 2)
    return EncodingCost(max(0.0, small - pixel * _SIDES[0] ** 2), pixel)


def _typical(photo: Picture, codec: PictureCodec) -> float:
    encoder = PictureEncoder(codec, _PIXEL_BITRATE * photo.shape[0] * photo.shape[1])
    taken = []
    for index in range(_PICTURES):
        picture = _swayed(photo, index)
        started = time.process_time()
        encoder.encode(picture, is_key=index == 0)
        taken.append(time.process_time() - started)
    return median(taken)


def _swayed(photo: Picture, index: int) -> Picture:
    by = np.array([[1, 0, _SWAY * np.sin(index)], [0, 1, _SWAY * np.cos(index)]], np.float32)
    height, width = photo.shape[:2]
    return cv2.warpAffine(photo, by, (width, height), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
