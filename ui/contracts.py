"""What the window needs from the program, and nothing of how that is done.

All methods return at once; what takes time goes on behind them, and the window looks again ten times a second.
"""
# ruff: noqa: D102 - a class says what its values are

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from liveface.engine.media import Picture


class RunState(Protocol):
    """How it stands. `phase` is starting, live or stopped; `is_deaf` while live: the face lives, but hears nothing."""

    @property
    def phase(self) -> str: ...
    @property
    def is_deaf(self) -> bool: ...
    @property
    def avatar(self) -> str:
        """The key of the one that is worn."""

    @property
    def recorded(self) -> float | None:
        """Seconds in the recording, None where there is none."""


class LiveMetrics(Protocol):
    """What is measured. `delay`: from microphone to picture in ms, half of the pictures and 95 of 100."""

    @property
    def fps(self) -> float: ...
    @property
    def delay(self) -> tuple[float, float] | None: ...
    @property
    def skipped(self) -> int: ...
    @property
    def lost_ms(self) -> float: ...


class Playback(Protocol):
    """A sound file that is heard; times in seconds."""

    @property
    def name(self) -> str: ...
    @property
    def position(self) -> float: ...
    @property
    def length(self) -> float: ...
    @property
    def is_playing(self) -> bool: ...


class Notice(Protocol):
    """Something to tell. `remedy`: retry, sample, file, photo, undo, show, recover or empty; `subject`: what of."""

    @property
    def text(self) -> str: ...
    @property
    def is_problem(self) -> bool: ...
    @property
    def remedy(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def report(self) -> str:
        """What can be copied to be passed on, empty where there is nothing."""


class Portrait(Protocol):
    """An avatar in the gallery; `progress` is below 1 while it is being prepared."""

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def is_shipped(self) -> bool: ...
    @property
    def progress(self) -> float: ...
    @property
    def picture(self) -> Picture: ...


class Performance(Protocol):
    """The face that speaks."""

    def start(self) -> None:
        """Perform; once more where it failed."""

    def stop(self) -> None:
        """Perform no more."""

    def mute(self, is_muted: bool) -> None:
        """Hear nothing, or hear again."""

    def interrupt(self) -> None:
        """Forget what has been heard and not been shown."""


class Watch(Protocol):
    """How the performance goes."""

    def standing(self) -> RunState: ...
    def figures(self) -> LiveMetrics | None: ...
    def notices(self) -> Sequence[Notice]:
        """Those that have come since the last call."""


class Senses(Protocol):
    """What is heard and shown at this moment."""

    def level(self) -> float:
        """How loud the microphone is, in decibels below full scale: 0 or less."""

    def action_units(self) -> NDArray[np.float32]:
        """Intensities 0 to 5 of the latest picture."""


class Player(Protocol):
    """A sound file in place of the microphone."""

    def open_file(self, path: Path | None) -> None:
        """Hear a file from its beginning, or the microphone again."""

    def play(self, is_wanted: bool) -> None:
        """Go on, or pause."""

    def seek(self, seconds: float) -> None: ...
    def reel(self) -> Playback | None: ...


class Gallery(Protocol):
    """The avatars to choose from."""

    def portraits(self) -> Sequence[Portrait]: ...
    def add(self, photo: Path | bytes) -> None:
        """Import a photo: a file, or what a PNG file would hold."""

    def remove(self, key: str) -> None: ...
    def restore(self, key: str) -> None: ...


class Devices(Protocol):
    """The names of what is connected, as far as known."""

    def microphones(self) -> Sequence[str]: ...
    def speakers(self) -> Sequence[str]: ...
    def cameras(self) -> Sequence[str]: ...
    def refresh(self) -> None:
        """Look again."""


class Outputs(Protocol):
    """Where the face goes besides the window."""

    def record(self, is_wanted: bool) -> None: ...
    def recover(self, film: Path) -> None:
        """Make an ordinary video of a recording that was ended."""

    def snapshot(self) -> None: ...
    def send(self, name: str, is_wanted: bool) -> None:
        """Feed the virtual camera or the virtual microphone: `name` is camera or voice."""

    def is_sent(self, name: str) -> bool:
        """Whether camera, voice or recording is on, or about to be."""


class Choices(Protocol):
    """What the user has chosen; it is remembered."""

    def choices(self) -> Mapping[str, Any]:
        """All by their names."""

    def change(self, name: str, value: object) -> None: ...
    def expected_ms(self, lookahead: int) -> float:
        """From microphone to picture, at that lookahead in pictures."""


class Everything(Performance, Watch, Senses, Player, Devices, Outputs, Choices, Protocol):
    """All but the gallery, where one object does it."""


@dataclass(frozen=True, slots=True)
class Program:
    """All that the window speaks to. `units` names the Action Units, number and word each.

    `sample`: a sound file that every machine has.
    """

    performance: Performance
    watch: Watch
    senses: Senses
    player: Player
    gallery: Gallery
    devices: Devices
    outputs: Outputs
    choices: Choices
    units: Sequence[tuple[int, str]]
    sample: Path
    show_file: Callable[[Path], None]

    @classmethod
    def of(
        cls,
        everything: Everything,
        gallery: Gallery,
        units: Sequence[tuple[int, str]],
        sample: Path,
        show_file: Callable[[Path], None],
    ) -> "Program":
        """One object plays all parts but the gallery's."""
        one = everything
        return cls(one, one, one, one, gallery, one, one, one, units, sample, show_file)
