"""What one picture takes a viewer's encoder, by its size; knows no session and no peer."""

import time
from dataclasses import dataclass
from fractions import Fraction
from statistics import median
from typing import Literal

import cv2
import numpy as np
from aiortc import RTCRtpCodecParameters
from aiortc.codecs import get_encoder
from av import VideoFrame

from engine.avatar import Avatar
from engine.media import FPS, Picture

_SIDES = (256, 512)  # pixels of the squares that are encoded
_PICTURES = 8  # of each size, of which the first is whole and counts less than the others
_SWAY = 0.5  # pixels, by which the squares move from picture to picture: costs as much as a speaking face


@dataclass(frozen=True, slots=True)
class EncodingCost:
    """So much for each picture and for each of its pixels, in seconds of one core."""

    picture: float
    pixel: float

    def predict(self, pixels: int) -> float:
        """Seconds of one core for a picture of so many pixels."""
        return self.picture + pixels * self.pixel


def measure_encoding(avatar: Avatar, codec: Literal["vp8", "h264"]) -> EncodingCost:
    """Encode squares of two sizes for a fifth of a second in all; counts this process's time on all cores."""
    small, large = (_typical(avatar.framed(side, side).photo, codec) for side in _SIDES)
    pixel = max(0.0, large - small) / (_SIDES[1] ** 2 - _SIDES[0] ** 2)
    return EncodingCost(max(0.0, small - pixel * _SIDES[0] ** 2), pixel)


def _typical(photo: Picture, codec: str) -> float:
    encoder = get_encoder(RTCRtpCodecParameters(mimeType=f"video/{codec}", clockRate=90_000, payloadType=96))
    taken = []
    for index in range(_PICTURES):
        frame = VideoFrame.from_ndarray(_swayed(photo, index), format="rgb24")
        frame.pts, frame.time_base = index, Fraction(1, FPS)
        started = time.process_time()
        encoder.encode(frame, force_keyframe=index == 0)
        taken.append(time.process_time() - started)
    return median(taken)


def _swayed(photo: Picture, index: int) -> Picture:
    by = np.array([[1, 0, _SWAY * np.sin(index)], [0, 1, _SWAY * np.cos(index)]], np.float32)
    height, width = photo.shape[:2]
    return cv2.warpAffine(photo, by, (width, height), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
