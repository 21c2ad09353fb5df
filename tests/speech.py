"""Sounds for tests: spoken sentences from a synthesiser, where one is installed, and steady noises."""

import shutil
import subprocess
import tempfile
import wave
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from liveface.engine.media import HOP, SAMPLE_RATE, Samples

NOISES = ("white", "pink", "brown", "fan", "hum")
SENTENCE = "Pat put a big bottle of milk back on top of the paper box, and Bob stopped to sip some soup."


def noise(kind: str, dbfs: float, seconds: float, seed: int = 0) -> Samples:
    """Steady noise of this RMS. float32 (16000 seconds,)."""
    count = round(SAMPLE_RATE * seconds)
    time = np.arange(count) / SAMPLE_RATE
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
    hertz = np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 20)
    steepness = {"white": 0, "pink": 0.5, "brown": 1, "fan": 1, "hum": 0.5}[kind]
    pcm = np.fft.irfft(spectrum / hertz**steepness, count)
    pcm /= pcm.std()
    if kind == "fan":
        pcm += 0.7 * np.sin(2 * np.pi * 120 * time) + 0.4 * np.sin(2 * np.pi * 240 * time)
    if kind == "hum":
        pcm = 0.1 * pcm + np.sin(2 * np.pi * 50 * time) + 0.5 * np.sin(2 * np.pi * 150 * time)
    return np.asarray(pcm * 10 ** (dbfs / 20) / np.sqrt(np.square(pcm).mean()), np.float32)


@lru_cache(maxsize=1)
def spoken() -> tuple[Samples, int, int]:
    """A sentence full of plosives between two stretches of digital silence, its first frame and the one after its last.

    Skips the test if no flite is installed.
    """
    if shutil.which("flite") is None:
        pytest.skip("flite is not installed (apt-get install flite)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", "slt", "-t", SENTENCE, "-o", str(path)], check=True, capture_output=True)
        with wave.open(str(path)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE, 1, 2)
            voice = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(voice) > 0.02 * np.abs(voice).max())
    voice = voice[loud[0] : loud[-1] + 1]
    start = 20  # frames of silence on either side, more or less
    pcm = np.zeros((2 * start + -(-voice.size // HOP)) * HOP, np.float32)
    pcm[start * HOP : start * HOP + voice.size] = voice
    return pcm, start, start + -(-voice.size // HOP)
