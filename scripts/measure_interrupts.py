"""Interrupt a face that speaks, at many moments, and print how long it takes until its mouth is closed.

    python scripts/measure_interrupts.py --interrupts 50 --size 512x512

From the call to the handing over of the first picture that was drawn with a closed mouth, in milliseconds, and how many
samples of stale sound were handed over after the call. The last line is one JSON object.
"""

import argparse
import json
import threading
import time
from collections import deque

import numpy as np

from liveface.app.files.media_files import iterate_audio
from liveface.app.server.sessions.pcm_source import PacedSource
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import ASSETS, Pipeline, load_pipeline
from liveface.app.session.stats import Stats
from liveface.app.settings import Settings, parse_size
from liveface.engine.drawing.renderer import Renderer
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import SAMPLE_RATE, Frame, Motion, Picture

SPEAKING = 1.0  # s before each interrupt, and up to a frame more


class Notebook:
    """A renderer that remembers of its latest pictures which have a closed mouth."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._latest: deque[tuple[Picture, bool]] = deque(maxlen=50)

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        """Draw, and take a note."""
        frames = self._renderer.draw(motions, avatars)
        self._latest.extend((frame.image, not motion.code.any()) for frame, motion in zip(frames, motions, strict=True))
        return frames

    def is_closed(self, image: Picture) -> bool:
        """Whether a picture shows a closed mouth."""
        return any(is_closed for one, is_closed in list(self._latest) if one is image)


class Witness:
    """A sink that tells when the first picture with a closed mouth comes after an interrupt."""

    def __init__(self, notebook: Notebook) -> None:
        self.shown = 0
        self.stale = 0
        self.is_waiting = False
        self.moment = 0.0
        self.closed = threading.Event()
        self._notebook = notebook

    def open(self, width: int, height: int) -> None:
        """Nothing to open."""

    def send(self, frame: Frame) -> None:
        """Look at a frame."""
        self.shown = frame.index + 1
        if self.is_waiting:
            self.stale += int(np.count_nonzero(frame.pcm))
            if self._notebook.is_closed(frame.image):
                self.moment = time.perf_counter()
                self.is_waiting = False
                self.closed.set()

    def close(self, completed: bool) -> None:
        """Nothing to close."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interrupts", type=int, default=30)
    parser.add_argument("--size", type=parse_size, default=(512, 512))
    options = parser.parse_args()
    loaded = load_pipeline(Settings(*options.size))
    notebook = Notebook(loaded.renderer)
    delays, stale, skipped = measure(
        Pipeline(loaded.streamer, notebook, loaded.avatar, loaded.liveliness), notebook, options.interrupts
    )
    p50, p95 = np.percentile(delays, (50, 95))
    print(
        json.dumps(
            {
                "interrupt_to_closed_mouth_ms": {"p50": round(p50), "p95": round(p95), "max": round(max(delays))},
                "stale_samples": stale,
                "skipped": skipped,
            }
        )
    )


def measure(performer: Pipeline, notebook: Notebook, count: int) -> tuple[list[float], int, int]:
    """Delays in milliseconds, samples of stale sound, pictures left out."""
    clock, stats, witness = MonotonicClock(), Stats(), Witness(notebook)
    source = PacedSource(clock)
    speech = np.concatenate([block[:, 0] for block in iterate_audio(ASSETS / "audio" / "speech.wav", SAMPLE_RATE)])
    random = np.random.default_rng(0)
    session = performer.session(source, [witness], clock, stats)
    session.start()
    delays = []
    try:
        for _ in range(count):
            source.push(speech, SAMPLE_RATE)
            time.sleep(SPEAKING + random.uniform(0, 0.04))
            source.clear(witness.shown)
            witness.closed.clear()
            began = time.perf_counter()
            session.interrupt()
            witness.is_waiting = True
            if not witness.closed.wait(5):
                raise TimeoutError("The mouth was not closed within 5 s.")
            delays.append((witness.moment - began) * 1000)
    finally:
        session.stop()
    return delays, witness.stale, stats.report().skipped


if __name__ == "__main__":
    main()
