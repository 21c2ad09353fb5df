"""What a user has chosen in the window, and the file that keeps it. Knows nothing of what the choices do."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from liveface.app.files.atomic_write import write_whole
from liveface.app.files.schema import FieldError, check, names, parse_object
from liveface.app.settings import DEFAULT_LOOKAHEAD, Lookahead
from liveface.engine.errors import ConfigurationError, OutputError
from liveface.engine.folders import settings_folder

Background = Annotated[
    str, Meta(pattern=r"^(blur|#[0-9a-fA-F]{6})\Z", description="'blur' or a colour such as '#202020'")
]


@dataclass(frozen=True, slots=True)
class Preferences:
    """`avatar` is a key of the gallery, `microphone`, `speaker`, `camera` and `voice` are devices' names: "" = default.

    `camera_background` is "blur" or a colour such as "#202020". `geometry` is the window's, as Qt tells it, in base64.
    Raises `ConfigurationError` for a value that cannot be.
    """

    theme: Literal["system", "light", "dark"] = "system"
    avatar: str = ""
    microphone: str = ""
    speaker: str = ""
    has_noise_gate: bool = True
    has_automatic_gain: bool = True
    is_push_to_talk: bool = False
    hears_itself: bool = False
    lookahead: Lookahead = DEFAULT_LOOKAHEAD
    camera: str = ""
    camera_fit: Literal["letterbox", "crop"] = "letterbox"
    camera_background: Background = "blur"
    voice: str = ""
    panel: Literal["", "live", "settings"] = "live"
    geometry: str = ""

    def __post_init__(self) -> None:
        try:
            check(self)
        except FieldError as fault:
            raise ConfigurationError(
                f"The setting {fault.name} is {fault.found}: expected is {fault.expected}."
            ) from None


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
            text = self._path.read_bytes()
        except FileNotFoundError:
            return self._saved
        except OSError as error:
            tell(f"The settings in {self._path} cannot be read ({error.strerror}): the default settings are used.")
            return self._saved
        if (values := parse_object(text)) is None:
            tell(f"The settings in {self._path} cannot be understood: {self._put_aside()}")
            return self._saved
        known = names(Preferences)
        self._others = {name: value for name, value in values.items() if name not in known}
        faults = []
        for name in values.keys() & known:
            changed: dict[str, Any] = {name: values[name]}
            try:
                self._saved = replace(self._saved, **changed)
            except ConfigurationError as error:
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
