"""Everything that happens to the photo itself: speech, blink and head motion bend it, the painted mouth is laid in.

All motions are added into one map of places, and the photo is sampled once at its own resolution. Head motion fades
to nothing at the picture's border and on the shoulders, so the picture's frame never moves.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import mesh_warp
from liveface.engine.drawing.crop_maps import CropMaps
from liveface.engine.drawing.liveliness import LARGEST_PITCH, LARGEST_ROLL, LARGEST_YAW, Idle
from liveface.engine.drawing.teeth import Teeth
from liveface.engine.face import face_space, mouth
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.monochrome import Tint
from liveface.engine.media import Picture

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


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """How speech bends one picture, in cells of the map's grid, float32 (grid height, grid width, 2).

    `photo`: offsets into the scene's photo (see `mesh_warp.offsets`); `crop`: into the avatar's own, in which parted
    lips are parted.
    """

    photo: Array
    crop: Array


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The part of the picture where the mouth's crop may be seen, wherever the head turns.

    `left`, `top`: its first pixel; `places`: float32 (height, width, 6), in each pixel the head's offsets (see
    `Scene.head`), and its place in the crop, across and down, while the head is at rest;
    `low`, `high`: (2,), where the crop is seen then, from the window's first pixel, with some room;
    `sway`: float32 (4,), the head's offsets in the middle of the mouth.
    """

    left: int
    top: int
    places: Array
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    sway: Array

    @classmethod
    def of(cls, shape: mouth.Mouth, head: Array, step: Array, width: int, height: int) -> "Window":
        """Prepare the window of a picture of `width` x `height`; `head` and `step` as in `Scene`."""
        right, bottom = mouth.CROP_SIZE
        corners = np.array([[0, 0], [right, 0], [0, bottom], [right, bottom]]) - 0.5
        corners = (corners - shape.crop[:, 2]) @ np.linalg.inv(shape.crop[:, :2]).T
        low, high = corners.min(axis=0), corners.max(axis=0)
        limits = Idle(0.0, LARGEST_YAW, LARGEST_PITCH, LARGEST_ROLL, 1.0)
        farthest = np.abs(_turn(limits, _BREATH * shape.photo_iod / float(step[1]))) * step
        sway = np.abs(head).max(axis=(0, 1)) @ farthest
        size = [width, height]
        left, top = np.clip(np.floor(low - sway), 0, size).astype(int).tolist()
        columns, rows = (np.clip(np.ceil(high + sway), 0, size).astype(int) - [left, top]).tolist()
        places = np.zeros((rows, columns, 6), np.float32)
        if places.size:
            # Enlarge the head's motion from the grid to pixels.
            to_cells = np.column_stack([np.diag(1.0 / step), (np.array([left, top]) + 0.5) / step - 0.5])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            places[..., :4] = cv2.warpAffine(
                head, to_cells, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE
            )
            places[..., 4:] = cv2.transform(mesh_warp.grid(columns, rows, left, top), shape.crop)
        middle = np.clip((low + high) / 2 / step, 0, np.array(head.shape[1::-1]) - 1).astype(int)
        moved = head[middle[1], middle[0]]
        # The head moves no part of the window otherwise than its middle by more than this.
        room = np.abs(places[..., :4] - moved).max(axis=(0, 1), initial=0.0) @ farthest + 1.0
        return cls(left, top, places, low - room - [left, top], high + room - [left, top], moved)


@dataclass(slots=True, eq=False)
class Scene:
    """One framed avatar, prepared for drawing: all that does not change from picture to picture.

    `photo`: what is bent, uint8, an open mouth closed; `mesh`: float32 (468, 2), the mesh of that in its pixels;
    `tint`: the only one that the photo has, if it is black and white.
    `reference`: the mouth's crop with margins, uint8, as the avatar has it, and its `teeth`; `step`: (2,) picture
    pixels per cell of the map's grid, across and down; `head`: float32 (grid height, grid width, 4), the offsets in
    cells that one radian of turn, one radian of lean across and down, and one cell of lift give to each place of the
    grid.
    """

    photo: Picture
    mesh: Array
    mouth: mouth.Mouth
    reference: Picture
    step: Array
    head: Array
    teeth: Teeth
    window: Window
    tint: Tint | None
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
        head = np.dstack([hold * depth, lean, hold])
        gap = float(face_space.mouth_gap(shape.points)) / shape.photo_iod
        reference = mouth.reference_crop(avatar.photo, shape)
        shown = _without_teeth(avatar.photo, shape) if gap >= _OPEN else avatar.photo
        return cls(
            _closed(shown, shape) if gap >= _PARTED else shown,
            shape.closed if gap >= _PARTED else shape.source,
            shape,
            reference,
            step,
            head,
            Teeth.of(reference, shape),
            Window.of(shape, head, step, width, height),
            Tint.of(avatar.photo, avatar.points),
            mesh_warp.with_ring(shape.points)[len(shape.points) :],
        )

    def speech(self, landmarks: Array) -> Speech:
        """What takes the photo's mesh to `landmarks` (468, 2) in its pixels."""
        rows, columns = self.head.shape[:2]
        meshes = [self.mesh] if self.mesh is self.mouth.source else [self.mesh, self.mouth.source]
        target, *sources = (
            _to_cells(np.concatenate([points, self._ring]), self.step) for points in (landmarks, *meshes)
        )
        fields = mesh_warp.offsets_from(sources, target, mesh_warp.speech_triangles(), columns, rows)
        return Speech(fields[0], fields[-1])

    def in_crop(self, speech: Speech) -> Array:
        """The offsets as the mouth's crop has them, float32 (crop height, crop width, 2), in its pixels."""
        to_photo = np.linalg.inv(self.mouth.crop[:, :2])
        start = (0.5 - to_photo @ self.mouth.crop[:, 2]) / self.step - 0.5
        to_cells = np.column_stack([to_photo / self.step[:, None], start])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(speech.crop, to_cells, mouth.CROP_SIZE, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(cv2.transform(moved, self.mouth.crop[:, :2] * self.step), np.float32)

    def turn(self, idle: Idle) -> Array:
        """How much of each of the head's offsets becomes an offset across and one down, float32 (4, 2)."""
        return _turn(idle, _BREATH * self.mouth.photo_iod / float(self.step[1]))

    def offsets(self, speech: Speech, idle: Idle) -> Array:
        """Where the grid's cells come from: offsets float32 (grid height, grid width, 2), in cells."""
        bent = speech.photo
        if idle.blink > 0.0:
            bent = bent + self._blink(round(idle.blink * _BLINK_STEPS))
        turn = self.turn(idle)
        if not turn.any():
            return bent
        head = self.head @ turn
        rows, columns = head.shape[:2]
        return np.asarray(head + mesh_warp.sample(bent, mesh_warp.grid(columns, rows) + head), np.float32)

    def in_window(self, idle: Idle) -> tuple[int, int, Array]:
        """Where the crop is seen: left and top in the picture, and the crop's places that the pixels from there show,
        float32 (height, width, 2)."""
        turn, window = self.turn(idle) * self.step, self.window
        moved = window.sway @ turn
        size = window.places.shape[1::-1]
        left, top = np.clip(np.floor(window.low - moved), 0, size).astype(int).tolist()
        right, bottom = np.clip(np.ceil(window.high - moved), 0, size).astype(int).tolist()
        to_crop = np.concatenate([turn @ self.mouth.crop[:, :2].T, np.eye(2)]).astype(np.float32)
        return window.left + left, window.top + top, window.places[top:bottom, left:right] @ to_crop

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


def _turn(idle: Idle, rise: float) -> Array:
    """See `Scene.turn`; `rise`: of a full breath, in cells."""
    yaw, pitch, roll = np.radians([idle.yaw, idle.pitch, idle.roll])
    return np.array([[-yaw, -pitch], [0.0, -roll], [roll, 0.0], [0.0, idle.breath * rise]], np.float32)


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


def bend(scene: Scene, speech: Speech, idle: Idle) -> Picture:
    """The photo bent by speech, blink and head motion, its mouth not yet painted; new memory."""
    height, width = scene.photo.shape[:2]
    moved = scene.offsets(speech, idle)
    in_pixels = np.multiply(moved.reshape(len(moved), -1), np.tile(scene.step, moved.shape[1])).reshape(moved.shape)
    # What is enlarged is the offset, not the place: cv2.resize goes on flatly beyond the outermost cells' centres.
    places = cv2.resize(in_pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    np.add(places, mesh_warp.grid(width, height), out=places)
    return np.asarray(mesh_warp.sample(scene.photo, places), np.uint8)


def lay_in(scene: Scene, bent: Picture, maps: CropMaps, picture: Array, change: Array, idle: Idle) -> None:
    """Paint the mouth into the bent photo, in place, only where the generator may change it.

    `picture`, `change`: float32 (crop height, crop width, 3), what the generator painted inside the mouth and the
    change of colour around it, 0 to 1.
    """
    left, top, places = scene.in_window(idle)
    rows, columns = places.shape[:2]
    if not places.size:
        return
    window = bent[top : top + rows, left : left + columns]
    # Beyond the crop nothing changes.
    tint = mesh_warp.sample(change * cv2.merge([maps.reach * 255.0] * 3), places, border=cv2.BORDER_CONSTANT)
    tinted = cv2.add(window, tint, dtype=cv2.CV_8U)
    share = mesh_warp.sample(maps.inner, places, border=cv2.BORDER_CONSTANT)
    left, top, across, down = cv2.boundingRect((share > 0.0).astype(np.uint8))
    if across and down:
        # The sharp and dear way of sampling only where the picture shows.
        inside = np.s_[top : top + down, left : left + across]
        colours = np.asarray(picture * 255.0 + 0.5, np.uint8)
        painted = mesh_warp.sample(colours, np.ascontiguousarray(places[inside]), cv2.INTER_CUBIC)
        tinted[inside] = cv2.blendLinear(painted, tinted[inside], share[inside], 1.0 - share[inside])
    window[:] = tinted if scene.tint is None else scene.tint.over(np.asarray(tinted, np.uint8))


def compose(scene: Scene, maps: CropMaps, speech: Speech, picture: Array, change: Array, idle: Idle) -> Picture:
    """The finished picture, uint8 (height, width, 3) RGB, new memory; arguments as for `bend` and `lay_in`."""
    bent = bend(scene, speech, idle)
    lay_in(scene, bent, maps, picture, change, idle)
    return bent
