"""What it takes to perform: a streamer that hears, a renderer that draws, an avatar; made from files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from liveface import assets
from liveface.app.files.avatar_files import load_avatar
from liveface.app.session.clock import Clock
from liveface.app.session.session import Session, Sink
from liveface.app.session.sources import Source
from liveface.app.session.stats import Stats
from liveface.app.settings import Settings
from liveface.engine.backends.openvino import StepNetwork
from liveface.engine.drawing.liveliness import Liveliness
from liveface.engine.drawing.renderer import Renderer, load_renderer
from liveface.engine.errors import ConfigurationError
from liveface.engine.face.avatar import Avatar, prepare
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.face.unit_basis import UnitEdit
from liveface.engine.hearing.streamer import Streamer

ASSETS = Path(assets.__file__).parent
MODELS = ASSETS / "models"
CORES = 2  # that the program is made for
DEFAULT_AVATAR = ASSETS / "avatars" / "clara"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The parts of a session that do not depend on where sound comes from and pictures go."""

    streamer: Streamer
    renderer: Renderer
    avatar: Avatar
    liveliness: Liveliness | None = None

    def session(self, source: Source, sinks: Sequence[Sink], clock: Clock, stats: Stats) -> Session:
        """A new session; one at a time, because they share the streamer and the liveliness."""
        return Session(source, self.streamer, self.renderer, self.avatar, sinks, clock, stats, self.liveliness)


def load_pipeline(
    settings: Settings, photo: Path | None = None, folder: Path | None = None, face: int | None = None
) -> Pipeline:
    """Load the default model and an avatar: of a photo, or from a prepared folder, or else a shipped portrait.

    Raises `ConfigurationError`, `PhotoError`, `MediaError`, `CheckpointError` or `BackendError`.
    """
    streamer = load_streamer(settings)
    renderer = load_renderer(MODELS, CORES, settings.backend)
    avatar = _load_avatar(photo, folder, face).framed(settings.width, settings.height)
    return Pipeline(streamer, renderer, avatar, settings.life())


def load_streamer(settings: Settings) -> Streamer:
    """Load the default model's hearing; raises `ConfigurationError` or `CheckpointError`."""
    streamer = Streamer(StepNetwork(MODELS / "motion.onnx"), settings.lookahead, settings.mouth_amount)
    if settings.units:
        streamer.edit = UnitEdit.of(offset=dict(settings.units)).applied
    return streamer


def _load_avatar(photo: Path | None, folder: Path | None, face: int | None) -> Avatar:
    if photo is not None and folder is not None:
        raise ConfigurationError("Both a photo and an avatar's folder are given: choose one.")
    if photo is None:
        return load_avatar(folder or DEFAULT_AVATAR, load_face_mesh)
    from liveface.engine.face.photo import read_photo

    return prepare(read_photo(photo), load_face_mesh(), photo.stem, face)


def load_face_mesh() -> FaceMesh:
    """What finds faces in photos; it takes time to load, and only photos need it. Raises `CheckpointError`."""
    return FaceMesh.load(MODELS)
