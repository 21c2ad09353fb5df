"""Whether lips can be seen where a mesh says that they are: it finds a mouth behind a mask, a hand or a cup, too.

The numbers were chosen with 941 portraits, of which one was found to be covered (it was all but black), and with masks,
hands and cups that were drawn onto 60 of them, of which 58, 54 and 46 were found.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.face.face_space import INNER_LIPS, OUTER_LIPS
from liveface.engine.face.landmarks import EYE_OUTER_LEFT, EYE_OUTER_RIGHT
from liveface.engine.face.monochrome import Tint
from liveface.engine.media import Picture

Array = NDArray[np.float32]

_SIDE = 160  # pixels of the square that is looked at, around the mouth
_IOD = 88.0  # pixels between the outer corners of the eyes in it
_SKIN = (4, 6, 9, 50, 280, 151)  # points of the mesh that nothing covers: nose, brow, cheekbones, forehead
# All in CIE Lab. Lips are redder than the skin around them by 8 (median; 0 to 38), the line between them is darker than
# they are by 17 (median; 3 to 43), and the skin there has the colour of the rest but for 5 (median; 0 to 29, a beard).
_LEAST_RED, _LEAST_LINE = 1.8, 5.0
_LEAST_GREY_LINE = 1.2  # in a black-and-white photo, where the line is all that there is
_OTHER_COLOUR, _QUITE_OTHER_COLOUR = 22.0, 32.0
_HUES = ((50, "red"), (75, "orange"), (115, "yellow"), (200, "green"), (295, "blue"), (345, "purple"), (361, "red"))
_DARK = 12.0  # lightness of skin in which nothing can be seen


def covered_by(photo: Picture, points: Array) -> str | None:
    """What was seen instead of lips, in words; None where there are lips. `points`: the mesh (468, 3) in the photo."""
    crop, mesh = _around_the_mouth(photo, points)
    colours = np.asarray(cv2.GaussianBlur(_lab(crop), (0, 0), 1.2), np.float32)
    outer, inner = _filled(mesh[OUTER_LIPS]), cv2.dilate(_filled(mesh[INNER_LIPS]), np.ones((3, 3), np.uint8))
    lips = (outer > 0) & (inner == 0)
    around = (_grown(outer, 19) > 0) & (_grown(outer, 7) == 0)
    if not lips.any() or not around.any():
        return None
    redder = float(colours[lips][:, 1].mean() - colours[around][:, 1].mean())
    line = float(colours[lips][:, 0].mean()) - _darkest_between(colours, mesh)
    skin = _skin(photo, points)
    near = colours[_grown(outer, 13) > 0]
    other = float(np.percentile(np.hypot(*(near[:, 1:] - skin[1:]).T), 25))
    if Tint.of(photo, points) is not None:
        is_covered = line < _LEAST_GREY_LINE
    else:
        is_covered = redder < _LEAST_RED and (line < _LEAST_LINE or other > _OTHER_COLOUR)
        is_covered = is_covered or other > _QUITE_OTHER_COLOUR
    if not is_covered:
        return None
    if skin[0] < _DARK:
        return "the photo is too dark there"
    seen = np.median(near, axis=0)
    if np.hypot(*seen[1:]) > 6 and np.hypot(*(seen[1:] - skin[1:])) < 5 and abs(seen[0] - skin[0]) < 20:
        return "something of the skin's colour covers them, as a hand does"
    return f"something {_word(seen)} covers them, as a mask or a cup does"


def _around_the_mouth(photo: Picture, points: Array) -> tuple[Picture, Array]:
    """A square of the photo with the mouth in its middle and the eyes level, and the mesh (468, 2) in it."""
    right, left = points[EYE_OUTER_RIGHT, :2], points[EYE_OUTER_LEFT, :2]
    across = (left - right) / max(1e-6, float(np.linalg.norm(left - right)) ** 2) * _IOD
    turn = np.array([[across[0], across[1]], [-across[1], across[0]]], np.float64)
    shift = _SIDE / 2 - turn @ points[OUTER_LIPS, :2].mean(axis=0)
    flags = cv2.INTER_AREA
    crop = cv2.warpAffine(photo, np.column_stack([turn, shift]), (_SIDE, _SIDE), flags=flags)
    return np.asarray(crop, np.uint8), np.asarray(points[:, :2] @ turn.T + shift, np.float32)


def _lab(picture: Picture) -> Array:
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB), np.float32)


def _filled(outline: Array) -> NDArray[np.uint8]:
    mask = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 255)
    return mask


def _grown(mask: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.dilate(mask, np.ones((size, size), np.uint8)), np.uint8)


def _darkest_between(colours: Array, mesh: Array) -> float:
    """The lightness of the line between the lips, the median of five places."""
    middles = (mesh[[81, 82, 13, 312, 311]] + mesh[[178, 87, 14, 317, 402]]) / 2
    darkest = []
    for x, y in np.clip(np.rint(middles).astype(int), 1, _SIDE - 2):
        column = colours[max(0, y - 9) : y + 10, x - 1 : x + 2, 0].mean(axis=1)
        darkest.append(float(column.min()))
    return float(np.median(darkest))


def _skin(photo: Picture, points: Array) -> Array:
    """The colour of the skin where nothing covers it, (3,)."""
    radius = max(2, round(0.05 * float(np.linalg.norm(points[EYE_OUTER_LEFT, :2] - points[EYE_OUTER_RIGHT, :2]))))
    found = []
    for x, y in np.rint(points[list(_SKIN), :2]).astype(int):
        part = photo[max(0, y - radius) : y + radius, max(0, x - radius) : x + radius]
        if part.size:
            found.append(np.median(_lab(part).reshape(-1, 3), axis=0))
    return np.asarray(np.median(found, axis=0), np.float32)


def _word(colour: Array) -> str:
    """A colour in Lab in one or two words."""
    lightness, a, b = (float(value) for value in colour)
    if np.hypot(a, b) < 8:
        return "white" if lightness > 80 else "black" if lightness < 25 else "grey"
    hue = float(np.degrees(np.arctan2(b, a))) % 360
    name = next(name for beyond, name in _HUES if hue < beyond)
    return f"pale {name}" if lightness > 75 else f"dark {name}" if lightness < 35 else name
