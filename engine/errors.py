"""The one error tree: every failure that a user or the world can cause.

    LivefaceError
    ├── MediaError         a picture, sound or file that cannot be used
    │   ├── PhotoError     no face, several faces, too small, turned away, not a picture
    │   └── AudioError     truncated, empty, not finite, not sound
    ├── CheckpointError    broken, foreign or mismatched weights
    ├── BackendError       an inference library that is absent or refuses
    ├── DeviceError        a microphone, speaker, camera or window that is absent or lost
    ├── OutputError        a result that cannot be written
    ├── CapacityError      more sessions than the machine holds
    ├── PeerError          a WebRTC peer whose offer or connection cannot be used
    ├── NotFoundError      a name or number that nothing has (any more)
    └── ConfigurationError a setting or command that makes no sense

Each carries a `code` for programs and, as `details`, the values that its words are made with. Where a code has its own
words they are made by `engine.sentences`, for whoever reads them; else the text stands where the failure is raised. It
gives what was found, what was expected and the remedy, in one sentence or two.
"""

from pathlib import PurePath
from typing import ClassVar, TypedDict

from liveface.engine.sentences import SENTENCES, Reader

ERRORS = "LIVEFACE_ERRORS"  # the variable that is `json` where a program starts ours, and wants to know codes


class ErrorObject(TypedDict):
    """A failure for programs: which one it is, what to do about it in words, and the values in these."""

    code: str
    message: str
    details: dict[str, object]


class LivefaceError(Exception):
    """Any failure that is not a mistake in this program; its text is written for the user."""

    kind: ClassVar[str] = "failed"  # the code of those that have none of their own

    def __init__(self, text: str = "", /, *, code: str = "", **details: object) -> None:
        """Give either the `text`, or a `code` of `engine.sentences` with the values of its sentence."""
        super().__init__(text or SENTENCES[code].told(details))
        self.code = code or self.kind
        self.details = details
        self._words = None if text else SENTENCES[code]

    def told(self, reader: Reader) -> str:
        """The text for others than who wrote a command: without options and paths."""
        return str(self) if self._words is None else self._words.told(self.details, reader)

    @property
    def found(self) -> str:
        """Its first part alone, without the remedy."""
        return str(self) if self._words is None else self._words.found.format(**self.details)

    def as_object(self) -> ErrorObject:
        """What a program of others is told, for JSON: nothing of this machine's paths."""
        shown = {name: value for name, value in self.details.items() if not isinstance(value, PurePath)}
        return {"code": self.code, "message": self.told("client"), "details": shown}


class MediaError(LivefaceError):
    """A picture, a sound or a media file that cannot be used."""

    kind = "media_unusable"


class PhotoError(MediaError):
    """A photo from which no avatar can be made."""

    kind = "photo_unusable"


class AudioError(MediaError):
    """Sound that cannot be read or is not valid."""

    kind = "audio_unusable"


class CheckpointError(LivefaceError):
    """Weights that are missing, broken or made for something else."""

    kind = "checkpoint_unusable"


class BackendError(LivefaceError):
    """An inference library that is not installed or cannot run the network."""

    kind = "backend_unusable"


class DeviceError(LivefaceError):
    """A device that is missing, busy or lost."""

    kind = "device_unusable"


class OutputError(LivefaceError):
    """A result that cannot be written."""

    kind = "output_failed"


class CapacityError(LivefaceError):
    """One more session than the machine can hold in time."""

    kind = "no_capacity"


class NotFoundError(LivefaceError):
    """A name or number that nothing has, or has any more."""

    kind = "not_found"


class PeerError(LivefaceError):
    """A WebRTC peer whose offer or connection cannot be used."""

    kind = "peer_unusable"


class ConfigurationError(LivefaceError):
    """A setting or a command line that cannot be honoured."""

    kind = "configuration_invalid"
