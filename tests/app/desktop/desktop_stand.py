"""A desktop whose networks, microphone and window are stand-ins."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from liveface.app.audio.player import Player
from liveface.app.desktop.avatar_library import AvatarLibrary
from liveface.app.desktop.controller import Desktop
from liveface.app.desktop.live_session import Heard, LiveSession
from liveface.app.desktop.notifications import Notice, Noticeboard
from liveface.app.desktop.preferences import Preferences
from liveface.app.outputs.output_set import Outputs
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import Pipeline
from liveface.app.session.session import Sink
from liveface.app.session.sources import Source
from liveface.app.session.stats import Stats
from liveface.engine.errors import DeviceError
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.landmarks import POINT_COUNT
from liveface.engine.hearing.voice_gate import VoiceGate
from liveface.engine.media import SAMPLE_RATE, Samples
from tests.app.fakes import FakeRenderer, FakeSink, FakeStreamer

_SOON = 20.0  # s
ENDLESS = Path("endless.mp3")  # takes for ever to read
SECOND = np.full(SAMPLE_RATE, 0.5, np.float32)


def an_avatar(name: str) -> Avatar:
    points = np.random.default_rng(0).uniform(60, 160, (POINT_COUNT, 3)).astype(np.float32)
    return Avatar(name, np.full((208, 208, 3), 120, np.uint8), points)


class Talking(Player):
    """A microphone that speaks without end, or a file."""

    def __init__(self, heard: Heard, sound: Samples, clock: MonotonicClock, stats: Stats) -> None:
        super().__init__(sound, clock, stats, loop=heard.file is None)
        self.heard = heard


class Stand:
    """`heard` are the sources that were made; `refusals` are raised instead, one after the other."""

    def __init__(self, folder: Path, **chosen: Any) -> None:
        self.clock = MonotonicClock()
        self.board = Noticeboard()
        self.window = FakeSink(self.clock)
        self.heard: list[Talking] = []
        self.refusals: list[Exception] = []
        self.kept: list[tuple[str, object]] = []
        self.streamers: list[int] = []
        self.call: dict[str, FakeSink] = {}
        self.news: list[Notice] = []
        self.reads = 0  # pieces of the endless file
        self._never = threading.Event()
        for name in ("clara", "jonas"):
            an_avatar(name).save(folder / "shipped" / name)
        self.gallery = AvatarLibrary(folder / "shipped", folder / "own", lambda: None, self.board)  # type: ignore[arg-type, return-value]
        self.outputs = Outputs(self.clock, self.board, folder, folder)
        self.gate = VoiceGate()
        self.desktop = Desktop(
            Preferences(**({"avatar": "clara"} | chosen)),
            lambda name, value: self.kept.append((name, value)),
            self.gallery,
            self.outputs,
            self.board,
            self.load,
            self.window,
            {"camera": self._open_camera},
            self.clock,
            (64, 64),
            gate=self.gate,
        )

    def load(self) -> LiveSession:
        performer = Pipeline(FakeStreamer(), FakeRenderer(self.clock), an_avatar("clara").framed(64, 64))  # type: ignore[arg-type]
        return LiveSession(performer, self.make_source, self._stream, self.window, self.outputs.fan_out, self.clock)

    def make_source(self, heard: Heard, stats: Stats, check: Callable[[], None]) -> Source:
        while heard.file == ENDLESS:
            self.reads += 1
            check()
            self._never.wait(0.005)
        if self.refusals:
            raise self.refusals.pop(0)
        self.heard.append(Talking(heard, SECOND, self.clock, stats))
        return self.heard[-1]

    def _stream(self, lookahead: int) -> Any:
        self.streamers.append(lookahead)
        return FakeStreamer(lookahead)

    def _open_camera(self, chosen: Preferences) -> Sink:
        self.call[chosen.camera] = FakeSink(self.clock)
        return self.call[chosen.camera]

    def __enter__(self) -> "Stand":
        self.desktop.open()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.desktop.close(_SOON)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("liveface")]

    def until(self, is_so: Callable[[], object]) -> None:
        for _ in range(int(_SOON / 0.005)):
            self.news += self.board.take()
            if is_so():
                return
            self._never.wait(0.005)
        raise AssertionError("it never became so")

    def until_live(self) -> None:
        self.until(lambda: self.desktop.standing().phase == "live")


NO_MICROPHONE = DeviceError(code="microphone_absent")
