"""What the generator sees of a composed mouth, and where it may change it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing.teeth import Teeth
from liveface.engine.face.mouth import CROP_SIZE, INPUT_CHANNELS, Mouth, inner_mask, lip_masks

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CropMaps:
    """What the generator sees and where it may change colours, all float32, 0 to 1.

    `inputs` (INPUT_CHANNELS, height, width); `inner` and `reach` (height, width).
    """

    inputs: Array
    inner: Array
    reach: Array


def crop_maps(composed: NDArray[np.uint8], mouth: Mouth, teeth: Teeth, landmarks: Array, chin: Array) -> CropMaps:
    """Everything the generator needs to know of the mouth of `landmarks` (468, 2, photo pixels).

    `composed`: the crop as it is, uint8 (height, width, 3); `chin` (2,): how far it has moved, in photo pixels.
    """
    width, height = CROP_SIZE
    moved = mouth.to_crop(landmarks)
    inner = inner_mask(moved, mouth.iod)
    lips, reach = lip_masks(moved, mouth.iod)
    inputs = np.empty((INPUT_CHANNELS, height, width), np.float32)
    level = np.float32(1.0 / 255.0)
    for plane, colour in zip(inputs, cv2.split(composed), strict=False):
        np.multiply(colour, level, out=plane)
    inputs[3] = inner
    inputs[4] = lips
    # From crop to patch: both are upright pictures of the same mouth.
    to_patch = teeth.patch.transform[:, :2] @ np.linalg.inv(mouth.crop[:, :2])
    start = teeth.patch.transform[:, 2] - to_patch @ mouth.crop[:, 2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    for index, layer, drop in ((5, teeth.upper, np.zeros(2)), (6, teeth.lower, chin)):
        place = np.column_stack([to_patch, start - teeth.patch.transform[:, :2] @ drop])
        inputs[index] = cv2.warpAffine(np.ascontiguousarray(layer[..., 3]), place, CROP_SIZE, flags=flags) * inner
    inputs[7] = float(teeth.is_own)
    return CropMaps(inputs, inner, reach)
