"""The command that shows what the program does, with a shipped portrait and a shipped sentence, and measures it."""

import math
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from liveface.app.commands.run import measure, run
from liveface.app.desktop.display_check import check_screen
from liveface.app.files.atomic_write import write_whole
from liveface.app.outputs.recorder import Recorder
from liveface.app.session.clock import Clock, MonotonicClock
from liveface.app.session.pipeline import ASSETS, Pipeline, load_pipeline
from liveface.app.session.session import Sink
from liveface.app.session.sources import FileSource
from liveface.app.session.stats import Stats
from liveface.app.settings import Settings
from liveface.engine.errors import DeviceError, OutputError
from liveface.engine.media import FPS, Frame, Picture

SPEECH = ASSETS / "audio" / "speech.wav"


def demo(
    out: Annotated[Path, typer.Option(help="The folder of the files, where there is no display.")] = Path("out"),
) -> None:
    """Show a shipped portrait speaking a shipped sentence, and measure it."""
    try:
        check_screen()
    except DeviceError as error:
        print(f"{error.found}: files are made instead of a window.", flush=True)
        _show_in_files(out)
    else:
        run(audio=SPEECH)


def _show_in_files(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {out} cannot be made ({error.strerror}): choose another with --out.") from error
    clock = MonotonicClock()
    performer = load_pipeline(Settings())
    print("Speaking in real time, to be measured ...", flush=True)
    numbers = measure(performer, lambda stats: FileSource(SPEECH, clock, stats, live=True), clock, None)
    delay = numbers["mic_to_picture_ms"]
    print(
        f"{numbers['fps']:.1f} fps, {numbers['skipped']} of {numbers['frames']} pictures skipped, mic to picture "
        + (f"p50 {delay['p50']:.0f} ms, p95 {delay['p95']:.0f} ms" if delay else "too late on this busy machine")
        + (f", first picture {first:.1f} s after the start" if (first := numbers["first_frame_s"]) is not None else "")
    )
    video, sheet = out / "demo.mp4", out / "demo.png"
    _record(performer, [Recorder(video), ContactSheet(sheet)], clock)
    print(f"{video}: the video\n{sheet}: some of its pictures")


def _record(performer: Pipeline, sinks: list[Sink], clock: Clock) -> None:
    stats = Stats()
    session = performer.session(FileSource(SPEECH, clock, stats, live=False), sinks, clock, stats)
    session.start()
    try:
        session.wait()
    finally:
        session.stop()


class ContactSheet:
    """A sink that makes a picture file of pictures: two and a half of each second, row by row."""

    INTERVAL = FPS * 2 // 5  # frames
    COLUMNS = 8
    WIDTH = 192  # pixels, of one

    def __init__(self, path: Path) -> None:
        """`path` ends in a picture format's name, such as .png."""
        self._path = path
        self._pictures: list[Picture] = []

    def open(self, width: int, height: int) -> None:
        """Take pictures of that many pixels."""
        self._size = (self.WIDTH, self.WIDTH * height // width)

    def send(self, frame: Frame) -> None:
        """Keep the frame's picture if its turn has come."""
        if frame.index % self.INTERVAL == 0:
            self._pictures.append(cv2.resize(frame.image, self._size, interpolation=cv2.INTER_AREA).astype(np.uint8))

    def close(self, completed: bool) -> None:
        """Write the file if everything came; may be called twice. Raises `OutputError`."""
        pictures, self._pictures = self._pictures, []
        if not (completed and pictures):
            return
        empty = math.ceil(len(pictures) / self.COLUMNS) * self.COLUMNS - len(pictures)
        pictures += [np.zeros_like(pictures[0])] * empty
        rows = [np.hstack(pictures[start : start + self.COLUMNS]) for start in range(0, len(pictures), self.COLUMNS)]
        encoded = cv2.imencode(self._path.suffix, cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))[1]
        try:
            write_whole(self._path, encoded.tobytes())
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written ({error.strerror}): choose another folder.") from error
