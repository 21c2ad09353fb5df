"""Everything that happens to the photo itself: speech, blink and head motion bend it, and the mouth opens in it.

The skin around the mouth is two sheets that part at the seam of the lips (`lip_sheets`); between them is the inside of
the mouth (`mouth_inside`). Each pixel is sampled from the photo once, at its own resolution. Head motion fades to
nothing at the picture's border and on the shoulders, so the picture's frame never moves.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing import eyelids, head_motion, mesh_warp
from liveface.engine.drawing.brows import Brows
from liveface.engine.drawing.crop_maps import CropMaps, crop_maps
from liveface.engine.drawing.lip_sheets import Bent, LipSheets
from liveface.engine.drawing.liveliness import LARGEST_PITCH, LARGEST_ROLL, LARGEST_YAW
from liveface.engine.drawing.mouth_inside import MouthInside, Opening
from liveface.engine.expression import Expression
from liveface.engine.face import face_space, lips, mouth
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.monochrome import Tint
from liveface.engine.media import Picture

Array = NDArray[np.float32]

_SEEN = 0.01  # of the way that brows can rise; less is not drawn
_GRID_IOD = 50.0  # the map of places is computed at this many grid cells for one IOD, then enlarged


@dataclass(frozen=True, slots=True, eq=False)
class Speech:
    """How speech bends one picture: both sheets, and the mesh (468, 2) in pixels of the photo."""

    sheets: Bent
    landmarks: Array


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The part of the picture that speech can change, wherever the head turns.

    `left`, `top`: its first pixel; `head`: float32 (rows, columns, 4), the head's offsets in each pixel (see
    `Scene.head`).
    """

    left: int
    top: int
    head: Array

    @classmethod
    def of(cls, sheets: LipSheets, iod: float, head: Array, step: Array, width: int, height: int) -> "Window":
        """Prepare the window of a picture of `width` x `height`; `head` and `step` as in `Scene`."""
        limits = Expression(0.0, LARGEST_YAW, LARGEST_PITCH, LARGEST_ROLL, 1.0)
        farthest = np.abs(head_motion.turn(limits, head_motion.BREATH * iod / float(step[1]))) * step
        sway = np.abs(head).max(axis=(0, 1)) @ farthest
        low = sheets.origin - sway
        high = sheets.origin + np.array(sheets.size) * sheets.cell + sway
        left, top = np.clip(np.floor(low), 0, [width, height]).astype(int).tolist()
        right, bottom = np.clip(np.ceil(high), 0, [width, height]).astype(int).tolist()
        columns, rows = max(right - left, 0), max(bottom - top, 0)
        offsets = np.zeros((rows, columns, 4), np.float32)
        if offsets.size:
            to_cells = np.column_stack([np.diag(1.0 / step), (np.array([left, top]) + 0.5) / step - 0.5])
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            offsets = np.asarray(
                cv2.warpAffine(head, to_cells, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE),
                np.float32,
            )
        return cls(left, top, offsets)

    def places(self, turn: Array, part: tuple[slice, slice] = np.s_[:, :]) -> Array:
        """Where in the photo, its head at rest, pixels of a part are, float32 (rows, columns, 2); `turn`: in pixels."""
        rows, columns = self.head.shape[:2]
        own = mesh_warp.grid(columns, rows, self.left, self.top)[part]
        if not turn.any():
            return own
        return np.asarray(cv2.add(own, cv2.transform(np.ascontiguousarray(self.head[part]), turn.T)), np.float32)


@dataclass(slots=True, eq=False)
class Scene:
    """One framed avatar, prepared for drawing: all that does not change from picture to picture.

    `photo`: what is bent, uint8; `tint`: the only one that it has, if it is black and white; `step`: (2,) picture
    pixels per cell of the head's grid, across and down; `head`: float32 (grid height, grid width, 4), the offsets in
    cells that one radian of turn, one radian of lean across and down, and one cell of lift give to each place of the
    grid; `lids`, `brows`: what shuts its eyes and what raises its brows, if anything does.
    """

    photo: Picture
    mouth: mouth.Mouth
    sheets: LipSheets
    inside: MouthInside
    step: Array
    head: Array
    window: Window
    tint: Tint | None
    lids: tuple[eyelids.Eyelid, ...] = ()
    brows: Brows | None = None

    @classmethod
    def of(cls, avatar: Avatar) -> "Scene":
        """Prepare an avatar that is already framed to the output's size."""
        shape = mouth.measure(avatar.points, 1.0 - avatar.kept_smile)
        height, width = avatar.photo.shape[:2]
        iod = float(face_space.inter_ocular(avatar.points[:, :2]))
        coarse = max(1.0, iod / _GRID_IOD)
        columns, rows = round(width / coarse), round(height / coarse)
        step = np.array([width / columns, height / rows], np.float32)
        in_cells = np.column_stack([_to_cells(avatar.points[:, :2], step), avatar.points[:, 2] / coarse])
        depth, hold = head_motion.depth_and_hold(in_cells, iod / coarse, columns, rows)
        pivot = in_cells[face_space.CHIN, :2] + np.array([0.0, 0.6 * iod / coarse], np.float32)
        lean = (mesh_warp.grid(columns, rows) - pivot) * hold[..., None]
        head = np.dstack([hold * depth, lean, hold])
        sheets = LipSheets.of(shape.source)
        return cls(
            avatar.photo,
            shape,
            sheets,
            MouthInside.of(avatar.photo, shape),
            step,
            head,
            Window.of(sheets, shape.photo_iod, head, step, width, height),
            Tint.of(avatar.photo, avatar.points),
            eyelids.of(avatar.photo, shape.points),
            Brows.of(in_cells[:, :2], columns, rows),
        )

    @classmethod
    def still(cls, photo: Picture, points: Array) -> "Scene":
        """Prepare a photo with the mesh `points` (468, 3) whose head never moves, which is quicker."""
        shape = mouth.measure(points)
        sheets = LipSheets.of(shape.source)
        height, width = photo.shape[:2]
        step = np.array([width / 2, height / 2], np.float32)
        head = np.zeros((2, 2, 4), np.float32)
        return cls(
            photo,
            shape,
            sheets,
            MouthInside.of(photo, shape),
            step,
            head,
            Window.of(sheets, shape.photo_iod, head, step, width, height),
            Tint.of(photo, points),
        )

    def with_crop(self, crop: NDArray[np.float64]) -> "Scene":
        """The same with another place of the mouth's crop, (2, 3) from photo to crop."""
        return replace(self, mouth=mouth.measure_again(self.mouth, crop))

    def speech(self, landmarks: Array) -> Speech:
        """What takes the photo's mesh to `landmarks` (468, 2) in its pixels."""
        return Speech(self.sheets.bend(landmarks), landmarks)

    def turn(self, expression: Expression) -> Array:
        """How much of each of the head's offsets becomes an offset across and one down, in cells, float32 (4, 2)."""
        return head_motion.turn(expression, head_motion.BREATH * self.mouth.photo_iod / float(self.step[1]))

    def unturned(self, points: Array, turn: Array) -> Array:
        """Where in the picture places (n, 2) of the photo are seen while the head is turned (see `turn`)."""
        if not turn.any():
            return points
        seen = points
        for _ in range(3):
            cells = np.ascontiguousarray(_to_cells(seen, self.step)[None])
            seen = points - (mesh_warp.sample(self.head, cells)[0] @ turn) * self.step
        return np.asarray(seen, np.float32)

    def _blinking(self, expression: Expression) -> Picture:
        """The photo with its eyes as shut as they should be; not to be changed."""
        level = round(expression.blink * eyelids.LEVELS)
        if not level or not self.lids:
            return self.photo
        picture = self.photo.copy()
        for lid in self.lids:
            lid.lay(picture, level)
        return picture

    def _still(self, photo: Picture, turn: Array, raised: float) -> Picture:
        """The photo bent by brows and head motion alone; new memory."""
        risen = self.brows if abs(raised) > _SEEN else None
        if not turn.any() and risen is None:
            return photo.copy()
        moved = np.asarray(cv2.transform(self.head, turn.T), np.float32)
        if risen is not None:
            risen.add(moved, raised)
        in_pixels = np.asarray(moved * self.step, np.float32)
        height, width = photo.shape[:2]
        # What is enlarged is the offset, not the place: cv2.resize goes on flatly beyond the outermost cells' centres.
        places = cv2.resize(in_pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        np.add(places, mesh_warp.grid(width, height), out=places)
        return np.asarray(mesh_warp.sample(photo, places), np.uint8)

    def draw(self, speech: Speech, expression: Expression) -> Picture:
        """The picture, uint8 (height, width, 3) RGB, new memory."""
        turn = self.turn(expression)
        photo = self._blinking(expression)
        picture = self._still(photo, turn, expression.brows)
        if not self.window.head.size:
            return picture
        height, width = picture.shape[:2]
        right, down, iod = lips.axes(self.mouth.points)
        upper, lower = (self.unturned(edge, turn) for edge in speech.sheets.edges)
        places = self.window.places(turn * self.step)
        self._lay_sheets(picture, photo, speech.sheets, upper, lower, places, right, down)
        opening = Opening.of(upper, lower, down, iod, width, height)
        if opening is not None:
            rows, columns = opening.mask.shape
            top, left = opening.top - self.window.top, opening.left - self.window.left
            inside = np.ascontiguousarray(places[top : top + rows, left : left + columns])
            if inside.shape[:2] == (rows, columns):
                self.inside.draw(picture, opening, inside, speech.landmarks)
        if self.tint is not None:
            part = picture[self.window.top :, self.window.left :][: places.shape[0], : places.shape[1]]
            part[:] = self.tint.over(np.ascontiguousarray(part))
        return picture

    def _lay_sheets(
        self,
        picture: Picture,
        photo: Picture,
        bent: Bent,
        upper: Array,
        lower: Array,
        places: Array,
        right: Array,
        down: Array,
    ) -> None:
        """Lay both sheets of `photo` into the picture's window, in place."""
        rows, columns = places.shape[:2]
        corner = np.array([self.window.left, self.window.top], np.float32)
        seam = (upper + lower) / 2 - corner
        far = float(rows + columns)
        line = np.concatenate([seam[:1] - far * right, seam, seam[-1:] + far * right])
        above = np.concatenate([line, line[-1:] - far * down, line[:1] - far * down])
        share = np.zeros((rows, columns), np.uint8)
        cv2.fillPoly(share, [np.rint(above * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        is_above, is_below = share.any(axis=1), (share < 255).any(axis=1)
        window = picture[self.window.top : self.window.top + rows, self.window.left : self.window.left + columns]
        layers = []
        for offsets, used in zip(bent.offsets, (is_above, is_below), strict=True):
            kept = np.flatnonzero(used)
            part = np.s_[kept[0] : kept[-1] + 1] if len(kept) else np.s_[0:0]
            layer = np.zeros((rows, columns, 3), np.uint8)
            if len(kept):
                here = np.ascontiguousarray(places[part])
                cells = (here - self.sheets.origin) * np.float32(1.0 / self.sheets.cell)
                source = here + mesh_warp.sample(offsets, cells, border=cv2.BORDER_CONSTANT)
                layer[part] = mesh_warp.sample(photo, source, cv2.INTER_CUBIC)
            layers.append(layer)
        weight = share.astype(np.float32) / 255.0
        window[:] = cv2.blendLinear(layers[0], layers[1], weight, 1.0 - weight)

    def crop(self, picture: Picture, expression: Expression) -> Picture:
        """The mouth's crop of a drawn picture, its head turned back, uint8 (crop height, crop width, 3)."""
        turn = self.turn(expression)
        transform = self.mouth.crop
        if not turn.any():
            return mouth.cut(picture, transform)
        # Over the mouth's crop a small turn of the head is a shift: what it bends beyond that, no network sees.
        middle = self.mouth.points[lips.CORNERS].mean(axis=0, keepdims=True)
        shift = self.unturned(middle, turn) - middle
        moved = np.column_stack([transform[:, :2], transform[:, 2] - transform[:, :2] @ shift[0]])
        return mouth.cut(picture, moved)

    def maps(self, speech: Speech, picture: Picture, expression: Expression) -> CropMaps:
        """What the generator sees of a drawn picture."""
        drop = speech.landmarks[face_space.CHIN] - self.mouth.rest[face_space.CHIN]
        return crop_maps(self.crop(picture, expression), self.mouth, self.inside.teeth, speech.landmarks, drop)

    def add(self, picture: Picture, maps: CropMaps, change: Array, expression: Expression) -> None:
        """Add the generator's change of colours, float32 (crop height, crop width, 3), to a drawn picture, in place."""
        turn = self.turn(expression)
        shown = maps.reach * (1.0 - maps.inner)
        columns, rows = mouth.CROP_SIZE
        corners = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]], np.float32) - 0.5
        corners = (corners - self.mouth.crop[:, 2]) @ np.linalg.inv(self.mouth.crop[:, :2]).T
        corners = self.unturned(np.asarray(corners, np.float32), turn) - [self.window.left, self.window.top]
        size = self.window.head.shape[1::-1]
        left, top = np.clip(np.floor(corners.min(axis=0)), 0, size).astype(int).tolist()
        right, bottom = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, size).astype(int).tolist()
        if right <= left or bottom <= top:
            return
        places = self.window.places(turn * self.step, np.s_[top:bottom, left:right])
        in_crop = cv2.transform(np.ascontiguousarray(places), self.mouth.crop)
        amount = mesh_warp.sample(change * (shown * 255.0)[..., None], in_crop, border=cv2.BORDER_CONSTANT)
        part = picture[self.window.top + top : self.window.top + bottom, self.window.left + left :][:, : right - left]
        changed = cv2.add(part, amount, dtype=cv2.CV_8U)
        part[:] = changed if self.tint is None else self.tint.over(np.asarray(changed, np.uint8))


def _to_cells(points: Array, step: Array) -> Array:
    """Picture pixels (n, 2) to cells of the grid: cell c is centred on pixel (c + 0.5) * step - 0.5."""
    return np.asarray((points + 0.5) / step - 0.5, np.float32)
