"""The command that turns a photo and a sound file into a video file."""

import time
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.clock import MonotonicClock
from app.config import DEFAULT_LOOKAHEAD, Backend, Settings, parse_size
from app.media_files import iterate_audio
from app.performer import load_performer
from app.recorder import SOUND_RATE, Recorder
from app.session import BareSink, Sink
from app.sources import FileSource
from app.stats import Stats
from engine.media import FPS, HOP, SAMPLE_RATE


def render(
    audio: Annotated[Path, typer.Option(help="Speech: any file with sound.")],
    out: Annotated[Path, typer.Option(help="The video to write, .mp4.")],
    photo: Annotated[Path | None, typer.Option(help="A JPEG, PNG or WebP picture of a face.")] = None,
    avatar: Annotated[
        Path | None, typer.Option(help="A folder made by `liveface prepare`, instead of a photo.")
    ] = None,
    face: Annotated[int | None, typer.Option(help="Which of several faces, counted from left to right.")] = None,
    size: Annotated[str, typer.Option(help="Width x height of the video.")] = "512x512",
    lookahead: Annotated[int, typer.Option(help="Frames heard ahead of each picture, 0 to 6.")] = DEFAULT_LOOKAHEAD,
    mouth_amount: Annotated[float, typer.Option(help="How far the mouth moves, 1 as learned.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of blinks and head motion.")] = 0,
    backend: Annotated[
        Backend, typer.Option(help="openvino on the CPU; torch, torch-compile or tensorrt on an NVIDIA GPU.")
    ] = "openvino",
) -> None:
    """Turn a photo and a sound file into a video file."""
    samples = sum(len(block) for block in iterate_audio(audio, SAMPLE_RATE))  # and the whole file is known to be good
    width, height = parse_size(size)
    performer = load_performer(Settings(width, height, lookahead, mouth_amount, seed, backend), photo, avatar, face)
    pictures = -(-samples // HOP)
    started = time.perf_counter()
    with (
        closing(iterate_audio(audio, SOUND_RATE // FPS, SOUND_RATE, channels=2)) as sound,
        _progress_bar(out.name, pictures) as bar,
    ):
        clock, stats = MonotonicClock(), Stats()
        sinks: list[Sink] = [Recorder(out, sound), BareSink(lambda frame: bar.advance(bar.task_ids[0]))]
        source = FileSource(audio, clock, stats, live=False)
        session = performer.session(source, sinks, clock, stats)
        session.start()
        try:
            session.wait()
        finally:
            session.stop()
    elapsed = time.perf_counter() - started
    seconds = pictures / FPS
    print(
        f"{out}: {seconds:.2f} s, {pictures} pictures of {width}x{height}, "
        f"in {elapsed:.1f} s ({seconds / elapsed:.1f} times real time)"
    )


def _progress_bar(name: str, total: int) -> Progress:
    """On a terminal only; in a log it would be noise."""
    console = Console(stderr=True)
    columns = (TextColumn(name), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    bar.add_task(name, total=total)
    return bar
