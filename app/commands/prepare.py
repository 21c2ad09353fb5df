"""The command that turns a photo into a prepared avatar folder. Knows nothing of how a face is found."""

from pathlib import Path
from typing import Annotated

import typer

from liveface import assets
from liveface.engine.face import avatar
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.face.photo import read_photo

MODELS = Path(assets.__file__).parent / "models"


def prepare(
    photo: Annotated[Path, typer.Argument(help="A picture of a face: JPEG, PNG, WebP, AVIF or HEIC.")],
    out: Annotated[Path, typer.Option(help="The avatar's folder; an older avatar there is replaced.")],
    face: Annotated[int | None, typer.Option(help="Which of several faces, counted from left to right.")] = None,
    name: Annotated[str | None, typer.Option(help="The avatar's name; by default that of the photo's file.")] = None,
    keep_smile: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="How much of a smile stays at rest: 0 none of it, 1 all of it.")
    ] = avatar.KEPT_SMILE,
) -> None:
    """Find the face in a photo and save it as an avatar."""
    avatar.check_place(out)
    image = read_photo(photo)
    prepared = avatar.prepare(image, FaceMesh.load(MODELS), name or photo.stem, face, keep_smile)
    prepared.save(out)
    height, width = prepared.photo.shape[:2]
    yaw, pitch, _ = avatar.pose(prepared.points)
    distance = avatar.eye_distance(prepared.points)
    turned = f"yaw {yaw:+.0f} and pitch {pitch:+.0f} degrees"
    print(f"{out}: {width}x{height} pixels, eyes {distance:.0f} pixels apart, {turned}")
