"""The command that makes a face speak live. The only one that opens a window."""

import json
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.clock import Clock, MonotonicClock
from app.config import DEFAULT_LOOKAHEAD, Backend, Settings, parse_size
from app.devices import choose
from app.performer import Performer, load_performer
from app.screen import check_screen
from app.session import Session, Sink
from app.sources import FileSource, Microphone, Source
from app.speaker import Speaker
from app.stats import Report, Stats, process_age, resident_memory
from engine.errors import ConfigurationError, DeviceError

if TYPE_CHECKING:
    from ui.bridge import FrameBridge

_SETTLED = 5.0  # s after which memory should not grow any more
_MEGABYTE = 1 << 20


def run(
    photo: Annotated[Path | None, typer.Option(help="A JPEG, PNG or WebP picture of a face.")] = None,
    avatar: Annotated[
        Path | None, typer.Option(help="A folder made by `liveface prepare`, instead of a photo.")
    ] = None,
    face: Annotated[int | None, typer.Option(help="Which of several faces, counted from left to right.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound file at real time, instead of a microphone.")] = None,
    microphone: Annotated[str | None, typer.Option(help="Its number, or part of its name: `liveface devices`.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No window; ends in one line of JSON.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0.2, help="Stop after this time; a file is repeated.")] = None,
    size: Annotated[str, typer.Option(help="Width x height of the pictures.")] = "512x512",
    lookahead: Annotated[int, typer.Option(help="Frames heard ahead of each picture, 0 to 6.")] = DEFAULT_LOOKAHEAD,
    mouth_amount: Annotated[float, typer.Option(help="How far the mouth moves, 1 as learned.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of blinks and head motion.")] = 0,
    backend: Annotated[
        Backend, typer.Option(help="What draws: openvino on the CPU, torch on an NVIDIA GPU.")
    ] = "openvino",
) -> None:
    """Make a face speak live, from the microphone or a file at real time."""
    if audio is not None and microphone is not None:
        raise ConfigurationError("Both --audio and --microphone are given: choose one.")
    if not headless:
        check_screen()
    width, height = parse_size(size)
    performer = load_performer(Settings(width, height, lookahead, mouth_amount, seed, backend), photo, avatar, face)
    clock = MonotonicClock()

    def make_source(stats: Stats) -> Source:
        if audio is None:
            return Microphone(microphone, clock, stats)
        return FileSource(audio, clock, stats, live=True, loop=seconds is not None)

    if headless:
        print(json.dumps(measure(performer, make_source, clock, seconds)))
    else:
        show(performer, make_source, clock, seconds, is_audible=audio is not None)


def measure(
    performer: Performer, make_source: Callable[[Stats], Source], clock: Clock, seconds: float | None
) -> dict[str, Any]:
    """Perform without a window, until the source or the time ends, and return what was measured."""
    stats = Stats()
    session = performer.session(make_source(stats), [], clock, stats)
    session.start()
    try:
        session.wait(_SETTLED if seconds is None else min(_SETTLED, seconds / 2))
        settled = resident_memory()
        session.wait(None if seconds is None else seconds - min(_SETTLED, seconds / 2))
    finally:
        session.stop()
    report = session.report()
    started = clock.now() - process_age()
    return _numbers(report) | {
        "resident_mb": round(resident_memory() / _MEGABYTE, 1),
        "resident_growth_mb": round((resident_memory() - settled) / _MEGABYTE, 1),
        "first_frame_s": None if report.first_moment is None else round(report.first_moment - started, 2),
    }


def _numbers(report: Report) -> dict[str, Any]:
    return {
        "fps": round(report.fps, 2),
        "frames": report.frames,
        "skipped": report.skipped,
        "mic_to_picture_ms": report.mic_to_picture_ms and asdict(report.mic_to_picture_ms),
        "stages_ms": {stage: asdict(percentiles) for stage, percentiles in report.stages_ms.items()},
        "lost_ms": round(report.lost_ms),
    }


def show(
    performer: Performer,
    make_source: Callable[[Stats], Source],
    clock: Clock,
    seconds: float | None,
    is_audible: bool,
) -> None:
    """Perform in a window until it is closed, or for so many seconds; `is_audible` where the sound shall be played."""
    from PyQt6.QtCore import QTimer
    from PyQt6.QtWidgets import QApplication

    from ui.bridge import FrameBridge
    from ui.window import Window

    application = QApplication(sys.argv[:1])
    bridge = FrameBridge()
    live = _Live(performer, make_source, clock, bridge, is_audible)
    window = Window(f"{performer.avatar.name} - liveface", bridge, live)
    interrupted: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        interrupted.append(number)
        window.close()

    # The window's timer lets Python look up often enough to see the signal.
    before = signal.signal(signal.SIGINT, interrupt)
    window.canvas.show_picture(performer.avatar.photo)
    window.fit()
    window.show()
    window.toggle_running()
    if seconds is not None:
        QTimer.singleShot(round(seconds * 1000), window.close)
    application.exec()
    signal.signal(signal.SIGINT, before)
    if live.latest is not None:
        print(status_line(live.latest, live.latest.fps))
    if window.failure is not None:
        raise window.failure
    if interrupted:
        raise KeyboardInterrupt


class _Live:
    """Performs in a window, each time in a new session; `latest` is what the one before measured."""

    def __init__(
        self,
        performer: Performer,
        make_source: Callable[[Stats], Source],
        clock: Clock,
        bridge: "FrameBridge",
        is_audible: bool,
    ) -> None:
        self._performer = performer
        self._make_source = make_source
        self._clock = clock
        self._bridge = bridge
        self._is_audible = is_audible
        self._session: Session | None = None
        self.latest: Report | None = None

    def start(self) -> None:
        stats = Stats()
        sinks: list[Sink] = [self._bridge]
        if self._is_audible:
            with suppress(DeviceError):  # without a speaker the picture is all there is
                choose("output", None)
                speaker = Speaker(None, self._clock)
                self._bridge.hold = speaker.delay
                sinks.append(speaker)
        session = self._performer.session(self._make_source(stats), sinks, self._clock, stats)
        session.start()
        self._session = session

    def stop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self.latest = session.report()
            session.stop()

    def mute(self, is_muted: bool) -> None:
        if self._session is not None:
            self._session.mute(is_muted)

    def status(self) -> tuple[bool, str]:
        if self._session is None:
            return False, "stopped"
        report = self._session.report()
        return self._session.is_running, status_line(report, report.recent_fps)


def status_line(report: Report, fps: float) -> str:
    """The numbers of a session in one line."""
    parts = [f"{fps:.1f} fps"]
    if (delay := report.mic_to_picture_ms) is not None:
        parts.append(f"mic to picture {delay.p50:.0f} ms (p95 {delay.p95:.0f})")
    parts += [f"{stage} {percentiles.p50:.1f} ms" for stage, percentiles in report.stages_ms.items()]
    parts.append(f"{report.skipped} skipped")
    if report.lost_ms:
        parts.append(f"{report.lost_ms:.0f} ms of sound lost")
    return "   ".join(parts)
