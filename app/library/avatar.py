"""A face for other people's programs: found in a photo, or prepared before. Knows nothing of how it speaks."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.app.files.avatar_files import load_avatar
from liveface.app.session.pipeline import DEFAULT_AVATAR, load_face_mesh
from liveface.engine.errors import NotFoundError, PhotoError
from liveface.engine.face import avatar as engine
from liveface.engine.media import Picture

_SHIPPED = DEFAULT_AVATAR.parent


class Avatar:
    """One photo in which the face that will speak has been found; made by `from_photo`, `load` or `shipped`."""

    def __init__(self, prepared: engine.Avatar) -> None:
        """`prepared`: what the engine has made of a photo."""
        self.prepared = prepared

    @classmethod
    def from_photo(
        cls, photo: str | os.PathLike[str] | NDArray[np.uint8], *, name: str | None = None, face: int | None = None
    ) -> "Avatar":
        """Find the face in a photo: a file, or a picture of type uint8 and shape (height, width, 3), RGB.

        `face` chooses among several, counted from left to right, from 1. `name` is the file's unless it is given.
        Takes about a second. Raises `LivefaceError` where no avatar can be made of it, with the reason and the remedy.
        """
        from liveface.engine.face.photo import read_photo

        if isinstance(photo, np.ndarray):
            if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
                raise PhotoError(
                    f"Found a picture of type {photo.dtype} and shape {photo.shape}, expected uint8 and "
                    "(height, width, 3), RGB: convert it first."
                )
            image, called = np.ascontiguousarray(photo), name or "photo"
        else:
            image, called = read_photo(Path(photo)), name or Path(photo).stem
        return cls(engine.prepare(image, load_face_mesh(), called, face))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> "Avatar":
        """Read a folder that `save` or `liveface prepare` wrote, also in an earlier version, which is renewed.

        Raises `LivefaceError` if it is none.
        """
        return cls(load_avatar(Path(folder), load_face_mesh))

    @classmethod
    def shipped(cls, name: str = DEFAULT_AVATAR.name) -> "Avatar":
        """One of the portraits that come with the package; raises `LivefaceError` for a name that none has."""
        names = sorted(path.parent.name for path in _SHIPPED.glob("*/avatar.json"))
        if name not in names:
            raise NotFoundError(f"No shipped portrait is called {name}: choose one of {', '.join(names)}.")
        return cls(engine.Avatar.load(_SHIPPED / name))

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write it as a folder, in place of an older avatar there; raises `LivefaceError` if that is not possible."""
        self.prepared.save(Path(folder))

    @property
    def name(self) -> str:
        """What it is called."""
        return self.prepared.name

    @property
    def photo(self) -> Picture:
        """The photo, uint8 (height, width, 3), RGB."""
        return self.prepared.photo

    def __repr__(self) -> str:
        height, width = self.photo.shape[:2]
        return f"<liveface.Avatar {self.name!r}, {width}x{height} pixels>"
