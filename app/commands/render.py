"""The command that turns a photo and a sound file into a video file."""

import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from liveface.app.files.media_files import iterate_audio
from liveface.app.files.output_file import check_output
from liveface.app.library.avatar_folders import find_avatar
from liveface.app.outputs.recorder import SOUND_RATE, Recorder, check_film_name
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import load_pipeline
from liveface.app.session.session import BareSink, Sink
from liveface.app.session.sources import FileSource
from liveface.app.session.stats import Stats
from liveface.app.settings import DEFAULT_LOOKAHEAD, Backend, Settings, parse_size, parse_units
from liveface.engine.media import FPS, HOP, SAMPLE_RATE


def render(
    audio: Annotated[Path, typer.Option(help="Speech: any file with sound.")],
    out: Annotated[Path, typer.Option(help="The video to write, .mp4.")],
    photo: Annotated[Path | None, typer.Option(help="A picture of a face: JPEG, PNG, WebP, AVIF or HEIC.")] = None,
    avatar: Annotated[
        str | None, typer.Option(help="An avatar's name (`liveface avatars list`) or folder, instead of a photo.")
    ] = None,
    face: Annotated[int | None, typer.Option(help="Which of several faces, counted from left to right.")] = None,
    size: Annotated[str, typer.Option(help="Width x height of the video.")] = "512x512",
    lookahead: Annotated[int, typer.Option(help="Frames heard ahead of each picture, 0 to 6.")] = DEFAULT_LOOKAHEAD,
    mouth_amount: Annotated[float, typer.Option(help="How far the mouth moves, 1 as learned.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of blinks and head motion.")] = 0,
    unit: Annotated[
        list[str] | None,
        typer.Option(help="An Action Unit and what to add to its intensity, -5 to 5, such as 18=1.5; repeatable."),
    ] = None,
    liveliness: Annotated[float, typer.Option(help="How much head and brows move with the voice, 0 to 2.")] = 1.0,
    still: Annotated[bool, typer.Option("--still", help="No motion but speech: no blink, no nod, no sway.")] = False,
    backend: Annotated[
        Backend, typer.Option(help="openvino on the CPU; torch, torch-compile or tensorrt on an NVIDIA GPU.")
    ] = "openvino",
    force: Annotated[bool, typer.Option("--force", help="Replace an older file of that name.")] = False,
) -> None:
    """Turn a photo and a sound file into a video file."""
    folder = None if avatar is None else find_avatar(avatar)
    check_film_name(out)
    check_output(out, [audio, *_files_of(photo), *_files_of(folder)], force)
    if out.exists():
        print(f"{out} exists and is replaced at the end ({out.stat().st_size} bytes).", file=sys.stderr, flush=True)
    tell = partial(print, file=sys.stderr, flush=True)
    # And the whole file is known to be good.
    samples = sum(len(block) for block in iterate_audio(audio, SAMPLE_RATE, tell=tell))
    width, height = parse_size(size)
    settings = Settings(
        width, height, lookahead, mouth_amount, seed, backend, parse_units(unit or []), liveliness, still
    )
    performer = load_pipeline(settings, photo, folder, face)
    pictures = -(-samples // HOP)
    started = time.perf_counter()
    with (
        closing(iterate_audio(audio, SOUND_RATE // FPS, SOUND_RATE, channels=2)) as sound,
        _progress_bar(out.name, pictures) as bar,
    ):
        clock, stats = MonotonicClock(), Stats()
        recorder = Recorder(out, sound, replaces=force)
        sinks: list[Sink] = [recorder, BareSink(lambda frame: bar.advance(bar.task_ids[0]))]
        source = FileSource(audio, clock, stats, live=False)
        session = performer.session(source, sinks, clock, stats)
        session.start()
        try:
            session.wait()
        finally:
            session.stop()
    elapsed = time.perf_counter() - started
    seconds = pictures / FPS
    written = recorder.written or out
    if written != out:
        print(f"{out} was made by another program meanwhile: this video is {written}.", file=sys.stderr)
    print(
        f"{written}: {seconds:.2f} s, {pictures} pictures of {width}x{height}, "
        f"in {elapsed:.1f} s ({seconds / elapsed:.1f} times real time)"
    )


def _files_of(path: Path | None) -> list[Path]:
    """A file itself, or what lies in a folder."""
    if path is None:
        return []
    return list(path.iterdir()) if path.is_dir() else [path]


def _progress_bar(name: str, total: int) -> Progress:
    """On a terminal only; in a log it would be noise."""
    console = Console(stderr=True)
    columns = (TextColumn(name), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    bar.add_task(name, total=total)
    return bar
