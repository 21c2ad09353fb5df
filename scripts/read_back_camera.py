"""Shows a speaking portrait in a virtual camera, reads it back with FFmpeg and measures what came.

    .venv/bin/python scripts/read_back_camera.py --seconds 10 --out out
    .venv/bin/python scripts/read_back_camera.py --draw frames.npz      # only draws, for a machine that is too slow
    .venv/bin/python scripts/read_back_camera.py --frames frames.npz    # shows what was drawn, and reads it back

Needs a virtual camera; scripts/test_camera_in_qemu.sh makes a machine that has one. Writes camera.json and camera.png,
the last picture that was read; fails if these are not 30 pictures a second that show the portrait and its mouth moving.
"""

import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import cv2
import imageio_ffmpeg
import numpy as np
import typer
from PIL import Image

from liveface.app.files.media_files import read_audio
from liveface.app.outputs.fan_out import FanOut
from liveface.app.outputs.virtual_camera import CameraLook, VirtualCamera
from liveface.app.session.clock import Clock, MonotonicClock, sleep_until
from liveface.app.session.pipeline import ASSETS, load_pipeline
from liveface.app.session.sources import FileSource
from liveface.app.session.stats import Stats
from liveface.app.settings import Settings, parse_size
from liveface.engine.drawing.camera_picture import fitted
from liveface.engine.media import FPS, HOP, Frame, Picture

SPEECH = ASSETS / "audio" / "speech.wav"
DRAWN = 50  # frames that are drawn beforehand, two seconds of speech
_MOMENT = re.compile(rb"pts_time:([0-9.]+)")


def main(
    seconds: Annotated[float, typer.Option()] = 10.0,
    out: Annotated[Path, typer.Option()] = Path("out"),
    size: Annotated[str, typer.Option(help="Of the camera.")] = "1280x720",
    frames: Annotated[Path | None, typer.Option()] = None,
    draw: Annotated[Path | None, typer.Option()] = None,
) -> None:
    """Perform, read back, compare, write."""
    if draw is not None:
        np.savez(draw, pictures=np.stack(list(drawn(DRAWN))))
        return
    width, height = parse_size(size)
    look, clock = CameraLook(width, height), MonotonicClock()
    outputs = FanOut(clock)
    with performing(outputs, clock) if frames is None else replaying(outputs, clock, frames) as portrait:
        camera = VirtualCamera(look, clock=clock)
        outputs.add("camera", camera)  # while it runs
        assert camera.device is not None
        pictures, moments = read(camera.device, look, seconds)
    numbers = measured(pictures, moments, fitted(portrait, width, height, look.fit, look.background))
    out.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pictures[-1]).save(out / "camera.png")
    (out / "camera.json").write_text(json.dumps(numbers | {"size": size}) + "\n", encoding="utf-8")
    assert abs(numbers["fps"] - look.fps) < 0.5, numbers
    assert numbers["likeness_to_portrait"] > 0.97, numbers
    assert numbers["mouth_motion"] > 1, numbers


@contextmanager
def performing(outputs: FanOut, clock: Clock) -> Iterator[Picture]:
    """A live session; yields its portrait."""
    performer = load_pipeline(Settings())
    source = FileSource(SPEECH, clock, Stats(), live=True, loop=True)
    session = performer.session(source, [outputs], clock, Stats())
    session.start()
    try:
        yield performer.avatar.photo
    finally:
        session.stop()


@contextmanager
def replaying(outputs: FanOut, clock: Clock, file: Path) -> Iterator[Picture]:
    """Frames that were drawn before, 25 a second; yields the first picture."""
    pictures, over = np.load(file)["pictures"], threading.Event()

    def replay() -> None:
        started, index = clock.now(), 0
        while not over.is_set():
            sleep_until(clock, started + index / FPS)
            outputs.send(Frame(index, pictures[index % len(pictures)], np.zeros(HOP, np.float32), True))
            index += 1

    outputs.open(pictures.shape[2], pictures.shape[1])
    thread = threading.Thread(target=replay)
    thread.start()
    try:
        yield pictures[0]
    finally:
        over.set()
        thread.join()
        outputs.close(completed=False)


def drawn(count: int) -> Iterator[Picture]:
    """The first pictures of a portrait that speaks the shipped sentence."""
    performer = load_pipeline(Settings())
    pcm = read_audio(SPEECH)[: count * HOP + performer.streamer.latency]
    for motion in performer.streamer.feed(pcm)[:count]:
        yield performer.renderer.draw([motion], [performer.avatar])[0].image


def read(device: str, look: CameraLook, seconds: float) -> tuple[list[Picture], list[float]]:
    """What FFmpeg reads: pictures, uint8 (height, width, 3) RGB, and the moments at which the driver had them, in s."""
    with tempfile.NamedTemporaryFile() as file:
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-hide_banner",
            "-y",
            "-f",
            "v4l2",
            "-i",
            device,
            "-t",
            str(seconds),
        ]
        command += ["-vf", "showinfo=checksum=0", "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-f", "rawvideo"]
        done = subprocess.run([*command, file.name], capture_output=True, timeout=seconds + 120, check=False)
        if done.returncode:
            raise SystemExit(done.stderr.decode(errors="replace"))
        frames = np.fromfile(file.name, np.uint8).reshape(-1, look.height * 3 // 2, look.width)
    pictures = [cv2.cvtColor(frame, cv2.COLOR_YUV2RGB_I420) for frame in frames]
    return pictures, [float(moment) for moment in _MOMENT.findall(done.stderr)][: len(frames)]


def measured(pictures: list[Picture], moments: list[float], portrait: Picture) -> dict[str, float]:
    """What was read, in numbers: intervals in ms, the share of pictures that differ from the one before."""
    intervals = np.diff(moments) * 1000
    changes = [bool((one != other).any()) for one, other in pairwise(pictures)]
    mean = np.mean(pictures[:: max(1, len(pictures) // 50)], axis=0)
    height, width = portrait.shape[:2]
    mouths = np.stack([one[height // 2 :, width // 3 : -width // 3, 0] for one in pictures[:100]]).astype(np.float32)
    return {
        "pictures": len(pictures),
        "fps": round((len(moments) - 1) / (moments[-1] - moments[0]), 2),
        **{f"interval_ms_p{part}": round(float(np.percentile(intervals, part)), 1) for part in (5, 50, 95, 99)},
        "changed": round(float(np.mean(changes)), 3),
        "likeness_to_portrait": round(float(np.corrcoef(mean.ravel(), portrait.ravel())[0, 1]), 4),
        "mouth_motion": round(float(np.percentile(mouths.std(axis=0), 99)), 2),
    }


if __name__ == "__main__":
    typer.run(main)
