"""One photo and live speech become a talking head.

    from liveface import Avatar, Pipeline

`Avatar` is a face that has been found in a photo, `Pipeline` makes it speak what it is fed. `liveface.pipecat` and
`liveface.livekit` are the same for voice agents. Nothing is loaded before it is used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liveface.app.library.avatar import Avatar as Avatar
    from liveface.app.library.pipeline import AvatarFrame as AvatarFrame
    from liveface.app.library.pipeline import Pipeline as Pipeline
    from liveface.engine.errors import LivefaceError as LivefaceError

__all__ = ["Avatar", "AvatarFrame", "LivefaceError", "Pipeline"]

_PLACES = {
    "Avatar": "liveface.app.library.avatar",
    "AvatarFrame": "liveface.app.library.pipeline",
    "LivefaceError": "liveface.engine.errors",
    "Pipeline": "liveface.app.library.pipeline",
}


def __getattr__(name: str) -> object:
    """What is imported from here, loaded when it is asked for first."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
