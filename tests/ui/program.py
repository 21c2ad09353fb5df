"""A program that does nothing but remember what the window asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveface.app.desktop.avatar_library import Portrait
from liveface.app.desktop.notifications import Notice
from liveface.app.desktop.preferences import Preferences
from liveface.app.desktop.state import LiveMetrics, Playback, RunState
from liveface.engine.media import HOP, Frame
from liveface.ui.contracts import Program

UNITS = [(25, "Lips part"), (26, "Jaw drop")]


def a_frame(index: int = 0, colour: tuple[int, int, int] = (200, 30, 60), peak: float = 0.5) -> Frame:
    image = np.full((100, 200, 3), colour, np.uint8)
    return Frame(index, image, np.full(HOP, peak, np.float32), True)


def a_portrait(key: str, is_shipped: bool = True, progress: float = 1.0) -> Portrait:
    return Portrait(key, key.title(), np.full((64, 64, 3), 90, np.uint8), is_shipped, progress)


@dataclass
class FakeProgram:
    """Plays all parts of the program; `calls` are what it was told."""

    values: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[object, ...]] = field(default_factory=list)
    stands: RunState = field(default_factory=lambda: RunState("live", False, "clara", None))
    measured: LiveMetrics | None = None
    units: NDArray[np.float32] = field(default_factory=lambda: np.zeros(2, np.float32))
    loudness: float = -90.0
    news: list[Notice] = field(default_factory=list)
    file: Playback | None = None
    faces: list[Portrait] = field(default_factory=lambda: [a_portrait("clara"), a_portrait("jonas")])
    inputs: list[str] = field(default_factory=lambda: ["Desk microphone", "Headset"])
    sent: set[str] = field(default_factory=set)

    def start(self) -> None:
        self.calls.append(("start",))
        self.stands = RunState("live", False, self.stands.avatar, None)

    def stop(self) -> None:
        self.calls.append(("stop",))
        self.stands = RunState("stopped", False, self.stands.avatar, None)

    def mute(self, is_muted: bool) -> None:
        self.calls.append(("mute", is_muted))

    def interrupt(self) -> None:
        self.calls.append(("interrupt",))

    def standing(self) -> RunState:
        return self.stands

    def figures(self) -> LiveMetrics | None:
        return self.measured

    def level(self) -> float:
        return self.loudness

    def action_units(self) -> NDArray[np.float32]:
        return self.units

    def notices(self) -> Sequence[Notice]:
        news, self.news = self.news, []
        return news

    def open_file(self, path: Path | None) -> None:
        self.calls.append(("open_file", path))

    def play(self, is_wanted: bool) -> None:
        self.calls.append(("play", is_wanted))

    def seek(self, seconds: float) -> None:
        self.calls.append(("seek", seconds))

    def reel(self) -> Playback | None:
        return self.file

    def portraits(self) -> Sequence[Portrait]:
        return list(self.faces)

    def add(self, photo: Path | bytes) -> None:
        self.calls.append(("add", photo))

    def remove(self, key: str) -> None:
        self.calls.append(("remove", key))

    def restore(self, key: str) -> None:
        self.calls.append(("restore", key))

    def microphones(self) -> Sequence[str]:
        return self.inputs

    def speakers(self) -> Sequence[str]:
        return ["Loud", "Louder"]

    def cameras(self) -> Sequence[str]:
        return []

    def refresh(self) -> None:
        self.calls.append(("refresh",))

    def record(self, is_wanted: bool) -> None:
        self.calls.append(("record", is_wanted))
        (self.sent.add if is_wanted else self.sent.discard)("recording")

    def recover(self, film: Path) -> None:
        self.calls.append(("recover", film))

    def snapshot(self) -> None:
        self.calls.append(("snapshot",))

    def send(self, name: str, is_wanted: bool) -> None:
        self.calls.append(("send", name, is_wanted))
        (self.sent.add if is_wanted else self.sent.discard)(name)

    def is_sent(self, name: str) -> bool:
        return name in self.sent

    def choices(self) -> dict[str, Any]:
        return {name: getattr(Preferences(), name) for name in Preferences.__slots__} | self.values

    def change(self, name: str, value: object) -> None:
        self.calls.append(("change", name, value))
        self.values[name] = value

    def expected_ms(self, lookahead: int) -> float:
        return 65 + 40 * lookahead

    def show_file(self, path: Path) -> None:
        self.calls.append(("show", path))

    @property
    def program(self) -> Program:
        return Program.of(self, self, UNITS, Path("speech.wav"), self.show_file)
