"""The part of `liveface evaluate` that makes contact sheets to look at, and pairs to choose from blindly."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from liveface.app.files import media_files
from liveface.engine.backends.openvino import StepNetwork
from liveface.engine.drawing.renderer import MouthRenderer, load_renderer
from liveface.engine.evaluate import blind
from liveface.engine.evaluate.blind import Performance
from liveface.engine.evaluate.run import spread
from liveface.engine.face.avatar import Avatar, prepare
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.face.photo import read_photo
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.media import Motion

SIDE = 512  # pixels of the pictures
MOMENTS = 8  # pictures of each face, spread over the speech


def write_sheets(photos: Sequence[Path], sound: Path, models: Sequence[Path], mesh: FaceMesh, out: Path) -> list[Path]:
    """Draw every photo saying `sound` with each model folder, and write one sheet each, or shuffled pairs of two.

    Raises `PhotoError`, `MediaError`, `CheckpointError` or `OutputError`.
    """
    heard = [_moments(folder, sound) for folder in models]
    renderers = [load_renderer(folder) for folder in models]
    pairs = []
    for photo in photos:
        avatar = prepare(read_photo(photo), mesh, photo.stem).framed(SIDE, SIDE)
        pairs.append([_performed(*each, avatar) for each in zip(renderers, heard, strict=True)])
    if len(models) == 2:
        return blind.write_pairs([(before, after) for before, after in pairs], out)
    return blind.write_sheets([(photo.stem, only) for photo, (only,) in zip(photos, pairs, strict=True)], out)


def _moments(models: Path, sound: Path) -> list[Motion]:
    """Motions spread over a speech."""
    streamer = Streamer(StepNetwork(models / "motion.onnx"))
    motions = streamer.feed(media_files.read_audio(sound)) + streamer.flush()
    return spread([motion for motion in motions if motion.speaking] or motions, MOMENTS)


def _performed(renderer: MouthRenderer, motions: list[Motion], avatar: Avatar) -> Performance:
    frames = renderer.draw(motions, [avatar] * len(motions))
    return Performance(np.stack([frame.image for frame in frames]), avatar.points)
