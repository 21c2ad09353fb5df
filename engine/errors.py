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

A message gives what was found, what was expected and the remedy, in one sentence or two.
"""


class LivefaceError(Exception):
    """Any failure that is not a mistake in this program; its text is written for the user."""


class MediaError(LivefaceError):
    """A picture, a sound or a media file that cannot be used."""


class PhotoError(MediaError):
    """A photo from which no avatar can be made."""


class AudioError(MediaError):
    """Sound that cannot be read or is not valid."""


class CheckpointError(LivefaceError):
    """Weights that are missing, broken or made for something else."""


class BackendError(LivefaceError):
    """An inference library that is not installed or cannot run the network."""


class DeviceError(LivefaceError):
    """A device that is missing, busy or lost."""


class OutputError(LivefaceError):
    """A result that cannot be written."""


class CapacityError(LivefaceError):
    """One more session than the machine can hold in time."""


class NotFoundError(LivefaceError):
    """A name or number that nothing has, or has any more."""


class PeerError(LivefaceError):
    """A WebRTC peer whose offer or connection cannot be used."""


class ConfigurationError(LivefaceError):
    """A setting or a command line that cannot be honoured."""
