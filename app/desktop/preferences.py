"""What a user has chosen in the window, and the file that keeps it. Knows nothing of what the choices do."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from liveface.app.files.atomic_write import write_whole
from liveface.app.settings import DEFAULT_LOOKAHEAD
from liveface.engine.errors import ConfigurationError, OutputError
from liveface.engine.folders import settings_folder
from liveface.engine.hearing.streamer import LOOKAHEADS

_CHOICES: dict[str, tuple[object, ...]] = {
    "theme": ("system", "light", "dark"),
    "lookahead": tuple(LOOKAHEADS),
    "camera_fit": ("letterbox", "crop"),
    "panel": ("", "live", "settings"),
}
_COLOUR = re.compile("#[0-9a-fA-F]{6}")
_SHOWN = 60  # characters of a value that cannot be


@dataclass(frozen=True, slots=True)
class Preferences:
    """`avatar` is a key of the gallery, `microphone`, `speaker`, `camera` and `voice` are devices' names: "" = default.

    `camera_background` is "blur" or a colour such as "#202020". `geometry` is the window's, as Qt tells it, in base64.
    Raises `ConfigurationError` for a value that cannot be.
    """

    theme: str = "system"
    avatar: str = ""
    microphone: str = ""
    speaker: str = ""
    has_noise_gate: bool = True
    has_automatic_gain: bool = True
    is_push_to_talk: bool = False
    hears_itself: bool = False
    lookahead: int = DEFAULT_LOOKAHEAD
    camera: str = ""
    camera_fit: str = "letterbox"
    camera_background: str = "blur"
    voice: str = ""
    panel: str = "live"
    geometry: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, expected = getattr(self, field.name), type(field.default)
            choices = _CHOICES.get(field.name)
            if type(value) is not expected or (choices is not None and value not in choices):
                wanted = expected.__name__ if choices is None else f"one of {', '.join(map(repr, choices))}"
                raise ConfigurationError(f"The setting {field.name} is {repr(value)[:_SHOWN]}: expected is {wanted}.")
        background = self.camera_background
        if background != "blur" and not _COLOUR.fullmatch(background):
            raise ConfigurationError(
                f"The setting camera_background is {repr(background)[:_SHOWN]}: expected is 'blur' or a colour such as "
                "'#202020'."
            )


class PreferencesFile:
    """Keeps the preferences across starts and crashes: a file is whole or it is the one before.

    What this version does not know in it, as another version may have written, is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved = Preferences()
        self._others: dict[str, Any] = {}

    @property
    def exists(self) -> bool:
        """Whether anything was ever saved."""
        return self._path.exists()

    def load(self, tell: Callable[[str], None]) -> Preferences:
        """The saved preferences; the default of each that was never saved, or whose value cannot be.

        `tell` gets a sentence about what could not be used. A file that is none of preferences is put aside.
        """
        try:
            values: Any = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return self._saved
        except OSError as error:
            tell(f"The settings in {self._path} cannot be read ({error.strerror}): the default settings are used.")
            return self._saved
        except (ValueError, RecursionError) as error:
            values = error
        if not isinstance(values, dict):
            tell(f"The settings in {self._path} cannot be understood: {self._put_aside()}")
            return self._saved
        names = {field.name for field in fields(Preferences)}
        self._others = {name: value for name, value in values.items() if name not in names}
        faults = []
        for name in names & values.keys():
            try:
                self._saved = replace(self._saved, **{name: values[name]})
            except (ConfigurationError, TypeError) as error:
                faults.append(str(error).rstrip("."))
        if faults:
            rest = "the default takes its place" if len(faults) == 1 else "the defaults take their places"
            tell(f"{'; '.join(sorted(faults))} ({self._path}): {rest}, all others are kept.")
        return self._saved

    def _put_aside(self) -> str:
        aside = self._path.with_name(f"{self._path.stem}.damaged{self._path.suffix}")
        try:
            self._path.replace(aside)
        except OSError:
            return "the default settings are used."
        return f"the default settings are used, and the file is kept as {aside.name}."

    def keep(self, name: str, value: object) -> None:
        """Change one preference in the file, at once and for good; raises `ConfigurationError` or `OutputError`."""
        changed: dict[str, Any] = {name: value}
        self._saved = replace(self._saved, **changed)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(self._others | asdict(self._saved), indent=1).encode())
        except OSError as error:
            raise OutputError(
                f"The settings cannot be written to {self._path} ({error.strerror}): they last until the window closes."
            ) from error


def preferences_path() -> Path:
    """Where the system's convention puts settings."""
    return settings_folder() / "preferences.json"
