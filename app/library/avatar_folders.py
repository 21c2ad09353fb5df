"""The avatars that are known by name: the shipped ones and the user's own. Knows nothing of how they are prepared."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from liveface.app.session.pipeline import DEFAULT_AVATAR
from liveface.engine.errors import ConfigurationError, NotFoundError, OutputError
from liveface.engine.folders import avatars_folder

_SHIPPED = DEFAULT_AVATAR.parent


@dataclass(frozen=True, slots=True)
class AvatarFolder:
    """An avatar by its name, where it lies, and whether it came with the program."""

    name: str
    path: Path
    is_shipped: bool


def known_avatars() -> list[AvatarFolder]:
    """All there are, the shipped ones first."""
    return [*_within(_SHIPPED, True), *_within(avatars_folder(), False)]


def find_avatar(wanted: str | os.PathLike[str]) -> Path:
    """The folder of an avatar that is given by its name or by its folder; raises `NotFoundError`."""
    known = {one.name: one.path for one in known_avatars()}
    folder = Path(wanted)
    if str(wanted) in known and not (folder / "avatar.json").is_file():
        return known[str(wanted)]
    if folder.exists() or len(folder.parts) > 1:
        return folder  # whether it is an avatar is said where it is loaded
    raise NotFoundError(f"There is no avatar called {wanted}: give one of {', '.join(known)}, or a folder.")


def own_place(name: str) -> Path:
    """Where a new avatar of that name goes; raises `ConfigurationError` if the name cannot be one, or is taken."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or len(name) > 40:
        raise ConfigurationError(
            f"An avatar cannot be called “{name}”: choose up to 40 small letters, digits and hyphens with --name."
        )
    if name in {one.name for one in known_avatars()}:
        raise ConfigurationError(f"There is an avatar called {name} already: choose another --name, or remove it.")
    return avatars_folder() / name


def remove_own(name: str) -> None:
    """Delete an avatar of the user; raises `NotFoundError`, or `OutputError` where it cannot be deleted."""
    found = next((one for one in known_avatars() if one.name == name), None)
    if found is None or found.is_shipped:
        reason = "comes with liveface and stays" if found is not None else "is not there"
        raise NotFoundError(f"The avatar {name} {reason}: `liveface avatars list` names yours.")
    try:
        shutil.rmtree(found.path)
    except OSError as error:
        raise OutputError(f"{found.path} cannot be deleted ({error.strerror}): check its permissions.") from error


def _within(folder: Path, is_shipped: bool) -> Iterator[AvatarFolder]:
    paths = sorted(path.parent for path in folder.glob("*/avatar.json") if not path.parent.name.startswith("."))
    return (AvatarFolder(path.name, path, is_shipped) for path in paths)
