"""The command that makes a face speak live. The only one that opens a window."""

import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.budget import Plan, make_plan, measure_pace, parse_budget
from app.clock import Clock, MonotonicClock
from app.config import CAPTURE_MS, DEFAULT_LOOKAHEAD, Backend, Settings, parse_size
from app.devices import choose
from app.media_files import read_audio
from app.microphone import Microphone
from app.performer import ASSETS, Performer, load_performer, load_streamer
from app.screen import check_screen
from app.session import Session, Sink
from app.sources import FileSource, Source
from app.speaker import Speaker
from app.stats import Report, Stats, process_age, resident_memory
from engine.errors import ConfigurationError, DeviceError
from engine.media import HOP

if TYPE_CHECKING:
    from ui.bridge import FrameBridge

_BLOCKS_MS = (CAPTURE_MS, CAPTURE_MS // 2)  # of sound, that a microphone can be asked for
_MEASURED = 40 * HOP  # samples of speech by which the machine is measured, 1.6 s
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
    lookahead: Annotated[
        int | None,
        typer.Option(help="Frames heard ahead of each picture, 0 to 6.", show_default=str(DEFAULT_LOOKAHEAD)),
    ] = None,
    latency_budget: Annotated[
        str | None, typer.Option(help="Such as 150ms: choose the longest lookahead that this machine can hold.")
    ] = None,
    mouth_amount: Annotated[float, typer.Option(help="How far the mouth moves, 1 as learned.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of blinks and head motion.")] = 0,
    backend: Annotated[
        Backend, typer.Option(help="openvino on the CPU; torch, torch-compile or tensorrt on an NVIDIA GPU.")
    ] = "openvino",
) -> None:
    """Make a face speak live, from the microphone or a file at real time."""
    if audio is not None and microphone is not None:
        raise ConfigurationError("Both --audio and --microphone are given: choose one.")
    if lookahead is not None and latency_budget is not None:
        raise ConfigurationError("Both --lookahead and --latency-budget are given, which chooses it: give one.")
    budget = None if latency_budget is None else parse_budget(latency_budget)
    if not headless:
        check_screen()
    width, height = parse_size(size)
    ahead = DEFAULT_LOOKAHEAD if lookahead is None else lookahead
    settings = Settings(width, height, ahead, mouth_amount, seed, backend)
    performer = load_performer(settings, photo, avatar, face)
    clock = MonotonicClock()

    def source_of(block_ms: int, stats: Stats) -> Source:
        if audio is None:
            return Microphone(microphone, clock, stats, block_ms, partial(print, file=sys.stderr, flush=True))
        return FileSource(audio, clock, stats, live=True, loop=seconds is not None)

    if budget is None:
        plan, make_source = None, partial(source_of, CAPTURE_MS)
    else:
        plan = _planned(budget, performer, source_of, _BLOCKS_MS if audio is None else (CAPTURE_MS,), clock)
        print(plan, file=sys.stderr)
        performer = replace(performer, streamer=load_streamer(replace(settings, lookahead=plan.lookahead)))
        make_source = partial(source_of, plan.block_ms)
    if headless:
        numbers = measure(performer, make_source, clock, seconds)
        print(json.dumps(numbers if plan is None else numbers | {"budget": _kept(plan, numbers)}))
    else:
        show(performer, make_source, clock, seconds, is_audible=audio is not None, budget_ms=budget)


def _planned(
    budget_ms: float,
    performer: Performer,
    source_of: Callable[[int, Stats], Source],
    blocks_ms: Sequence[int],
    clock: Clock,
) -> Plan:
    """Measure the machine and its source, and say how the budget is held; raises as these do."""
    capture_ms = {}
    for block_ms in blocks_ms:
        source = source_of(block_ms, Stats())
        try:
            capture_ms[block_ms] = source.open() * 1000
        finally:
            source.close()
    speech = read_audio(ASSETS / "audio" / "speech.wav")[:_MEASURED]
    return make_plan(budget_ms, measure_pace(performer, speech, clock), capture_ms)


def _kept(plan: Plan, numbers: dict[str, Any]) -> dict[str, Any]:
    """How the promise was held, for the line of JSON."""
    delay = numbers["mic_to_picture_ms"]
    return {
        "ms": plan.budget_ms,
        "held": delay is not None and delay["p95"] <= plan.budget_ms,
        "lookahead": plan.lookahead,
        "block_ms": plan.block_ms,
        "expected_ms": round(plan.expected_ms, 1),
        "pace": {stage: round(value, 2) for stage, value in asdict(plan.pace).items()},
    }


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
        "xruns": report.xruns,
    }


def show(
    performer: Performer,
    make_source: Callable[[Stats], Source],
    clock: Clock,
    seconds: float | None,
    is_audible: bool,
    budget_ms: float | None = None,
) -> None:
    """Perform in a window until it is closed, or for so many seconds.

    `is_audible` where the sound shall be played; `budget_ms` is the delay that was promised, if one was.
    """
    from PyQt6.QtCore import QTimer
    from PyQt6.QtWidgets import QApplication

    from ui.bridge import FrameBridge
    from ui.window import Window

    application = QApplication(sys.argv[:1])
    bridge = FrameBridge()
    live = _Live(performer, make_source, clock, bridge, is_audible, budget_ms)
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
        print(status_line(live.latest, live.latest.fps, budget_ms))
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
        budget_ms: float | None,
    ) -> None:
        self._performer = performer
        self._make_source = make_source
        self._clock = clock
        self._bridge = bridge
        self._is_audible = is_audible
        self._budget_ms = budget_ms
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
        return self._session.is_running, status_line(report, report.recent_fps, self._budget_ms)


def status_line(report: Report, fps: float, budget_ms: float | None) -> str:
    """The numbers of a session in one line, with the delay that was promised, if one was."""
    parts = [f"{fps:.1f} fps"]
    if (delay := report.mic_to_picture_ms) is not None:
        text = f"mic to picture p50 {delay.p50:.0f}, p95 {delay.p95:.0f}, p99 {delay.p99:.0f} ms"
        if budget_ms is not None:
            text += f" ({'within' if delay.p95 <= budget_ms else 'over'} {budget_ms:.0f})"
        parts.append(text)
    parts += [f"{stage} {percentiles.p50:.1f} ms" for stage, percentiles in report.stages_ms.items()]
    parts.append(f"{report.skipped} skipped")
    if report.lost_ms:
        parts.append(f"{report.lost_ms:.0f} ms of sound lost")
    return "   ".join(parts)
