"""What the window is told about a performance, as values of one moment."""

from dataclasses import dataclass

from liveface.app.desktop.supervisor import Phase


@dataclass(frozen=True, slots=True)
class RunState:
    """How it stands. `is_deaf`: the face lives, but nothing can be heard. `avatar`: the key of the one that is worn.

    `recorded`: seconds, None where nothing is recorded.
    """

    phase: Phase
    is_deaf: bool
    avatar: str
    recorded: float | None


@dataclass(frozen=True, slots=True)
class LiveMetrics:
    """What the session measures. `delay`: mic to picture in milliseconds, half of the pictures and 95 of 100."""

    fps: float
    delay: tuple[float, float] | None
    skipped: int
    lost_ms: float


@dataclass(frozen=True, slots=True)
class Playback:
    """The sound file that is heard, in seconds."""

    name: str
    position: float
    length: float
    is_playing: bool
