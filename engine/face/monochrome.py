"""Whether a photo is black and white, or of one tint, and what keeps the painted mouth so. Knows nothing of mouths."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.media import Picture

Array = NDArray[np.float32]

_SAMPLES = (24, 30)  # pixels of the reduced face: noise and the blocks of a JPEG vanish in it
# Of 255, by which 95 of 100 colours may be off the tint. Of 115 portraits the grey ones are off by 0 to 2.4, those of
# the palest colours by 5.7; sepia after JPEG by 4.4 at most.
_TOLERANCE = 4.5
_LEAST_SHADES = 0.1  # of full brightness: a face has more, and what is plain has no tint of its own
_DEGREE = 3  # of the polynomial from brightness to colour


@dataclass(frozen=True, slots=True, eq=False)
class Tint:
    """`colours`: uint8 (256, 1, 3), which colour each brightness has in the photo."""

    colours: Picture

    @classmethod
    def of(cls, photo: Picture, points: Array) -> "Tint | None":
        """The one tint of the face with that mesh (468, 3) in an RGB photo, or None where it has colours."""
        height, width = photo.shape[:2]
        left, top = np.clip(points[:, :2].min(axis=0), 0, [width - 2, height - 2]).astype(int)
        right, bottom = np.clip(np.ceil(points[:, :2].max(axis=0)), [left + 1, top + 1], [width, height]).astype(int)
        face = cv2.resize(photo[top:bottom, left:right], _SAMPLES, interpolation=cv2.INTER_AREA)
        pixels = face.reshape(-1, 3).astype(np.float64)
        brightness = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).reshape(-1) / 255.0
        if np.ptp(np.percentile(brightness, [5, 95])) < _LEAST_SHADES:
            return None
        fitted = np.linalg.lstsq(np.vander(brightness, _DEGREE + 1), pixels, rcond=None)[0]
        off = np.abs(np.vander(brightness, _DEGREE + 1) @ fitted - pixels).max(axis=1)
        if np.percentile(off, 95) > _TOLERANCE:
            return None
        # Where the face is never so dark or so bright, its darkest and brightest tints go on.
        every = np.arange(256) / 255.0
        known = np.clip(every, *np.percentile(brightness, [1, 99]))
        colours = np.vander(known, _DEGREE + 1) @ fitted + 255.0 * (every - known)[:, None]
        return cls(np.clip(np.rint(colours), 0, 255).astype(np.uint8)[:, None])

    def over(self, picture: Picture) -> Picture:
        """An RGB picture, uint8 (height, width, 3), in the photo's tint."""
        grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        return np.asarray(cv2.LUT(grey, self.colours), np.uint8)
