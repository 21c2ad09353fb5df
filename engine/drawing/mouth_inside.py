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
_LIPS = np.array([0.62, 0.33, 0.31], np.float32)  # colour of lips in full light, by half of which a photo's are moved
_WALL, _DEEP = 0.42, 0.10  # share of that colour in the mouth's wall and in its depth
_TONGUE = 0.95  # and in the tongue
_RED = np.array([1.0, 0.80, 0.80], np.float32)  # what is inside is redder than lips
_NARROW = (0.5, 0.16)  # how bright the wall is in the narrowest opening, and IOD of gap from which it is fully so
_TONGUE_FROM = (0.06, 0.17)  # IOD of gap over which the tongue appears behind the lower lip
_TONGUE_SIZE = (0.30, 0.17)  # IOD, half its width and its height at a gap of 0.3
_TEETH_FROM = (0.012, 0.045)  # IOD of gap over which teeth appear: lips that nearly touch have a dark line between them
_EMERGING = (0.10, 0.28)  # IOD that the chin drops while the lower row comes out behind the upper one
_LIGHT = (0.05, 0.45)  # range of the light in which a face is taken to stand, of full
_LIP_SHADOW = 0.48  # how much darker teeth are beside the upper lip
_SHADOW_REACH = 0.05  # IOD that it falls
_REDDENING = np.array([0.82, 1.05, 1.10], np.float32)  # exponent of the shade in each colour
_LOWER_LIGHT = np.array([0.60, 0.52, 0.50], np.float32)  # of what falls on the upper row, in each colour
_DIM = 0.80  # how bright teeth are in a mouth that is hardly open
_SUPERSAMPLING = 4
_SHUT, _SHUT_IOD = 0.15, 0.003  # pixels, and IOD beside them, of the widest gap up to which lips touch


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
        if gaps.max() < _SHUT + _SHUT_IOD * iod:
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
    """The inside of one photo's mouth. `flesh` float32 (3,): colour of its lips, 0 to 1; `chin` (2,): in photo pixels
    with the mouth at rest."""

    teeth: Teeth
    flesh: Array
    chin: Array
    mouth: Mouth

    @classmethod
    def of(cls, photo: Picture, mouth: Mouth) -> "MouthInside":
        """Prepare the inside of a photo, uint8 (height, width, 3), with its mouth at rest."""
        teeth = Teeth.of(photo, mouth)
        crop = teeth.patch.cut(photo)
        columns = np.concatenate([lips.UPPER_COLUMNS[2:-2, 1:3], lips.LOWER_COLUMNS[2:-2, 1:3]]).ravel()
        places = np.rint(teeth.patch.place(mouth.points[columns])).astype(int)
        x, y = np.clip(places, 0, np.array(teeth.patch.size) - 1).T
        seen = np.median(crop[y, x], axis=0)
        usual = _LIPS * float(np.median(crop @ _LUMINANCE)) / 0.55
        return cls(teeth, np.asarray((seen + usual) / 2, np.float32), mouth.rest[face_space.CHIN], mouth)

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
        deep = cv2.GaussianBlur(mask, (0, 0), max(blur, 1.0), borderType=cv2.BORDER_CONSTANT)
        # The light comes from the front and above: the wall is seen near the lower lip, the depth is dark.
        deep = np.clip((deep - 0.5) * 2.0, 0.0, 1.0)[..., None]
        narrow, full = _NARROW
        bright = narrow + (1.0 - narrow) * float(np.clip(opening.gap / full, 0.0, 1.0))
        inside = self.flesh * _RED * (bright * (_WALL + (_DEEP - _WALL) * deep))
        inside = self._with_tongue(inside, opening, here, drop)
        upper = mesh_warp.sample(self.teeth.upper, here, border=cv2.BORDER_CONSTANT)
        lower = mesh_warp.sample(self.teeth.lower, here - drop, border=cv2.BORDER_CONSTANT)
        low, high = _EMERGING
        lower[..., 3] *= np.float32(np.clip((float(np.hypot(*drop)) / iod - low) / (high - low), 0.0, 1.0))
        # Shadow in a mouth is red: what light there is comes from flesh.
        shade = self._shade(mask, opening.gap) ** _REDDENING
        low, high = _TEETH_FROM
        seen = np.float32(np.clip((opening.gap - low) / (high - low), 0.0, 1.0))
        for layer, light in ((lower, shade * _LOWER_LIGHT), (upper, shade)):
            inside += layer[..., 3:] * seen * (layer[..., :3] * light - inside)
        part = picture[opening.top : opening.top + rows, opening.left : opening.left + columns]
        mixed = part + mask[..., None] * (inside * 255.0 - part)
        part[:] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)

    def _shade(self, mask: Array, gap: float) -> Array:
        """How bright teeth are in each pixel, (rows, columns, 1): lips throw shadows, and little light gets into a
        small opening."""
        scale = float(self.mouth.photo_iod)
        reach = max(_SHADOW_REACH * scale, 1.0)
        below = round(reach / 2)
        soft = cv2.GaussianBlur(mask, (0, 0), reach / 2, borderType=cv2.BORDER_CONSTANT)
        soft = np.roll(soft, below, axis=0)
        soft[:below] = np.minimum(soft[:below], soft[below : below + 1] if len(soft) > below else 0.0)
        lit = np.clip((soft - 0.15) / 0.7, 0.0, 1.0)
        open_share = float(np.clip(gap / 0.12, 0.0, 1.0))
        return np.asarray(
            ((1.0 - _LIP_SHADOW + _LIP_SHADOW * lit) * (_DIM + (1.0 - _DIM) * open_share))[..., None], np.float32
        )

    def _with_tongue(self, inside: Array, opening: Opening, here: Array, drop: Array) -> Array:
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
        colour = self.flesh * _RED * (_TONGUE * light[..., None])
        return np.asarray(inside + cover[..., None] * (colour - inside), np.float32)
