"""Other voices from the same recording: speed, pitch, formants, room, noise, gain and telephone; it knows no labels.

Speed resamples the sound, which moves pitch and formants with it and shortens the recording: whoever holds labels in
time must follow `speed`. Formants alone move on the features' mel axis. Sound is float32 at 16 kHz, full scale 1.
"""

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from liveface.engine.hearing.features import MEL_BINS
from liveface.engine.media import SAMPLE_RATE, Samples

Array = NDArray[np.float32]

_MU = 255.0  # of mu-law, the code of digital telephones


@dataclass(frozen=True, slots=True)
class Voice:
    """One random treatment of a recording; the default leaves it as it is.

    `speed`: factor of tempo, pitch and formants. `formants`: factor of formants alone. `tilt`: gain in dB of four bands
    of the mel axis. `reverberation`: seconds until the room has faded by 60 dB. `noise`: signal-to-noise ratio in dB.
    `colour`: noise spectrum, 0 white to 1 brown. `band`: Hz passed by a telephone or codec. `gain`: dB.
    """

    speed: float = 1.0
    formants: float = 1.0
    tilt: tuple[float, ...] = ()
    reverberation: float = 0.0
    noise: float | None = None
    colour: float = 0.5
    band: tuple[float, float] | None = None
    coarse: bool = False
    gain: float = 0.0

    @classmethod
    def random(cls, generator: Generator, strength: float = 1.0) -> "Voice":
        """A voice at most `strength` times as far from the original as another speaker in another room may be."""
        telephone = generator.random() < 0.15
        return cls(
            speed=float(np.exp(generator.uniform(-0.16, 0.16) * strength)),
            formants=float(np.exp(generator.uniform(-0.14, 0.14) * strength)),
            tilt=tuple((generator.normal(0.0, 3.0, 4) * strength).tolist()),
            reverberation=float(generator.uniform(0.1, 0.6)) * strength if generator.random() < 0.3 else 0.0,
            noise=float(generator.uniform(10.0, 40.0)) / strength if generator.random() < 0.4 else None,
            colour=float(generator.random()),
            band=(float(generator.uniform(80, 320)), float(generator.uniform(3300, 6800))) if telephone else None,
            coarse=telephone and bool(generator.random() < 0.5),
            gain=float(generator.uniform(-12.0, 8.0)),
        )

    def speak(self, pcm: Samples, generator: Generator) -> Samples:
        """The recording in this voice, `len(pcm) / speed` samples; `formants` and `tilt` are for `colour_features`."""
        sound = pcm.astype(np.float32)
        if self.speed != 1.0:
            sound = soxr.resample(sound, SAMPLE_RATE * self.speed, SAMPLE_RATE, quality="LQ").astype(np.float32)
        if self.reverberation > 0.0:
            sound = _reverberate(sound, self.reverberation, generator)
        if self.noise is not None:
            level = _loudness(sound) * 10 ** (-self.noise / 20)
            sound = sound + level * coloured_noise(len(sound), self.colour, generator)
        if self.band is not None:
            low, high = self.band
            filters = butter(4, (low, high), btype="bandpass", fs=SAMPLE_RATE, output="sos")
            sound = np.asarray(sosfilt(filters, sound), np.float32)
        if self.coarse:
            sound = _mu_law(sound)
        return np.asarray(sound * 10 ** (self.gain / 20), np.float32)

    def colour_features(self, mel: Array) -> Array:
        """Features (hops, 80) with the formants moved and the spectrum tilted."""
        if self.formants != 1.0:
            mel = mel @ formant_matrix(self.formants)
        if self.tilt:
            bands = np.interp(np.linspace(0, 1, MEL_BINS), np.linspace(0, 1, len(self.tilt)), self.tilt)
            # Features are ln(power / level + 1e-6): a gain must not lift the floor of silence.
            mel = np.log(np.exp(mel) * (10 ** (bands / 10)).astype(np.float32) + np.float32(1e-7))
        return mel.astype(np.float32)


def formant_matrix(factor: float) -> Array:
    """The (80, 80) interpolation that moves everything on the features' mel axis from f Hz to factor * f Hz."""
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (60.0, 7600.0))
    mel = np.linspace(lowest, highest, MEL_BINS + 2)[1:-1]
    source = 2595 * np.log10(1 + (700 * (10 ** (mel / 2595) - 1)) / factor / 700)
    place = np.clip((source - mel[0]) / (mel[1] - mel[0]), 0, MEL_BINS - 1)
    below = np.minimum(place.astype(int), MEL_BINS - 2)
    matrix = np.zeros((MEL_BINS, MEL_BINS), np.float32)
    matrix[below, np.arange(MEL_BINS)] = 1.0 - (place - below)
    matrix[below + 1, np.arange(MEL_BINS)] += place - below
    return matrix


def coloured_noise(count: int, colour: float, generator: Generator) -> Samples:
    """Stationary noise of RMS 1 whose power falls with frequency to the power of `2 * colour`."""
    spectrum = np.fft.rfft(generator.standard_normal(count))
    frequency = np.maximum(np.arange(len(spectrum)) / len(spectrum), 0.005)
    noise = np.fft.irfft(spectrum * frequency**-colour, count)
    return np.asarray(noise / (noise.std() + 1e-9), np.float32)


def _loudness(sound: Samples) -> float:
    """RMS of the louder half of a recording."""
    frames = np.square(sound[: len(sound) // 320 * 320].reshape(-1, 320)).mean(axis=1)
    return float(np.sqrt(np.sort(frames)[len(frames) // 2 :].mean())) if len(frames) else 0.0


def _reverberate(sound: Samples, seconds: float, generator: Generator) -> Samples:
    """A room: the direct sound, and noise that fades by 60 dB in `seconds`, 6 to 14 dB below it."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = generator.standard_normal(len(time)) * 10 ** (-3.0 * time / seconds)
    tail *= 10 ** (-generator.uniform(6.0, 14.0) / 20) / (np.linalg.norm(tail) + 1e-9)
    tail[0] = 1.0
    return np.asarray(fftconvolve(sound, tail)[: len(sound)], np.float32)


def _mu_law(sound: Samples) -> Samples:
    """Eight bits a sample, as a telephone line carries it."""
    peak = float(np.abs(sound).max()) + 1e-9
    coded = np.sign(sound) * np.log1p(_MU * np.abs(sound) / peak) / np.log1p(_MU)
    rounded = np.round(coded * 127) / 127
    return np.asarray(np.sign(rounded) * peak * np.expm1(np.abs(rounded) * np.log1p(_MU)) / _MU, np.float32)
