"""Saved avatars, those of earlier versions included. It knows nothing of who asks."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import OutputError
from liveface.engine.face.avatar import FORMAT_VERSION, Avatar, renewed, version_of
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.media import Picture

_LOG = logging.getLogger(__name__)


def load_avatar(folder: Path, load_mesh: Callable[[], FaceMesh], tell: Callable[[str], None] = _LOG.warning) -> Avatar:
    """Read an avatar's folder; one of an earlier version is prepared anew from its photo, saved, and told of once.

    `load_mesh`: what finds faces, which takes time to load and is seldom needed. Raises `MediaError` or
    `CheckpointError`.
    """
    if version_of(folder) == FORMAT_VERSION:
        return Avatar.load(folder)

    def renew(photo: Picture, points: NDArray[np.float32]) -> NDArray[np.float32]:
        return renewed(load_mesh(), photo, points)

    avatar = Avatar.load(folder, renew)
    kept = "it is now of this one"
    try:
        avatar.save(folder)
    except OutputError:
        kept = "it could not be saved, so that this takes a second each time"
    tell(f"The avatar {avatar.name} was prepared by an earlier version and has been prepared anew: {kept}.")
    return avatar
