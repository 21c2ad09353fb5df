"""Everything that happens to the photo itself: speech, blink and head motion bend it, the painted mouth is laid in.

All motions are added into one map of places, and the photo is sampled once at its own resolution. Head motion fades
to nothing at the picture's border and on the shoulders, so the picture's frame never moves.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from engine import face_space, mesh_warp, mouth
from engine.avatar import Avatar
from engine.idle import Idle
from engine.media import Picture

Array = NDArray[np.float32]

_GRID_IOD = 50.0  # the map of places is computed at this many grid cells for one IOD, then enlarged
_HEAD_AXIS = 0.9  # IOD, how far behind the eyes the axis of the head lies
_FADE = 1.1  # IOD outside the face over which head motion fades out
_NECK_FADE = 0.7  # IOD below the chin, likewise: the shoulders stay
_BREATH = 0.010  # IOD, how far the head rises with a breath
_OPEN = 0.05  # IOD of gap from which a photo's mouth counts as open
_SEAM_SHADOW = 0.45  # how much darker than the lips the seam between them is
_BLINK_STEPS = 8
_LARGEST_BLINK = 0.85  # of a shut eye; beyond, the white of the eye shows in the seam between the lids
_LID_MEETING = (0.12, 0.88)  # shares of upper and lower lid in the line where the lids meet

# Per eye: upper lid, the ring above it, the ring below the brow, lower lid, each from the outer to the inner corner.
_EYES = (
    (
        np.array([246, 161, 160, 159, 158, 157, 173]),
        np.array([247, 30, 29, 27, 28, 56, 190]),
        np.array([113, 225, 224, 223, 222, 221, 189]),
        np.array([7, 163, 144, 145, 153, 154, 155]),
    ),
    (
        np.array([466, 388, 387, 386, 385, 384, 398]),
        np.array([467, 260, 259, 257, 258, 286, 414]),
        np.array([342, 445, 444, 443, 442, 441, 413]),
        np.array([249, 390, 373, 374, 380, 381, 382]),
    ),
)


@dataclass(slots=True, eq=False)
class Scene:
    """One framed avatar, prepared for drawing: all that does not change from picture to picture.

    `photo`: what is bent, uint8; `reference`: the mouth's crop with margins, uint8; `step`: (2,) picture pixels per
    cell of the map's grid, across and down; `depth`, `hold`: float32 (grid height, grid width), cells in front of the
    head's axis, and how fully each place follows the head (0 to 1); `pivot`: (2,) cells, about which the head leans.
    """

    photo: Picture
    mouth: mouth.Mouth
    reference: Picture
    step: Array
    depth: Array
    hold: Array
    pivot: Array
    _ring: Array
    _blinks: dict[int, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, avatar: Avatar) -> "Scene":
        """Prepare an avatar that is already framed to the output's size."""
        shape = mouth.measure(avatar.points)
        height, width = avatar.photo.shape[:2]
        iod = float(face_space.inter_ocular(avatar.points[:, :2]))
        coarse = max(1.0, iod / _GRID_IOD)
        columns, rows = round(width / coarse), round(height / coarse)
        step = np.array([width / columns, height / rows], np.float32)
        in_cells = np.column_stack([_to_cells(avatar.points[:, :2], step), avatar.points[:, 2] / coarse])
        depth, hold = _head(in_cells, iod / coarse, columns, rows)
        return cls(
            _without_teeth(avatar.photo, shape),
            shape,
            mouth.reference_crop(avatar.photo, shape),
            step,
            depth,
            hold,
            in_cells[face_space.CHIN, :2] + np.array([0.0, 0.6 * iod / coarse], np.float32),
            mesh_warp.with_ring(shape.points)[len(shape.points) :],
        )

    def places(self, landmarks: Array, idle: Idle) -> tuple[Array, Array]:
        """Where the grid's cells come from, float32 (grid height, grid width, 2), in grid cells.

        Returns the full map, for the photo, and the part of head motion alone, for the painted mouth.
        """
        rows, columns = self.hold.shape
        own = mesh_warp.grid(columns, rows)
        source = _to_cells(np.concatenate([self.mouth.source, self._ring]), self.step)
        target = _to_cells(np.concatenate([landmarks, self._ring]), self.step)
        speech = mesh_warp.offsets(target, source, mesh_warp.speech_triangles(), columns, rows)
        if idle.blink > 0.0:
            speech = speech + self._blink(round(idle.blink * _BLINK_STEPS))
        yaw, pitch, roll = np.radians([idle.yaw, idle.pitch, idle.roll])
        breath = idle.breath * _BREATH * self.mouth.photo_iod / self.step[1]
        if not (yaw or pitch or roll or breath):
            return own + speech, own
        head = np.empty_like(speech)
        lean = own - self.pivot
        head[..., 0] = own[..., 0] - self.hold * (yaw * self.depth - roll * lean[..., 1])
        head[..., 1] = own[..., 1] - self.hold * (pitch * self.depth + roll * lean[..., 0] - breath)
        return head + mesh_warp.sample(speech, head), head

    def _blink(self, level: int) -> Array:
        """Offsets of a blink, computed once per level."""
        if level not in self._blinks:
            rows, columns = self.hold.shape
            shut = _shut(self.mouth.points, _LARGEST_BLINK * level / _BLINK_STEPS)
            source = _to_cells(np.concatenate([self.mouth.points, self._ring]), self.step)
            moved = _to_cells(np.concatenate([shut, self._ring]), self.step)
            lids = np.concatenate([np.concatenate(eye) for eye in _EYES])
            self._blinks[level] = mesh_warp.offsets(moved, source, _lid_triangles(lids), columns, rows)
        return self._blinks[level]


def _without_teeth(photo: Picture, shape: mouth.Mouth) -> Picture:
    """The photo with the inside of an open mouth filled from the lips, in shadow.

    What a mouth shows is painted, never bent; of this only the seam between closed lips is seen.
    """
    if float(face_space.mouth_gap(shape.points)) < _OPEN * shape.photo_iod:
        return photo
    inside = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(shape.points[face_space.INNER_LIPS]).astype(np.int32)], 255)
    size = 2 * round(0.01 * shape.photo_iod) + 1
    inside = np.asarray(cv2.dilate(inside, np.ones((size, size), np.uint8)), np.uint8)
    filled = cv2.inpaint(photo, inside, 3.0, cv2.INPAINT_TELEA)
    shadow = 1.0 - _SEAM_SHADOW * cv2.GaussianBlur(inside, (0, 0), 0.01 * shape.photo_iod)[..., None] / 255.0
    return np.asarray(filled * shadow, np.uint8)


def _to_cells(points: Array, step: Array) -> Array:
    """Picture pixels (n, 2) to cells of the grid: cell c is centred on pixel (c + 0.5) * step - 0.5."""
    return np.asarray((points + 0.5) / step - 0.5, np.float32)


def _lid_triangles(lids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Triangles that a blink moves, those of the open eye first, so that the lids are drawn over them."""
    every = mesh_warp.triangles_around(lids)
    opening = np.concatenate([[33, 133, 263, 362], *(np.concatenate([eye[0], eye[3]]) for eye in _EYES)])
    inside = np.isin(every, opening).all(axis=1)
    return np.concatenate([every[inside], every[~inside]])


def _shut(points: Array, amount: float) -> Array:
    """The mesh (468, 2) with its eyes shut by `amount`, 0 to 1; the skin above follows."""
    result = points.copy()
    for upper, above, crease, lower in _EYES:
        meeting = _LID_MEETING[0] * points[upper] + _LID_MEETING[1] * points[lower]
        drop = (meeting - points[upper]) * amount
        result[upper] += drop
        result[above] += 0.92 * drop
        result[crease] += 0.3 * drop
        result[lower] += (meeting - points[lower]) * amount
    return result


def _head(points: Array, iod: float, columns: int, rows: int) -> tuple[Array, Array]:
    """Depth in front of the head's axis and how fully each cell follows the head; `points` (468, 3) in cells."""
    face = np.zeros((rows, columns), np.uint8)
    oval = points[face_space.asset("oval").astype(np.int64), :2]
    cv2.fillPoly(face, [np.rint(oval).astype(np.int32)], 1)
    # Depth: every triangle at its mean, spread outwards from the face and smoothed.
    depth = np.zeros((rows, columns), np.float32)
    known = np.zeros((rows, columns), np.float32)
    for corner in mesh_warp.triangles():
        if corner.max() < len(points):
            polygon = np.rint(points[corner, :2]).astype(np.int32)
            value = float(_HEAD_AXIS * iod - points[corner, 2].mean())
            cv2.fillConvexPoly(depth, polygon, value)
            cv2.fillConvexPoly(known, polygon, 1.0)
    total = np.zeros_like(depth)
    weight = np.zeros_like(depth)
    for reach, share in ((0.06, 1.0), (0.25, 1e-2), (0.8, 1e-4), (2.5, 1e-6)):
        total += share * cv2.GaussianBlur(depth * known, (0, 0), reach * iod)
        weight += share * cv2.GaussianBlur(known, (0, 0), reach * iod)
    smooth = total / np.maximum(weight, 1e-12)
    outside = cv2.distanceTransform(1 - face, cv2.DIST_L2, 5)
    hold = np.clip(1.0 - outside / (_FADE * iod), 0.0, 1.0)
    chin = float(points[face_space.CHIN, 1])
    below = np.clip(1.0 - (np.arange(rows) - chin) / (_NECK_FADE * iod), 0.0, 1.0)[:, None]
    edge = np.minimum.reduce(
        [
            np.broadcast_to(np.arange(columns)[None], face.shape),
            np.broadcast_to(np.arange(columns)[::-1][None], face.shape),
            np.broadcast_to(np.arange(rows)[:, None], face.shape),
            np.broadcast_to(np.arange(rows)[::-1][:, None], face.shape),
        ]
    ) / (0.35 * iod)
    hold = cv2.GaussianBlur(_eased(hold * below), (0, 0), 0.08 * iod) * _eased(np.clip(edge, 0.0, 1.0))
    return smooth.astype(np.float32), np.asarray(hold, np.float32)


def _eased(share: NDArray[np.floating]) -> Array:
    """0 to 1 without corners at either end."""
    return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Bent:
    """A photo bent by speech, blink and head motion, its mouth not yet painted.

    `image` uint8 (height, width, 3) RGB, new memory; `window`: the part of it where the mouth's crop lies, a view, and
    `where` float32 (window height, window width, 2), the crop's pixel for each of its pixels; both empty where the crop
    lies outside the picture.
    """

    image: Picture
    window: Picture
    where: Array


def bend(scene: Scene, landmarks: Array, idle: Idle) -> Bent:
    """Bend the photo to the mesh `landmarks` (468, 2) in its pixels, and by blink and head motion."""
    height, width = scene.photo.shape[:2]
    full, head = scene.places(landmarks, idle)
    # What is enlarged is the offset, not the place: cv2.resize goes on flatly beyond the outermost cells' centres.
    moved = (full - mesh_warp.grid(*full.shape[1::-1])) * scene.step
    places = cv2.resize(moved, (width, height), interpolation=cv2.INTER_LINEAR)
    np.add(places, mesh_warp.grid(width, height), out=places)
    image = np.asarray(mesh_warp.sample(scene.photo, places), np.uint8)
    crop = scene.mouth.crop
    corners = np.array([[0, 0], [mouth.CROP_SIZE[0], 0], [0, mouth.CROP_SIZE[1]], list(mouth.CROP_SIZE)], float)
    outline = (corners - crop[:, 2]) @ np.linalg.inv(crop[:, :2]).T
    slack = 0.15 * scene.mouth.photo_iod  # the head may have moved
    left, top = np.maximum(np.floor(outline.min(axis=0) - slack), 0).astype(int)
    right, bottom = np.minimum(np.ceil(outline.max(axis=0) + slack), [width, height]).astype(int)
    if left >= right or top >= bottom:
        return Bent(image, image[:0, :0], np.zeros((0, 0, 2), np.float32))
    across, down = scene.step.tolist()
    cells = np.s_[int(top / down) : int(bottom / down) + 2, int(left / across) : int(right / across) + 2]
    pixels = np.asarray((head[cells] + 0.5) * scene.step - 0.5, np.float32)
    in_crop = np.asarray(pixels @ crop[:, :2].T + crop[:, 2], np.float32)
    # Enlarge the places from the grid to the window of output pixels.
    shift_x = (left + 0.5) / across - 0.5 - cells[1].start
    shift_y = (top + 0.5) / down - 0.5 - cells[0].start
    enlarge = np.array([[1.0 / across, 0.0, shift_x], [0.0, 1.0 / down, shift_y]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    where = cv2.warpAffine(in_crop, enlarge, (right - left, bottom - top), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Bent(image, image[top:bottom, left:right], np.asarray(where, np.float32))


def compose(scene: Scene, maps: mouth.CropMaps, landmarks: Array, picture: Array, change: Array, idle: Idle) -> Picture:
    """The finished picture, uint8 (height, width, 3) RGB, new memory; arguments as for `bend` and `lay_in`."""
    bent = bend(scene, landmarks, idle)
    lay_in(bent, maps, picture, change)
    return bent.image


def lay_in(bent: Bent, maps: mouth.CropMaps, picture: Array, change: Array) -> None:
    """Paint the mouth into the bent photo, in place, only where the crop lies.

    `picture`, `change`: float32 (crop height, crop width, 3), what the generator painted inside the mouth and the
    change of colour around it, 0 to 1.
    """
    if not bent.window.size:
        return
    # Everything in the unit of the output's 256 levels; the picture's share is `inner`, the photo's the rest.
    share = maps.inner[..., None]
    added = np.dstack([(255.0 * (1.0 - share) * maps.reach[..., None]) * change, share])
    laid = mesh_warp.sample(added, bent.where)
    painted = mesh_warp.sample(np.asarray(picture * 255.0 + 0.5, np.uint8), bent.where, cv2.INTER_CUBIC)
    mixed = np.subtract(painted, bent.window, dtype=np.float32)
    mixed *= laid[..., 3:]
    mixed += laid[..., :3]
    mixed += bent.window
    bent.window[:] = cv2.convertScaleAbs(np.maximum(mixed, 0.0, out=mixed))
