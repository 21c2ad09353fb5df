"""The command that makes a face speak live. The only one that opens a window."""

import json
import math
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from liveface.app.audio.microphone import Microphone
from liveface.app.audio.player import Player
from liveface.app.capacity.latency_budget import Plan, make_plan, measure_pace, parse_budget
from liveface.app.commands.window import Opening, show
from liveface.app.desktop.display_check import check_screen
from liveface.app.desktop.live_session import Heard
from liveface.app.desktop.notifications import Notice, Noticeboard
from liveface.app.desktop.preferences import Preferences
from liveface.app.files.media_files import read_audio
from liveface.app.files.output_file import check_output
from liveface.app.library.avatar_folders import find_avatar
from liveface.app.outputs.fan_out import FanOut
from liveface.app.outputs.recorder import Recorder, check_film_name
from liveface.app.outputs.video_call import VideoCall
from liveface.app.session.clock import Clock, MonotonicClock
from liveface.app.session.ending import Ending, noted_signals
from liveface.app.session.pipeline import ASSETS, Pipeline, load_pipeline, load_streamer
from liveface.app.session.session import Session, Sink
from liveface.app.session.sources import FileSource, Source
from liveface.app.session.stats import Report, Stats, process_age, resident_memory
from liveface.app.settings import CAPTURE_MS, DEFAULT_LOOKAHEAD, Backend, Settings, parse_size
from liveface.engine.errors import ConfigurationError
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.hearing.voice_gate import VoiceGate
from liveface.engine.media import HOP

_BLOCKS_MS = (CAPTURE_MS, CAPTURE_MS // 2)  # of sound, that a microphone can be asked for
_MEASURED = 40 * HOP  # samples of speech by which the machine is measured, 1.6 s
_SETTLED = 5.0  # s after which memory should not grow any more
_LOOK = 0.1  # s, within which a signal is followed
_MEGABYTE = 1 << 20
_RECORDING_MS = 4000  # of frames that may wait while the encoder is slow
_TOKEN_VARIABLE = "LIVEFACE_WHIP_TOKEN"


def run(
    photo: Annotated[Path | None, typer.Option(help="A picture of a face: JPEG, PNG, WebP, AVIF or HEIC.")] = None,
    avatar: Annotated[
        str | None, typer.Option(help="An avatar's name (`liveface avatars list`) or folder, instead of a photo.")
    ] = None,
    face: Annotated[int | None, typer.Option(help="Which of several faces, counted from left to right.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A sound file at real time, instead of a microphone.")] = None,
    microphone: Annotated[str | None, typer.Option(help="Its number, or part of its name: `liveface devices`.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No window; ends in one line of JSON.")] = False,
    record: Annotated[
        Path | None, typer.Option(help="Without a window: write a video file, .mp4, of what is seen and heard.")
    ] = None,
    camera: Annotated[bool, typer.Option("--camera", help="Without a window: show the face in calls.")] = False,
    voice: Annotated[
        bool, typer.Option("--voice", help="Without a window: give the voice to calls, through a virtual microphone.")
    ] = False,
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
    liveliness: Annotated[float, typer.Option(help="How much head and brows move with the voice, 0 to 2.")] = 1.0,
    still: Annotated[bool, typer.Option("--still", help="No motion but speech: no blink, no nod, no sway.")] = False,
    backend: Annotated[
        Backend, typer.Option(help="openvino on the CPU; torch, torch-compile or tensorrt on an NVIDIA GPU.")
    ] = "openvino",
    whip: Annotated[
        str | None, typer.Option(help="Send face and voice to the WHIP server at this address, too.")
    ] = None,
    whip_token: Annotated[
        str | None,
        typer.Option(envvar=_TOKEN_VARIABLE, help="What that server wants to be shown; better in the environment."),
    ] = None,
) -> None:
    """Make a face speak live, from the microphone or a file at real time."""
    if audio is not None and microphone is not None:
        raise ConfigurationError("Both --audio and --microphone are given: choose one.")
    if lookahead is not None and latency_budget is not None:
        raise ConfigurationError("Both --lookahead and --latency-budget are given, which chooses it: give one.")
    budget = None if latency_budget is None else parse_budget(latency_budget)
    if not headless:
        if record is not None or camera or voice:
            raise ConfigurationError(
                "--record, --camera and --voice are for --headless: in the window they are buttons."
            )
        check_screen()
    prepared = None if avatar is None else find_avatar(avatar)
    if record is not None:
        check_film_name(record)
        check_output(record, [] if audio is None else [audio])
    width, height = parse_size(size)
    ahead = DEFAULT_LOOKAHEAD if lookahead is None else lookahead
    settings = Settings(width, height, ahead, mouth_amount, seed, backend, liveliness=liveliness, still=still)
    clock = MonotonicClock()
    plan, block_ms = None, CAPTURE_MS

    def load(folder: Path | None) -> Pipeline:
        return load_pipeline(settings, photo, prepared if photo or prepared else folder, face)

    def source_of(block_ms: int, stats: Stats) -> Source:
        if audio is None:
            return Microphone(microphone, clock, stats, block_ms, partial(print, file=sys.stderr, flush=True))
        return FileSource(
            audio,
            clock,
            stats,
            live=True,
            loop=seconds is not None,
            tell=partial(print, file=sys.stderr, flush=True),
        )

    def load_ahead(frames: int) -> Streamer:
        return load_streamer(replace(settings, lookahead=frames))

    board, gate = Noticeboard(), VoiceGate()
    outputs: dict[str, Callable[[], Sink]] = {}
    if whip is not None:
        from liveface.app.server.webrtc.whip_sink import WhipSink  # WebRTC takes a second to load

        def tell(text: str, is_problem: bool) -> None:
            if headless:
                print(text, file=sys.stderr, flush=True)
            else:
                board.tell(text, is_problem, subject="whip")

        outputs["whip"] = partial(WhipSink, whip, whip_token, tell=tell)
    with noted_signals() if headless else nullcontext(Ending()) as ending:
        if budget is not None:
            performer = load(None)
            plan = _planned(budget, performer, source_of, _BLOCKS_MS if audio is None else (CAPTURE_MS,), clock)
            print(plan, file=sys.stderr)
            ahead, block_ms = plan.lookahead, plan.block_ms
        if headless:
            performer = load(None) if plan is None else replace(performer, streamer=load_ahead(ahead))
            sinks = [make() for make in outputs.values()]
            sinks += _for_a_call(camera, voice, clock)
            recorder = None if record is None else Recorder(record, replaces=False, keeps_incomplete=True)
            if recorder is not None:
                sinks.append(_recording(recorder, clock))
            numbers = measure(performer, partial(source_of, block_ms), clock, seconds, sinks, ending)
            if recorder is not None and recorder.written is not None:
                print(f"recorded: {recorder.written}", file=sys.stderr)
            print(json.dumps(numbers if plan is None else numbers | {"budget": _kept(plan, numbers)}), flush=True)
    if ending.is_interrupt:
        raise KeyboardInterrupt
    if headless:
        return

    def make_source(heard: Heard, stats: Stats, check: Callable[[], None]) -> Source:
        if heard.file is None:
            return Microphone(heard.microphone or None, clock, stats, block_ms, board.tell_of_device, gate)
        sound = read_audio(heard.file, check=check, tell=lambda text: board.post(Notice(text, subject=str(heard.file))))
        return Player(sound, clock, stats, loop=seconds is not None)

    given: dict[str, Any] = {} if microphone is None else {"microphone": microphone}
    if lookahead is not None or plan is not None:
        given["lookahead"] = ahead
    opening = Opening(
        load,
        make_source,
        load_ahead,
        has_own_avatar=photo is not None or avatar is not None,
        board=board,
        gate=gate,
        given=given,
        sound=audio,
        size=(width, height),
        seconds=seconds,
        budget_ms=budget,
        outputs=outputs,
    )
    show(opening, clock)


def _for_a_call(camera: bool, voice: bool, clock: Clock) -> list[Sink]:
    """The virtual microphone and the virtual camera that are wanted, in step with each other."""
    chosen, openers = Preferences(), VideoCall(clock).openers
    return [openers[name](chosen) for name, is_wanted in (("voice", voice), ("camera", camera)) if is_wanted]


def _recording(recorder: Recorder, clock: Clock) -> Sink:
    """A sink that records in a thread of its own, and says on standard error what kept it from it."""
    fan_out = FanOut(clock, lambda _, error: print(f"liveface: {error}", file=sys.stderr, flush=True))
    fan_out.add("recording", recorder, _RECORDING_MS)
    return fan_out


def _planned(
    budget_ms: float,
    performer: Pipeline,
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
    performer: Pipeline,
    make_source: Callable[[Stats], Source],
    clock: Clock,
    seconds: float | None,
    sinks: Sequence[Sink] = (),
    ending: Ending | None = None,
) -> dict[str, Any]:
    """Perform without a window, until the source, the time or the program ends, and return what was measured."""
    ending = ending or Ending()
    stats = Stats()
    session = performer.session(make_source(stats), sinks, clock, stats)
    try:
        if not ending.is_asked:  # a signal may have come while the networks were loaded
            session.start()
        _wait(session, _SETTLED if seconds is None else min(_SETTLED, seconds / 2), ending, clock)
        settled = resident_memory()
        _wait(session, None if seconds is None else seconds - min(_SETTLED, seconds / 2), ending, clock)
    finally:
        session.stop()
    report = session.report()
    age, held = process_age(), resident_memory()
    return _numbers(report) | {
        "resident_mb": None if held is None else round(held / _MEGABYTE, 1),
        "resident_growth_mb": None if held is None or settled is None else round((held - settled) / _MEGABYTE, 1),
        "first_frame_s": (
            None if age is None or report.first_moment is None else round(report.first_moment - clock.now() + age, 2)
        ),
    }


def _wait(session: Session, seconds: float | None, ending: Ending, clock: Clock) -> None:
    until = math.inf if seconds is None else clock.now() + seconds
    while not ending.is_asked and (left := until - clock.now()) > 0 and not session.wait(min(_LOOK, left)):
        pass


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
