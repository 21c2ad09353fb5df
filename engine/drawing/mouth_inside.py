"""What an open mouth shows: the dark behind, the tongue, both rows of teeth, and the shadow of the lips on them.

Everything is drawn at the picture's own resolution, inside the opening that the lips' edges leave.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import mesh_warp
from liveface.engine.drawing.teeth import Teeth
from liveface.engine.face import face_space, lips
from liveface.engine.face.mouth import Mouth
from liveface.engine.media import Picture

Array = NDArray[np.float32]

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_WALL = np.array([0.30, 0.095, 0.085], np.float32)  # colour of the mouth's wall in full light
_DEEP = np.array([0.075, 0.022, 0.022], np.float32)  # and of its depth
_TONGUE = np.array([0.62, 0.30, 0.29], np.float32)
_TONGUE_FROM = (0.06, 0.17)  # IOD of gap over which the tongue appears behind the lower lip
_TONGUE_SIZE = (0.30, 0.17)  # IOD, half its width and its height at a gap of 0.3
_EMERGING = (0.10, 0.28)  # IOD that the chin drops while the lower row comes out behind the upper one
_LIGHT = (0.05, 0.45)  # range of the light in which a face is taken to stand, of full
_LIP_SHADOW = 0.55  # how much darker teeth are beside the upper lip
_SHADOW_REACH = 0.05  # IOD that it falls
_REDDENING = np.array([0.82, 1.05, 1.10], np.float32)  # exponent of the shade in each colour
_LOWER_LIGHT = np.array([0.60, 0.52, 0.50], np.float32)  # of what falls on the upper row, in each colour
_DIM = 0.70  # how bright teeth are in a mouth that is hardly open
_SUPERSAMPLING = 4


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """The open mouth in a picture: `left`, `top` and float32 `mask` (rows, columns), 0 to 1, of its box; `gap`: IOD."""

    left: int
    top: int
    mask: Array
    gap: float

    @classmethod
    def of(cls, upper: Array, lower: Array, down: Array, iod: float, width: int, height: int) -> "Opening | None":
        """Between two edges (n, 2) in pixels of a picture of `width` x `height`, corner to corner; None if shut."""
        gaps = np.maximum((lower - upper) @ down, 0.0)
        if gaps.max() < 0.05:
            return None
        polygon = np.concatenate([upper, (upper + gaps[:, None] * down)[::-1]])
        low = np.maximum(np.floor(polygon.min(axis=0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(polygon.max(axis=0)).astype(int) + 2, [width, height])
        columns, rows = (high - low).tolist()
        if columns <= 0 or rows <= 0:
            return None
        canvas = np.zeros((rows * _SUPERSAMPLING, columns * _SUPERSAMPLING), np.uint8)
        fine = (polygon - low + 0.5) * _SUPERSAMPLING - 0.5
        cv2.fillPoly(canvas, [np.rint(fine * 16).astype(np.int32)], 255, cv2.LINE_8, 4)
        mask = cv2.resize(canvas, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
        soft = 0.0035 * iod
        if soft > 0.3:
            mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), soft), np.float32)
        middle = len(gaps) // 2
        return cls(int(low[0]), int(low[1]), mask, float(gaps[middle - 6 : middle + 7].mean()) / iod)


@dataclass(frozen=True, slots=True, eq=False)
class MouthInside:
    """The inside of one photo's mouth. `light`: of its face, 0 to 1; `chin` (2,): in photo pixels with the mouth at
    rest."""

    teeth: Teeth
    light: float
    tint: Array
    chin: Array
    mouth: Mouth

    @classmethod
    def of(cls, photo: Picture, mouth: Mouth) -> "MouthInside":
        """Prepare the inside of a photo, uint8 (height, width, 3), with its mouth at rest."""
        teeth = Teeth.of(photo, mouth)
        crop = teeth.patch.cut(photo)
        luminance = float(np.median(crop @ _LUMINANCE))
        return cls(teeth, luminance, np.ones(3, np.float32), mouth.rest[face_space.CHIN], mouth)

    def draw(self, picture: Picture, opening: Opening, places: Array, landmarks: Array) -> None:
        """Paint the opening into `picture` in place; `places` float32 (rows, columns, 2): where in the photo, with its
        mouth at rest, the pixels of the opening's box lie; `landmarks` (468, 2): the mesh now."""
        rows, columns = opening.mask.shape
        patch = self.teeth.patch
        iod = patch.iod
        here = np.asarray(cv2.transform(places, patch.transform), np.float32)
        drop = np.asarray(patch.transform[:, :2] @ (landmarks[face_space.CHIN] - self.chin), np.float32)
        scale = float(self.mouth.photo_iod)
        blur = 0.05 * scale
        mask = opening.mask
        padded = cv2.copyMakeBorder(mask, 8, 8, 8, 8, cv2.BORDER_CONSTANT)
        deep = cv2.GaussianBlur(padded, (0, 0), max(blur, 1.0))[8:-8, 8:-8]
        # The light comes from the front and above: the wall is seen near the lower lip, the depth is dark.
        deep = np.clip((deep - 0.5) * 2.0, 0.0, 1.0)[..., None]
        bright = float(np.clip(0.25 + 1.1 * self.light, 0.35, 1.0))
        inside = bright * (_WALL + (_DEEP - _WALL) * deep)
        inside = self._with_tongue(inside, opening, here, drop, bright)
        upper = mesh_warp.sample(self.teeth.upper, here, border=cv2.BORDER_CONSTANT)
        lower = mesh_warp.sample(self.teeth.lower, here - drop, border=cv2.BORDER_CONSTANT)
        low, high = _EMERGING
        lower[..., 3] *= np.float32(np.clip((float(np.hypot(*drop)) / iod - low) / (high - low), 0.0, 1.0))
        # Shadow in a mouth is red: what light there is comes from flesh.
        shade = self._shade(mask, opening.gap) ** _REDDENING
        for layer, light in ((lower, shade * _LOWER_LIGHT), (upper, shade)):
            inside += layer[..., 3:] * (layer[..., :3] * light - inside)
        part = picture[opening.top : opening.top + rows, opening.left : opening.left + columns]
        mixed = part + mask[..., None] * (inside * 255.0 - part)
        part[:] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)

    def _shade(self, mask: Array, gap: float) -> Array:
        """How bright teeth are in each pixel, (rows, columns, 1): lips throw shadows, and little light gets into a
        small opening."""
        scale = float(self.mouth.photo_iod)
        reach = max(_SHADOW_REACH * scale, 1.0)
        below = round(reach / 2)
        padded = cv2.copyMakeBorder(mask, 8, 8, 8, 8, cv2.BORDER_CONSTANT)
        soft = cv2.GaussianBlur(padded, (0, 0), reach / 2)[8:-8, 8:-8]
        soft = np.roll(soft, below, axis=0)
        soft[:below] = np.minimum(soft[:below], soft[below : below + 1] if len(soft) > below else 0.0)
        lit = np.clip((soft - 0.15) / 0.7, 0.0, 1.0)
        open_share = float(np.clip(gap / 0.12, 0.0, 1.0))
        return np.asarray(
            ((1.0 - _LIP_SHADOW + _LIP_SHADOW * lit) * (_DIM + (1.0 - _DIM) * open_share))[..., None], np.float32
        )

    def _with_tongue(self, inside: Array, opening: Opening, here: Array, drop: Array, bright: float) -> Array:
        start, full = _TONGUE_FROM
        share = float(np.clip((opening.gap - start) / (full - start), 0.0, 1.0))
        if share == 0.0:
            return inside
        patch = self.teeth.patch
        rest = patch.place(self.mouth.rest)
        seam = (rest[lips.UPPER_EDGE[5]] + rest[lips.LOWER_EDGE[5]]) / 2
        # The tongue lies on the lower jaw, its top a little under the lower row's edge.
        bottom = seam + drop + np.array([0.0, 0.06 * patch.iod], np.float32)
        wide, tall = _TONGUE_SIZE[0] * patch.iod, _TONGUE_SIZE[1] * patch.iod * (0.5 + opening.gap / 0.6)
        x = (here[..., 0] - bottom[0]) / wide
        y = (here[..., 1] - bottom[1]) / tall
        distance = np.sqrt(x * x + y * y)
        cover = np.clip((1.0 - distance) / 0.35, 0.0, 1.0) * share
        groove = 1.0 - 0.12 * np.exp(-((x / 0.12) ** 2))
        light = (0.42 + 0.5 * np.clip(y + 1.0, 0.0, 1.0) * np.clip(1.2 - np.abs(x), 0.0, 1.0)) * groove
        colour = bright * _TONGUE * light[..., None]
        return np.asarray(inside + cover[..., None] * (colour - inside), np.float32)
