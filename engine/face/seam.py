"""Lays the mesh of a photo's lips exactly onto their seam, and its corners where the dark line between them ends.

A mesh network is off by a few hundredths of the distance between the eyes, which is seen as a second pair of corners
as soon as the lips part. It moves mesh points only.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.face import lips
from liveface.engine.media import Picture

Array = NDArray[np.float32]

_SHUT = 0.03  # IOD of gap up to which lips count as closed
_MAYBE_SHUT = 0.10  # and up to which they do if there is only lip between their edges
_LIP_LIKE = (0.4, 0.55)  # of the lower lip's brightness and redness, from which a place is taken for lip
_LIP_SHARE = 0.7  # of the opening that must be so
_SEARCH = 0.03  # IOD above and below the mesh's seam
_DENSITY = 160.0  # samples for one IOD
_LOOK_BEYOND = 0.10  # IOD outside a corner
_FARTHEST = 0.08  # IOD that a corner may move outwards
_STIFF = 0.6  # how much a bend of the seam weighs against darkness
_DARK = 0.5  # of the seam's own darkness, from which the line is taken to go on


def snapped(photo: Picture, points: Array) -> Array:
    """The mesh (468, 3) of an RGB photo, uint8 (height, width, 3), with its lips on the seam."""
    right, down, iod = lips.axes(points)
    flat = points[:, :2]
    upper, lower = lips.UPPER_EDGE, lips.LOWER_EDGE
    gap = float(((flat[lower] - flat[upper]) @ down)[4:7].mean()) / iod
    result = points.copy()
    brightness = _smooth_grey(photo, iod)
    if gap < _SHUT or (gap < _MAYBE_SHUT and _is_shut(photo, brightness, flat)):
        line = lips.curve((flat[upper] + flat[lower]) / 2, 8)
        shift = _seam(brightness, line, down, iod, max(_SEARCH, gap / 2 + 0.01))
        at = np.linspace(0.0, 1.0, len(line))
        moved = line + shift[:, None] * down
        places = np.linspace(0.0, 1.0, len(upper))
        on_line = np.stack([np.interp(places, at, moved[:, axis]) for axis in (0, 1)], axis=1)
        # The next ring of points follows by half, so that the lip is not folded.
        for columns, edge in ((lips.UPPER_COLUMNS, upper), (lips.LOWER_COLUMNS, lower)):
            result[columns[:, 2], :2] += (on_line - flat[edge])[1:-1] / 2
        result[upper, :2] = on_line
        result[lower, :2] = on_line
    for corner, sign in ((lips.RIGHT_CORNER, -1.0), (lips.LEFT_CORNER, 1.0)):
        out, along = _corner(brightness, result[:, :2], corner[-1], sign * right, down, iod)
        # Rings nearer to the skin move as far, the whole corner in one piece; the lips' last columns follow by half.
        step = out * sign * right + along * down
        result[corner, :2] += step
        last = 0 if sign < 0 else -1
        for columns in (lips.UPPER_COLUMNS, lips.LOWER_COLUMNS):
            result[columns[last], :2] += 0.35 * step
    return result


def _smooth_grey(photo: Picture, iod: float) -> Array:
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), max(0.006 * iod, 0.5)), np.float32)


def _read(image: Array, places: NDArray[np.floating]) -> Array:
    """The image at places (rows, columns, 2)."""
    return np.asarray(
        cv2.remap(image, places.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),  # type: ignore[call-overload]
        np.float32,
    )


def _is_shut(photo: Picture, brightness: Array, points: Array) -> bool:
    """Whether what the mesh takes for a narrow opening is lip: as red and as bright as the lower lip below it."""
    inner = (0.15 + 0.7 * np.arange(8)[None, :, None] / 7).astype(np.float32)
    upper, lower = points[lips.UPPER_EDGE[2:-2]], points[lips.LOWER_EDGE[2:-2]]
    inside = upper[:, None] * (1 - inner) + lower[:, None] * inner
    columns = lips.LOWER_COLUMNS[1:-1]
    lip = points[columns[:, -1]][:, None] * (1 - inner) + points[columns[:, 0]][:, None] * inner
    colours = [_read(np.asarray(photo, np.float32), places) for places in (inside, lip)]
    redness = [colour[..., 0] - colour[..., 1] for colour in colours]
    usual = float(np.median(_read(brightness, lip)))
    bright, red = _LIP_LIKE
    lip_like = (_read(brightness, inside) > bright * usual) & (redness[0] > red * float(np.median(redness[1])))
    return bool(lip_like.mean() > _LIP_SHARE)


def _seam(brightness: Array, line: Array, down: Array, iod: float, reach: float) -> Array:
    """How far down, in pixels, each place of `line` (n, 2) lies from the darkest smooth line within `reach` IOD."""
    offsets = np.arange(-round(reach * _DENSITY), round(reach * _DENSITY) + 1) / _DENSITY * iod
    profile = _read(brightness, line[:, None] + offsets[None, :, None] * down)
    spread = max(float(profile.max() - profile.min()), 8.0)
    cost = profile / spread + 0.15 * (offsets / (reach * iod)) ** 2
    # The cheapest way from corner to corner (dynamic programming); a step up or down costs its square.
    steps = np.arange(len(offsets))
    jump = _STIFF * ((steps[:, None] - steps[None]) / 2.0) ** 2
    total, came = cost[0], []
    for row in cost[1:]:
        ways = total[None] + jump
        came.append(ways.argmin(axis=1))
        total = row + ways.min(axis=1)
    path = [int(total.argmin())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    found = offsets[path[::-1]]
    smooth = cv2.GaussianBlur(found.astype(np.float32)[None], (0, 0), 2.0)[0]
    return np.asarray(smooth, np.float32)


def _corner(
    brightness: Array, points: Array, corner: int, outwards: Array, down: Array, iod: float
) -> tuple[float, float]:
    """How far outwards and down, in pixels, the dark line between the lips goes on beyond a corner of the mesh."""
    steps = np.arange(-0.04, _LOOK_BEYOND, 1.0 / _DENSITY) * iod
    rise = np.arange(-0.03, 0.031, 1.0 / _DENSITY) * iod
    band = _read(brightness, points[corner] + steps[:, None, None] * outwards + rise[None, :, None] * down)
    darkest = band.min(axis=1)
    skin = np.percentile(band, 80)
    seam = float(np.percentile(darkest[steps <= 0.0], 25))
    if skin - seam < 8.0:
        return 0.0, 0.0
    share = (skin - darkest) / (skin - seam)
    beyond = np.flatnonzero((share < _DARK) & (steps > 0.0))
    end = min(float(steps[beyond[0]]) if len(beyond) else 0.0, _FARTHEST * iod)
    if end <= 0.0:
        return 0.0, 0.0
    # The dot lies where it is darkest near the end of the line.
    near = (steps > end - 0.02 * iod) & (steps <= end)
    place = int(np.median(band[near].argmin(axis=1))) if near.any() else len(rise) // 2
    return end, float(np.clip(rise[place], -0.02 * iod, 0.02 * iod))
