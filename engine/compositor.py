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
from engine.crop_maps import CropMaps
from engine.idle import Idle
from engine.media import Picture
from engine.teeth import Teeth

Array = NDArray[np.float32]

_GRID_IOD = 50.0  # the map of places is computed at this many grid cells for one IOD, then enlarged
_HEAD_AXIS = 0.9  # IOD, how far behind the eyes the axis of the head lies
_FADE = 1.1  # IOD outside the face over which head motion fades out
_NECK_FADE = 0.7  # IOD below the chin, likewise: the shoulders stay
_BREATH = 0.010  # IOD, how far the head rises with a breath
_PARTED = 0.03  # IOD of gap from which a photo's lips are brought together before anything moves
_OPEN = 0.05  # IOD of gap from which what the mouth shows is filled from the lips
_CLOSING_SCALE = 2  # an open mouth is closed at so many times the picture's resolution
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

    `photo`: what is bent, uint8, an open mouth closed; `mesh`: float32 (468, 2), the mesh of that in its pixels;
    `reference`: the mouth's crop with margins, uint8, as the avatar has it, and its `teeth`;
    `step`: (2,) picture pixels per cell of the
    map's grid, across and down; `head`: float32 (grid height, grid width, 4), the offsets in cells that one radian of
    turn, one radian of lean across and down, and one cell of lift give to each place of the grid.
    """

    photo: Picture
    mesh: Array
    mouth: mouth.Mouth
    reference: Picture
    step: Array
    head: Array
    teeth: Teeth
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
        pivot = in_cells[face_space.CHIN, :2] + np.array([0.0, 0.6 * iod / coarse], np.float32)
        lean = (mesh_warp.grid(columns, rows) - pivot) * hold[..., None]
        gap = float(face_space.mouth_gap(shape.points)) / shape.photo_iod
        reference = mouth.reference_crop(avatar.photo, shape)
        shown = _without_teeth(avatar.photo, shape) if gap >= _OPEN else avatar.photo
        return cls(
            _closed(shown, shape) if gap >= _PARTED else shown,
            shape.closed if gap >= _PARTED else shape.source,
            shape,
            reference,
            step,
            np.dstack([hold * depth, lean, hold]),
            Teeth.of(reference, shape),
            mesh_warp.with_ring(shape.points)[len(shape.points) :],
        )

    def speech(self, landmarks: Array) -> Array:
        """The offsets (see `mesh_warp.offsets`) that take the photo's mesh to `landmarks` (468, 2) in its pixels,
        float32 (grid height, grid width, 2), in cells."""
        rows, columns = self.head.shape[:2]
        source = _to_cells(np.concatenate([self.mesh, self._ring]), self.step)
        target = _to_cells(np.concatenate([landmarks, self._ring]), self.step)
        return mesh_warp.offsets(target, source, mesh_warp.speech_triangles(), columns, rows)

    def in_crop(self, speech: Array) -> Array | None:
        """The offsets `speech` as the mouth's crop has them, float32 (crop height, crop width, 2), in its pixels.

        None where the photo's lips were parted: in the crop they still are.
        """
        if self.mesh is not self.mouth.source:
            return None
        to_photo = np.linalg.inv(self.mouth.crop[:, :2])
        start = (0.5 - to_photo @ self.mouth.crop[:, 2]) / self.step - 0.5
        to_cells = np.column_stack([to_photo / self.step[:, None], start])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(speech, to_cells, mouth.CROP_SIZE, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.transform(moved, self.mouth.crop[:, :2] * self.step), np.float32)

    def offsets(self, speech: Array, idle: Idle) -> tuple[Array, Array]:
        """Where the grid's cells come from: offsets float32 (grid height, grid width, 2), in cells.

        `speech`: from the method of that name. Returns the offsets of everything, for the photo, and those of head
        motion alone, for the painted mouth.
        """
        if idle.blink > 0.0:
            speech = speech + self._blink(round(idle.blink * _BLINK_STEPS))
        yaw, pitch, roll = np.radians([idle.yaw, idle.pitch, idle.roll])
        breath = idle.breath * _BREATH * self.mouth.photo_iod / self.step[1]
        if not (yaw or pitch or roll or breath):
            return speech, np.zeros_like(speech)
        # Each cell's turn, lean across, lean down and lift become an offset across and one down.
        amounts = np.array([[-yaw, 0.0, roll, 0.0], [-pitch, -roll, 0.0, breath]], np.float32)
        head = self.head @ amounts.T
        rows, columns = head.shape[:2]
        return head + mesh_warp.sample(speech, mesh_warp.grid(columns, rows) + head), head

    def _blink(self, level: int) -> Array:
        """Offsets of a blink, computed once per level."""
        if level not in self._blinks:
            rows, columns = self.head.shape[:2]
            shut = _shut(self.mouth.points, _LARGEST_BLINK * level / _BLINK_STEPS)
            source = _to_cells(np.concatenate([self.mouth.points, self._ring]), self.step)
            moved = _to_cells(np.concatenate([shut, self._ring]), self.step)
            lids = np.concatenate([np.concatenate(eye) for eye in _EYES])
            self._blinks[level] = mesh_warp.offsets(moved, source, _lid_triangles(lids), columns, rows)
        return self._blinks[level]


def _without_teeth(photo: Picture, shape: mouth.Mouth) -> Picture:
    """The photo with the inside of its open mouth filled from the lips, in shadow.

    What a mouth shows is painted, never bent; of this only the seam between closed lips is seen.
    """
    inside = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(shape.points[face_space.INNER_LIPS]).astype(np.int32)], 255)
    size = 2 * round(0.01 * shape.photo_iod) + 1
    inside = np.asarray(cv2.dilate(inside, np.ones((size, size), np.uint8)), np.uint8)
    filled = cv2.inpaint(photo, inside, 3.0, cv2.INPAINT_TELEA)
    shadow = 1.0 - _SEAM_SHADOW * cv2.GaussianBlur(inside, (0, 0), 0.01 * shape.photo_iod)[..., None] / 255.0
    return np.asarray(filled * shadow, np.uint8)


def _closed(photo: Picture, shape: mouth.Mouth) -> Picture:
    """The photo with its open mouth closed, once and finely: on the live map's coarse grid the seam would be a
    staircase."""
    height, width = photo.shape[:2]
    fine = np.full(2, 1.0 / _CLOSING_SCALE, np.float32)
    source, target = (_to_cells(mesh_warp.with_ring(mesh), fine) for mesh in (shape.source, shape.closed))
    target[len(shape.points) :] = source[len(shape.points) :]
    size = width * _CLOSING_SCALE, height * _CLOSING_SCALE
    moved = mesh_warp.offsets(target, source, mesh_warp.speech_triangles(), *size)
    places = (mesh_warp.grid(*size) + moved + 0.5) * fine - 0.5
    bent = mesh_warp.sample(photo, np.asarray(places, np.float32), cv2.INTER_CUBIC)
    return np.asarray(cv2.resize(bent, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


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

    `image` uint8 (height, width, 3) RGB, new memory; `head` as of `Scene.offsets`.
    """

    image: Picture
    head: Array


def bend(scene: Scene, speech: Array, idle: Idle) -> Bent:
    """Bend the photo by `speech`, from `Scene.speech`, and by blink and head motion."""
    height, width = scene.photo.shape[:2]
    full, head = scene.offsets(speech, idle)
    # What is enlarged is the offset, not the place: cv2.resize goes on flatly beyond the outermost cells' centres.
    places = cv2.resize(full * scene.step, (width, height), interpolation=cv2.INTER_LINEAR)
    np.add(places, mesh_warp.grid(width, height), out=places)
    return Bent(np.asarray(mesh_warp.sample(scene.photo, places), np.uint8), head)


def compose(scene: Scene, maps: CropMaps, speech: Array, picture: Array, change: Array, idle: Idle) -> Picture:
    """The finished picture, uint8 (height, width, 3) RGB, new memory; arguments as for `bend` and `lay_in`."""
    bent = bend(scene, speech, idle)
    lay_in(scene, bent, maps, picture, change)
    return bent.image


def lay_in(scene: Scene, bent: Bent, maps: CropMaps, picture: Array, change: Array) -> None:
    """Paint the mouth into the bent photo, in place, only where the generator may change it.

    `picture`, `change`: float32 (crop height, crop width, 3), what the generator painted inside the mouth and the
    change of colour around it, 0 to 1.
    """
    window, where = _window(scene, bent, np.maximum(maps.inner, maps.reach) > 0.0)
    if not where.size:
        return
    # Everything in the unit of the output's 256 levels; the picture's share is `inner`, the photo's the rest.
    share = maps.inner[..., None]
    added = np.dstack([(255.0 * (1.0 - share) * maps.reach[..., None]) * change, share])
    laid = mesh_warp.sample(added, where)
    mixed = np.add(laid[..., :3], window)
    left, top, across, down = cv2.boundingRect((laid[..., 3] > 0.0).astype(np.uint8))
    if across and down:
        # The sharp and dear way of sampling only where the picture shows.
        inside = np.s_[top : top + down, left : left + across]
        places = np.ascontiguousarray(where[inside])
        painted = mesh_warp.sample(np.asarray(picture * 255.0 + 0.5, np.uint8), places, cv2.INTER_CUBIC)
        mixed[inside] += laid[inside][..., 3:] * np.subtract(painted, window[inside], dtype=np.float32)
    window[:] = cv2.convertScaleAbs(np.maximum(mixed, 0.0, out=mixed))


def _window(scene: Scene, bent: Bent, touched: NDArray[np.bool_]) -> tuple[Picture, Array]:
    """The part of the bent picture that shows what is touched of the crop, bool (crop height, crop width).

    Returns it as a view, and where its pixels lie in the crop, float32 (height, width, 2); empty if it shows nothing.
    """
    height, width = bent.image.shape[:2]
    left, top, across, down = cv2.boundingRect(touched.astype(np.uint8))
    box = np.array([[left - 1, top - 1], [left + across, top - 1], [left - 1, top + down], [left + across, top + down]])
    crop = scene.mouth.crop
    corners = (box - crop[:, 2]) @ np.linalg.inv(crop[:, :2]).T
    # The head has moved it, by nearly the same amount everywhere in so small a place.
    end = np.array(bent.head.shape[1::-1]) - 1
    (x0, y0), (x1, y1) = (np.clip(at(corners, axis=0) / scene.step, 0, end).astype(int) for at in (np.min, np.max))
    moved = bent.head[y0 : y1 + 1, x0 : x1 + 1] * scene.step
    first = np.maximum(np.floor(corners.min(axis=0) - moved.max(axis=(0, 1))) - 1, 0).astype(int)
    last = np.minimum(np.ceil(corners.max(axis=0) - moved.min(axis=(0, 1))) + 2, [width, height]).astype(int)
    columns, rows = (last - first).tolist()
    if not across or columns <= 0 or rows <= 0:
        return bent.image[:0, :0], np.zeros((0, 0, 2), np.float32)
    # Enlarge the head's motion from the grid to the window of output pixels.
    enlarge = np.column_stack([np.diag(1.0 / scene.step), (first + 0.5) / scene.step - 0.5])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    head = cv2.warpAffine(bent.head, enlarge, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    places = mesh_warp.grid(width, height)[first[1] : last[1], first[0] : last[0]] + head * scene.step
    return bent.image[first[1] : last[1], first[0] : last[0]], np.asarray(cv2.transform(places, crop), np.float32)
