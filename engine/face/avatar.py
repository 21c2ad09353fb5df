"""A prepared identity: one photo with the mesh of the one face in it that will speak."""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import MediaError, OutputError, PhotoError
from liveface.engine.face import seam
from liveface.engine.face.covered_mouth import covered_by
from liveface.engine.face.landmarks import (
    EYE_OUTER_LEFT,
    EYE_OUTER_RIGHT,
    POINT_COUNT,
    Face,
    FaceMesh,
    region_of,
)
from liveface.engine.face.photo import read_photo
from liveface.engine.face.rest_mouth import SMILE_TAKEN_BACK
from liveface.engine.media import Picture

Array = NDArray[np.float32]

FORMAT_VERSION = 2  # of a saved avatar: 2 has the finer mesh, its lips on their seam
_RENEWABLE = (1,)  # formats whose photo is as good as ever
KEPT_SMILE = round(1.0 - SMILE_TAKEN_BACK, 2)
LONGEST_SIDE = 1920  # pixels of a prepared photo: the largest output is 1080p
MINIMUM_EYE_DISTANCE = 40.0  # pixels between the outer eye corners: less holds no usable mouth
MAXIMUM_YAW, MAXIMUM_PITCH, MAXIMUM_ROLL = 30.0, 27.0, 45.0  # degrees, as the mesh shows them
BYSTANDER_SIZE = 0.5  # a face smaller than this share of the largest one is taken for background

FACE_SHARE = 0.5  # of the frame's height or width, whichever is tighter, where the photo leaves the choice
LARGEST_FACE_SHARE = 0.72  # rather than larger, the sides of the frame are filled
EYE_LINE = 0.42  # of the frame, from its top

_FOREHEAD, _CHIN, _NOSE_TIP, _NOSE_BASE = 10, 152, 1, 2
_FRONTAL_PITCH = 7.7  # degrees, the line from forehead to chin on a frontal face: the median of 546 portraits
# Points that mirror each other, the person's right one first: corners of the eyes, temples, nose, cheeks, brow.
_MIRRORED = np.array([(33, 263), (133, 362), (234, 454), (127, 356), (98, 327), (50, 280), (103, 332), (54, 284)])
_FEATHER = 0.03  # of the frame's width, between the photo and the filled sides


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Avatar:
    """`photo`: uint8 (height, width, 3) RGB. `points`: float32 (468, 3) in its pixels, as `landmarks.Face` has them.

    `kept_smile`: how much of a smile stays while the face is at rest and speaks, 0 to 1.
    """

    name: str
    photo: Picture
    points: Array
    kept_smile: float = KEPT_SMILE

    def save(self, folder: Path) -> None:
        """Write the avatar as a folder, complete or not at all, in place of an older avatar of that path.

        Raises `OutputError` if it cannot be written or the path is taken by something else.
        """
        check_place(folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
                fresh, old = Path(temporary) / "new", Path(temporary) / "old"
                fresh.mkdir()
                _, data = cv2.imencode(".png", cv2.cvtColor(self.photo, cv2.COLOR_RGB2BGR))
                (fresh / "photo.png").write_bytes(data.tobytes())
                np.save(fresh / "mesh.npy", self.points, allow_pickle=False)
                height, width = self.photo.shape[:2]
                about = {
                    "liveface_avatar": FORMAT_VERSION,
                    "name": self.name,
                    "width": width,
                    "height": height,
                    "kept_smile": self.kept_smile,
                }
                (fresh / "avatar.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
                if folder.exists():
                    folder.rename(old)
                try:
                    fresh.rename(folder)
                except BaseException:
                    if old.exists():
                        old.rename(folder)
                    raise
        except OSError as error:
            raise OutputError(f"The avatar cannot be written to {folder} ({error}): choose another folder.") from error

    @classmethod
    def load(cls, folder: Path, renew: Callable[[Picture, Array], Array] | None = None) -> "Avatar":
        """Read a folder that `save` wrote; raises `MediaError` if it is missing, damaged or from another version.

        `renew` makes the mesh of an avatar that an earlier version saved, from its photo and its own mesh (468, 3).
        """
        remedy = "prepare the photo again with `liveface prepare`."
        if not (folder / "avatar.json").is_file():
            raise MediaError(f"{folder} is not a prepared avatar (it has no avatar.json): {remedy}")
        try:
            about = json.loads((folder / "avatar.json").read_text(encoding="utf-8"))
            version, name, size = about["liveface_avatar"], str(about["name"]), (about["height"], about["width"], 3)
            kept_smile = float(np.clip(float(about.get("kept_smile", KEPT_SMILE)), 0.0, 1.0))
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise MediaError(f"{folder / 'avatar.json'} is damaged ({type(error).__name__}): {remedy}") from error
        if version != FORMAT_VERSION and not (version in _RENEWABLE and renew is not None):
            found = str(version)[:20]
            raise MediaError(f"{folder} has avatar format {found}, this program reads {FORMAT_VERSION}: {remedy}")
        try:
            photo = read_photo(folder / "photo.png")
            points = np.load(folder / "mesh.npy", allow_pickle=False)
        except Exception as error:  # NumPy raises anything at what it does not expect
            raise MediaError(f"The avatar in {folder} is damaged ({error}): {remedy}") from error
        if photo.shape != size or points.shape != (POINT_COUNT, 3) or points.dtype != np.float32:
            raise MediaError(f"The avatar in {folder} is damaged (its files do not fit together): {remedy}")
        if not np.isfinite(points).all():
            raise MediaError(f"The avatar in {folder} is damaged (its mesh is not finite): {remedy}")
        if version != FORMAT_VERSION and renew is not None:
            points = renew(photo, points)
        return cls(name, photo, points, kept_smile)

    def framed(self, width: int, height: int) -> "Avatar":
        """The avatar cut and scaled to an output of `width` x `height` pixels, its face well placed.

        The cut stays inside the photo. Where that would make the face larger than the frame can hold
        (a wide frame, a narrow photo), the sides are filled with a blurred copy of the photo.
        """
        photo_height, photo_width = self.photo.shape[:2]
        face_width, face_height = (float(side) for side in np.ptp(self.points[:, :2], axis=0))
        whole = min(width / face_width, height / face_height)  # the scale at which the face alone fills the frame
        covering = max(width / photo_width, height / photo_height)
        fitting = min(width / photo_width, height / photo_height)
        scale = min(max(FACE_SHARE * whole, covering), max(LARGEST_FACE_SHARE * whole, fitting))
        eyes = self.points[[EYE_OUTER_RIGHT, EYE_OUTER_LEFT], :2].mean(axis=0)
        middle = (float(self.points[:, 0].min() + self.points[:, 0].max()) / 2, float(eyes[1]))
        photo, points = _scaled(self.photo, self.points, scale)
        left = _placed(middle[0] * scale - width / 2, photo.shape[1], width)
        top = _placed(middle[1] * scale - EYE_LINE * height, photo.shape[0], height)
        points -= np.array([left, top, 0.0], np.float32)
        return replace(self, photo=_filled(photo, left, top, width, height), points=points)


def check_place(folder: Path) -> None:
    """Raise `OutputError` if an avatar could not be saved there, because the path is something else's."""
    if folder.exists() and not (folder / "avatar.json").is_file() and (folder.is_file() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists and is not an avatar: choose another folder.")
    above = next(place for place in folder.absolute().parents if place.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"The avatar cannot be written to {folder} ({above} admits no files): choose another folder.")


def version_of(folder: Path) -> int | None:
    """The format of a saved avatar; None if the folder is none."""
    try:
        return int(json.loads((folder / "avatar.json").read_text(encoding="utf-8"))["liveface_avatar"])
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def prepare(
    image: Picture, mesh: FaceMesh, name: str, face: int | None = None, kept_smile: float = KEPT_SMILE
) -> Avatar:
    """Make an avatar of a face in an RGB picture, uint8 (height, width, 3); `kept_smile` as `Avatar` has it.

    `face` chooses among several, counted from left to right, from 1; None takes the only or by far the largest one.
    Raises `PhotoError` if there is no such face, or if it is too small, turned too far, cut by the border or covered.
    """
    faces = sorted(mesh.search(image), key=lambda found: float(found.points[:, 0].mean()))
    if not faces:
        raise PhotoError(_nothing_found(image, mesh))
    chosen = _choose(faces, face)
    if _is_clearer_turned(chosen, image, mesh):
        raise PhotoError("The face is upside down or on its side: turn the photo upright first.")
    _refuse_unusable(chosen.points, image)
    photo, points = _reduced(image, mesh.still_points(image, chosen.points)[:POINT_COUNT])
    photo = np.ascontiguousarray(photo)
    if (seen := covered_by(photo, points)) is not None:
        raise PhotoError(f"No lips can be seen in the photo, {seen}: use one that shows the mouth uncovered.")
    return Avatar(name, photo, seam.snapped(photo, points), kept_smile)


def renewed(mesh: FaceMesh, photo: Picture, points: Array) -> Array:
    """The mesh (468, 3) of an avatar's photo as `prepare` makes it now; `points`: the one that it had."""
    return seam.snapped(photo, mesh.still_points(photo, points)[:POINT_COUNT])


def pose(points: Array) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a mesh (468, 3); 0, 0, 0 looks into the camera.

    Positive yaw looks to the right of the picture, positive pitch down, positive roll leans clockwise on the screen.
    """
    across = (points[_MIRRORED[:, 1]] - points[_MIRRORED[:, 0]]).sum(axis=0)
    across = across / np.linalg.norm(across)
    down = points[_CHIN] - points[_FOREHEAD]
    down = down - across * (down @ across)
    down = down / np.linalg.norm(down)
    yaw, pitch = np.degrees(np.arcsin(across[2])), np.degrees(np.arcsin(down[2])) - _FRONTAL_PITCH
    return float(yaw), float(pitch), float(np.degrees(np.arctan2(across[1], across[0])))


def eye_distance(points: Array) -> float:
    """Pixels between the outer corners of the eyes of a mesh (468, 3), foreshortening undone by its depth."""
    return float(np.linalg.norm(points[EYE_OUTER_LEFT] - points[EYE_OUTER_RIGHT]))


def _choose(faces: list[Face], face: int | None) -> Face:
    """The face that is meant, of `faces` from left to right."""
    count = len(faces)
    if face is not None:
        if not 1 <= face <= count:
            raise PhotoError(code="photo_face_number", face=face, count=count)
        return faces[face - 1]
    sizes = [eye_distance(found.points) for found in faces]
    large = [found for found, size in zip(faces, sizes, strict=True) if size >= BYSTANDER_SIZE * max(sizes)]
    if len(large) == 1:
        return large[0]
    noses = [found.points[_NOSE_TIP] for found in faces]
    places = ", ".join(f"{number} at ({nose[0]:.0f}, {nose[1]:.0f})" for number, nose in enumerate(noses, start=1))
    raise PhotoError(code="photo_several_faces", count=count, places=places)


def _nothing_found(image: Picture, mesh: FaceMesh) -> str:
    expected = "No face was found in the photo: expected is one that looks towards the camera, upright and uncovered"
    for turns in (1, 2, 3):
        if mesh.faces(np.ascontiguousarray(np.rot90(image, turns))):
            return f"{expected}; one appears when the photo is turned by {90 * turns} degrees, so turn it first."
    return f"{expected}; choose another photo."


def _is_clearer_turned(face: Face, image: Picture, mesh: FaceMesh) -> bool:
    """Whether the mesh network is surer of the face turned by quarters: it forces an upright mesh on a fallen face."""
    region = region_of(face.points)
    turned = [replace(region, angle=region.angle + quarters * float(np.pi) / 2) for quarters in (1, 2, 3)]
    return max(mesh.points_in(image, other).score for other in turned) > face.score


def _refuse_unusable(points: Array, image: Picture) -> None:
    """Raise `PhotoError` for a face from which no speaking picture can be made."""
    yaw, pitch, roll = pose(points)
    if abs(roll) > MAXIMUM_ROLL:
        raise PhotoError(f"The face lies on its side (turned by {roll:.0f} degrees): turn the photo upright first.")
    distance = eye_distance(points)
    if distance < MINIMUM_EYE_DISTANCE:
        raise PhotoError(
            f"The face is too small: {distance:.0f} pixels between the outer eye corners, "
            f"at least {MINIMUM_EYE_DISTANCE:.0f} are needed; use a larger or closer photo."
        )
    height, width = image.shape[:2]
    slack = np.where(points[:, 1] < points[_NOSE_BASE, 1], 0.2 * distance, 0.0)  # a cut forehead harms little
    beyond = np.maximum(-points[:, :2], points[:, :2] - [width - 1, height - 1]).max(axis=1)
    if (beyond > slack).any():
        raise PhotoError(
            "The face is cut by the border of the photo: use one that shows it whole, with room around it."
        )
    if abs(yaw) > MAXIMUM_YAW or abs(pitch) > MAXIMUM_PITCH:
        sideways, vertical = f"{abs(yaw):.0f} degrees to the side", f"{abs(pitch):.0f} {'down' if pitch > 0 else 'up'}"
        raise PhotoError(
            f"The face is turned too far away, {sideways} and {vertical}: at most {MAXIMUM_YAW:.0f} degrees "
            "work; use a photo that looks towards the camera."
        )


def _reduced(image: Picture, points: Array) -> tuple[Picture, Array]:
    """The photo cut and scaled to `LONGEST_SIDE`, cutting first so that a small face keeps its pixels."""
    height, width = image.shape[:2]
    if max(height, width) <= LONGEST_SIDE:
        return image, points
    face_height = float(np.ptp(points[:, 1]))
    side = max(LONGEST_SIDE, round(4 * face_height))
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    left = int(np.clip(middle[0] - side / 2, 0, max(0, width - side)))
    top = int(np.clip(middle[1] - side / 2, 0, max(0, height - side)))
    part = image[top : top + side, left : left + side]
    points = points - np.array([left, top, 0.0], np.float32)
    scale = LONGEST_SIDE / max(part.shape[:2])
    return _scaled(part, points, scale) if scale < 1.0 else (part, points)


def _scaled(photo: Picture, points: Array, scale: float) -> tuple[Picture, Array]:
    """A photo and its mesh, `scale` times as large up to the rounding of the photo's sides."""
    height, width = photo.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LANCZOS4
    factors = np.array([size[0] / width, size[1] / height, scale], np.float32)
    half = np.array([0.5, 0.5, 0.0], np.float32)  # coordinates name the centres of pixels
    scaled = cv2.resize(photo, size, interpolation=interpolation).astype(np.uint8, copy=False)
    return scaled, ((points + half) * factors - half).astype(np.float32)


def _placed(wanted: float, available: int, needed: int) -> int:
    """Start of a window of `needed` pixels on a side of `available`: as wanted, but inside; centred if too long."""
    return round(min(max(wanted, 0.0), available - needed)) if available >= needed else -((needed - available) // 2)


def _filled(photo: Picture, left: int, top: int, width: int, height: int) -> Picture:
    """The window of `width` x `height` at (`left`, `top`) of a photo, with a blurred continuation where it ends."""
    inner = photo[max(top, 0) : max(top, 0) + height, max(left, 0) : max(left, 0) + width]
    missing_right, missing_below = width - inner.shape[1] - max(-left, 0), height - inner.shape[0] - max(-top, 0)
    margins = (max(-top, 0), missing_below, max(-left, 0), missing_right)
    if not any(margins):
        return np.ascontiguousarray(inner)
    surroundings = cv2.copyMakeBorder(inner, *margins, cv2.BORDER_REPLICATE)
    coarse = cv2.resize(surroundings, (max(2, width // 16), max(2, height // 16)), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), 0.02 * coarse.shape[1] + 1)
    blurred = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    feather = _FEATHER * width
    ramps = []
    for start, length, before, after in ((margins[0], height, *margins[:2]), (margins[2], width, *margins[2:])):
        position = np.arange(length, dtype=np.float32)
        ramp = np.ones(length, np.float32)
        if before:
            ramp = np.minimum(ramp, (position - start) / feather)
        if after:
            ramp = np.minimum(ramp, (length - after - 1 - position) / feather)
        ramps.append(np.clip(ramp, 0.0, 1.0))
    opacity = (ramps[0][:, None] * ramps[1][None, :])[..., None]
    return np.rint(blurred + opacity * (surroundings.astype(np.float32) - blurred)).astype(np.uint8)
