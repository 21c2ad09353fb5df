"""Measures whether a head nods with the voice: its speed against the rise of loudness, and the same with other sound.

    python scripts/measure_liveliness.py speech.wav other.opus

For each file of 4 s or more: the correlation of how fast the head nods with how fast loudness rises, best of 0 to 2
pictures of delay, and the mean of the same with the sound moved by 1 s or more (50 times). Ends in one line of JSON.
Without files it is the shipped speech.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.app.files.media_files import read_audio
from liveface.app.session.pipeline import ASSETS, load_streamer
from liveface.app.settings import Settings
from liveface.engine.drawing.liveliness import Liveliness
from liveface.engine.media import FPS, SAMPLE_RATE, Samples

_DELAYS = range(3)  # pictures
_MOVES = 50
_QUIET = -50.0  # dBFS, below which loudness does not count
_LONGEST = 30 * SAMPLE_RATE  # samples that are heard of a file


def correlations(pcm: Samples, seed: int) -> tuple[float, float]:
    """With the sound itself, and the mean with the sound moved."""
    streamer, liveliness = load_streamer(Settings()), Liveliness(seed)
    motions = [liveliness.enliven(motion) for motion in streamer.feed(pcm) + streamer.flush()]
    power = np.array([np.square(motion.pcm).mean() for motion in motions])
    loudness = np.maximum(10 * np.log10(power + 1e-9), _QUIET)
    rise = np.maximum(np.diff(loudness, prepend=loudness[0]), 0.0)
    pitch = np.array([motion.expression.pitch for motion in motions])
    speed = np.abs(np.diff(pitch, prepend=pitch[0]))
    random = np.random.default_rng(seed)
    moved = [_best(np.roll(rise, random.integers(FPS, len(rise) - FPS)), speed) for _ in range(_MOVES)]
    return _best(rise, speed), float(np.mean(moved))


def _best(rise: NDArray[np.float64], speed: NDArray[np.float64]) -> float:
    return max(float(np.corrcoef(rise[: len(rise) - delay], speed[delay:])[0, 1]) for delay in _DELAYS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sound", type=Path, nargs="*", default=[ASSETS / "audio" / "speech.wav"])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found = {}
    for path in arguments.sound:
        pcm = read_audio(path)[:_LONGEST]
        if len(pcm) >= 4 * SAMPLE_RATE:
            found[path.name] = correlations(pcm, arguments.seed)
    own, other = np.mean(list(found.values()), axis=0)
    print(json.dumps({"files": len(found), "own_sound": round(own, 3), "moved_sound": round(other, 3)}))


if __name__ == "__main__":
    main()
