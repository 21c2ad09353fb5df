"""What the generator sees of a mouth in motion, and where it may paint."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import mesh_warp
from liveface.engine.drawing.teeth import Teeth
from liveface.engine.face import face_space
from liveface.engine.face.mouth import CROP_SIZE, INPUT_CHANNELS, MARGIN, Mouth, inner_mask, lip_masks

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CropMaps:
    """What the generator sees and where it may paint, all float32, 0 to 1.

    `inputs` (INPUT_CHANNELS, height, width); `inner` and `reach` (height, width); `teeth`: where they are now.
    """

    inputs: Array
    inner: Array
    reach: Array
    teeth: Teeth


def crop_maps(
    reference: NDArray[np.uint8], mouth: Mouth, teeth: Teeth, landmarks: Array, offsets: Array | None = None
) -> CropMaps:
    """Everything the generator needs to draw the mouth of `landmarks` (468, 2, photo pixels).

    `reference`: the photo's crop with margins, from `reference_crop`; `offsets` float32 (height, width, 2): how the
    crop is bent to these landmarks (see `mesh_warp.offsets`) where it is known already.
    """
    width, height = CROP_SIZE
    moved = mouth.to_crop(landmarks)
    if offsets is None:
        source = mesh_warp.with_ring(mouth.to_crop(mouth.source))
        target = np.concatenate([moved, source[len(moved) :]])
        offsets = mesh_warp.offsets(target, source, mesh_warp.speech_triangles(), width, height)
    inner = inner_mask(moved, mouth.iod)
    lips, reach = lip_masks(moved, mouth.iod)
    inputs = np.empty((INPUT_CHANNELS, height, width), np.float32)
    level = np.float32(1.0 / 255.0)
    for plane, colour in zip(inputs, cv2.split(mesh_warp.bend(reference, offsets, MARGIN[:2])), strict=False):
        np.multiply(colour, level, out=plane)
    inputs[3] = inner
    inputs[4] = lips
    inputs[5] = mesh_warp.bend(mouth.inner, offsets) * level if mouth.inner.any() else 0.0
    drop = mouth.crop[:, :2] @ (landmarks[face_space.CHIN] - mouth.closed[face_space.CHIN])
    dropped = teeth.dropped(drop, mouth.iod)
    inputs[6], inputs[7] = dropped.upper.guide, dropped.lower.guide
    return CropMaps(inputs, inner, reach, dropped)
