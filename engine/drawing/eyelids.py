"""Blinking: the upper lid comes down over an eye that stays as it is, prepared once for each photo and each level.

The lid is the skin between the lash line and the fold above it, stretched; the skin below the brow gives way a little.
It ends in the lashes' own colour, never in that of the eye, and reaches just past the lower lid's line, so that nothing
of the eye is left to be seen.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import mesh_warp
from liveface.engine.face import lips
from liveface.engine.media import Picture

Array = NDArray[np.float32]

LEVELS = 8  # from open to shut
_SKIN = 0.45  # of the way from the fold above the lid to the ring below the brow: where the skin begins to give way
_LASHES = 0.010  # IOD above the mesh's lash line, the last place whose colour the lid has
_EDGE = 0.014  # IOD over which the lid's edge becomes transparent
_PAST = 0.016  # IOD that a shut lid reaches past the lower one's line
_WIDE = 0.03  # IOD of opening, from which it does so fully
_STRETCH = 2.0  # most by which the skin's ends keep their own scale, see `_eased_to`
_SHADE = 0.6  # of darkness that the lashes of a shut eye add, at the lid's edge
_SHADE_WIDTH = 0.012  # IOD
_PLAIN = (0.2, 0.8)  # of a shut lid's colour, the least and the most that is the colour of the skin around the eye
_STRANGE = 70.0  # levels of difference at which it would be all: the shadow of the brow, paint, the rim of glasses
_BELOW = 0.06  # IOD under the lower lid, where that skin is looked at
_UNSTREAKED = 0.015  # IOD, over which what was stretched is evened: lashes become streaks
_NEAR = 0.02  # IOD, over which the difference is evened
_EVEN = 0.12  # IOD, over which its colour is evened
_ODD = 36.0  # levels of difference from its median, beyond which it is something else's: glasses, lashes, hair

# Per eye, from the outer to the inner corner: the upper lid and the lower lid with both corners, the fold above the
# upper lid, and the ring below the brow.
_EYES = (
    (
        np.array([33, 246, 161, 160, 159, 158, 157, 173, 133]),
        np.array([33, 7, 163, 144, 145, 153, 154, 155, 133]),
        np.array([247, 30, 29, 27, 28, 56, 190]),
        np.array([113, 225, 224, 223, 222, 221, 189]),
    ),
    (
        np.array([263, 466, 388, 387, 386, 385, 384, 398, 362]),
        np.array([263, 249, 390, 373, 374, 380, 381, 382, 362]),
        np.array([467, 260, 259, 257, 258, 286, 414]),
        np.array([342, 445, 444, 443, 442, 441, 413]),
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class Eyelid:
    """One eye's patches: `left`, `top`, the photo's pixel where they lie; `shut`: uint8 (LEVELS, height, width, 3)."""

    left: int
    top: int
    shut: NDArray[np.uint8]

    def lay(self, picture: Picture, level: int) -> None:
        """Shut the eye in `picture`, which is like the photo, by `level` of `LEVELS`, 1 or more; in place."""
        height, width = self.shut.shape[1:3]
        picture[self.top : self.top + height, self.left : self.left + width] = self.shut[level - 1]


def of(photo: Picture, points: Array) -> tuple[Eyelid, ...]:
    """Prepare both lids of a photo, uint8 (height, width, 3), with the mesh `points` (468, 2) in its pixels.

    An eye that the picture's frame cuts has none.
    """
    found = (_prepare(photo, points, *eye) for eye in _EYES)
    return tuple(lid for lid in found if lid is not None)


def _prepare(
    photo: Picture,
    points: Array,
    upper: NDArray[np.int64],
    lower: NDArray[np.int64],
    fold: NDArray[np.int64],
    ring: NDArray[np.int64],
) -> Eyelid | None:
    _, down, iod = lips.axes(points)
    every = points[np.concatenate([upper, lower, fold, ring])]
    low, high = np.floor(every.min(axis=0)).astype(int) - 2, np.ceil(every.max(axis=0)).astype(int) + 3
    height, width = photo.shape[:2]
    if low.min() < 0 or high[0] > width or high[1] > height:
        return None
    left, top = low.tolist()
    places = mesh_warp.grid(high[0] - left, high[1] - top, left, top)
    corner, other = points[upper[0]], points[upper[-1]]
    length = float(np.hypot(*(other - corner)))
    along = (other - corner) / length
    across = np.array([-along[1], along[0]], np.float32)
    across *= np.sign(across @ down)

    def line(chosen: NDArray[np.int64], is_smooth: bool) -> Array:
        """How far below the corners a line is, at each pixel."""
        curve = lips.curve(points[chosen]) if is_smooth else points[chosen]
        x, y = (curve - corner) @ along, (curve - corner) @ across
        order = np.argsort(x)
        return np.asarray(np.interp(own_x, x[order], y[order]), np.float32)

    own_x, own_y = (places - corner) @ along, (places - corner) @ across
    lash, end, folded, below_brow = line(upper, True), line(lower, True), line(fold, False), line(ring, False)
    gap = np.maximum(end - lash, 0.0) * ((own_x > 0.0) & (own_x < length))
    gap += _PAST * iod * np.clip(gap / (_WIDE * iod), 0.0, 1.0)
    last = lash - _LASHES * iod
    begin = np.minimum(folded + _SKIN * (below_brow - folded), last - 0.02 * iod)
    around = _skin(photo, places, own_x, own_y, begin, end + _BELOW * iod, across, iod)
    patches = []
    for level in range(1, LEVELS + 1):
        drop = gap * np.float32(level / LEVELS)
        source = begin + (last - begin) * _eased_to(own_y - begin, last - begin, drop)
        offset = np.where(own_y > begin, source - own_y, 0.0) * (drop > 0.0)
        lid = mesh_warp.sample(photo, np.asarray(places + offset[..., None] * across, np.float32)).astype(np.float32)
        edge = own_y - (lash + drop)
        strange = np.abs(cv2.GaussianBlur((around - lid).mean(axis=-1), (0, 0), _NEAR * iod))
        height_on_lid = np.clip((own_y - begin) / (last - begin + drop), 0.0, 1.0)
        # Both ends of the lid keep their own colour, and an eye that is nearly open its lid.
        changed = 2.0 * np.sqrt(height_on_lid * (1.0 - height_on_lid))
        changed *= np.clip(drop / (0.6 * np.maximum(gap.max(), 1e-6)), 0.0, 1.0)
        lid += (cv2.GaussianBlur(lid, (0, 0), _UNSTREAKED * iod) - lid) * changed[..., None]
        plain = np.clip(strange / _STRANGE, *_PLAIN) * changed
        lid += (around - lid) * plain[..., None]
        dark = _SHADE * (drop / np.maximum(gap, 1e-6)) * np.clip(gap / (_WIDE * iod), 0.0, 1.0)
        lid *= (1.0 - dark * np.exp(-np.square(edge / (_SHADE_WIDTH * iod))))[..., None]
        share = np.clip((_EDGE / 2 * iod - edge) / (_EDGE * iod), 0.0, 1.0) * (drop > 0.0)
        share = (share * share * (3.0 - 2.0 * share))[..., None]
        whole = photo[top : high[1], left : high[0]] * (1.0 - share) + lid * share
        patches.append(np.rint(whole).astype(np.uint8))
    return Eyelid(left, top, np.stack(patches))


def _skin(
    photo: Picture, places: Array, own_x: Array, own_y: Array, above: Array, below: Array, across: Array, iod: float
) -> Array:
    """The colour that the skin around an eye has, from the line `above` the eye to the one `below` it, float32 like
    the patch (height, width, 3)."""
    colours = []
    for line in (above, below):
        colour = mesh_warp.sample(photo, np.asarray(places + (line - own_y)[..., None] * across, np.float32))
        colour = colour.astype(np.float32)
        usual = np.median(colour.reshape(-1, 3), axis=0)
        odd = np.abs(colour - usual).max(axis=-1, keepdims=True) > _ODD
        colours.append(cv2.GaussianBlur(np.where(odd, usual, colour).astype(np.float32), (0, 0), _EVEN * iod))
    share = np.clip((own_y - above) / (below - above), 0.0, 1.0)[..., None]
    return np.asarray(colours[0] * (1.0 - share) + colours[1] * share, np.float32)


def _eased_to(place: Array, length: Array, drop: Array) -> Array:
    """Which share of the skin's `length` is seen at `place` below its beginning, once its end has dropped.

    Both ends keep their scale as far as the middle can be stretched for it (a cubic Hermite curve); beyond the end its
    last place goes on.
    """
    longer = 1.0 + drop / length
    share = np.clip(place / (length * longer), 0.0, 1.0)
    slope = np.minimum(longer, _STRETCH)
    return np.asarray(share * (slope + share * ((3.0 - 3.0 * slope) + share * (2.0 * slope - 2.0))), np.float32)
