"""The commands that list, add and remove the avatars which are known by name."""

import re
from pathlib import Path
from typing import Annotated

import typer

from liveface.app.library.avatar import Avatar
from liveface.app.library.avatar_folders import known_avatars, own_place, remove_own

avatars = typer.Typer(no_args_is_help=True)


@avatars.command("list")
def list_avatars() -> None:
    """Name all avatars, the shipped ones and yours, with their folders."""
    for one in known_avatars():
        print(f"{one.name:20}  {'shipped' if one.is_shipped else 'yours':7}  {one.path}")


@avatars.command()
def add(
    photo: Annotated[Path, typer.Argument(help="A picture of a face: JPEG, PNG, WebP, AVIF or HEIC.")],
    name: Annotated[str | None, typer.Option(help="By which it is known; by default that of the photo's file.")] = None,
    face: Annotated[int | None, typer.Option(help="Which of several faces, counted from left to right.")] = None,
) -> None:
    """Find the face in a photo and keep it under a name; `--avatar NAME` and the window know it from then on."""
    place = own_place(name or re.sub(r"[^a-z0-9]+", "-", photo.stem.lower())[:40].strip("-") or "photo")
    Avatar.from_photo(photo, face=face).save(place)
    print(f"{place.name}: {place}")


@avatars.command()
def remove(name: Annotated[str, typer.Argument(help="One of yours, as `list` names it.")]) -> None:
    """Delete one of your avatars for good."""
    remove_own(name)
    print(f"{name} was removed.")
