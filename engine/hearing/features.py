"""Log-mel features of speech, level-normalised and strictly causal; knows nothing of networks or faces.

The sound of frame k is samples [640k, 640k + 640). It owns exactly the four mel hops 4k to 4k + 3; hop j is taken from
samples [160j - 240, 160j + 160), so no feature of frame k hears a sample beyond the frame's own end.

    power[j, b]    = sum over f of weight[b, f] * |FFT512(hann400 * samples of hop j)[f]|^2
    loudness[k]    = mean of power over the four hops and 80 bins of frame k
    level[k]       = max(loudness[k], RELEASE * level[k - 1], FLOOR),  level[-1] = FLOOR
    feature[j, b]  = ln(power[j, b] / level[j // 4] + 1e-6)

The level rises at once and falls slowly, so it follows the loud syllables of whoever speaks. Because power is divided
by the level before the constant of the logarithm is added, any gain cancels while the level stays above the floor.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import AudioError
from liveface.engine.media import FPS, HOP, SAMPLE_RATE, Samples

MEL_BINS = 80
HOPS_PER_FRAME = 4
FRAME_HISTORY = 240  # samples before a frame that its first hop needs

_MEL_HOP = HOP // HOPS_PER_FRAME  # 160 samples, 10 ms
_WINDOW = _MEL_HOP + FRAME_HISTORY  # 400 samples, 25 ms
_FFT = 512
_LOWEST, _HIGHEST = 60.0, 7600.0  # Hz
_POWER_OFFSET = np.float32(1e-6)  # 60 dB below the level: quieter detail is noise to the network

RELEASE = 10.0 ** (-3.0 / 10.0 / FPS)  # power per frame: the level falls by 3 dB a second
FLOOR_DBFS = -50.0  # white noise of this RMS is the lowest level; speech has its loud frames 10 dB above its mean

Array = NDArray[np.float32]


def log_mel(pcm: Samples) -> Array:
    """Log-mel without level normalisation: ln(power + 1e-6).

    `pcm`: float32 (240 + 640 n,), 240 samples of history and then n frames. Returns float32 (4 n, 80).
    """
    features: Array = np.log(_mel_power(pcm) + _POWER_OFFSET)
    return features.reshape(-1, MEL_BINS)


@dataclass(frozen=True, slots=True)
class LevelTracker:
    """The decaying peak of loudness, as a value. `level`: mel power, linear; 0 before anything was heard."""

    level: float = 0.0

    @classmethod
    def heard(cls, dbfs: float) -> "LevelTracker":
        """The tracker of someone who has just heard sound as loud as white noise of this RMS."""
        return cls(_white_power() * 10 ** (dbfs / 10))

    def follow(self, loudness: float) -> "LevelTracker":
        """The tracker after a frame of the given loudness (mean mel power)."""
        return LevelTracker(max(loudness, self.level * RELEASE, LevelTracker.heard(FLOOR_DBFS).level))


def normalised_features(pcm: Samples, tracker: LevelTracker = LevelTracker()) -> Array:
    """Features of a whole recording: the streaming code fed once.

    `pcm`: float32 (640 T,), full scale 1. `tracker`: what was heard before; by default nothing.
    Returns float32 (4 T, 80).
    """
    return FeatureExtractor(FeatureState(tracker=tracker)).feed(pcm)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureState:
    """All that the features remember. `history`: float32 (240,), the last samples heard."""

    history: Samples = field(default_factory=lambda: np.zeros(FRAME_HISTORY, np.float32))
    tracker: LevelTracker = field(default_factory=LevelTracker)


class FeatureExtractor:
    """Turns whole frames of sound into features, any number at a time, with bit-identical results.

    `state` is a value: it may be read and put back.
    """

    def __init__(self, state: FeatureState | None = None) -> None:
        self.state = state or FeatureState()

    def reset(self) -> None:
        """Forget everything heard: equal to a new extractor."""
        self.state = FeatureState()

    def feed(self, pcm: Samples) -> Array:
        """Features of the next n frames. `pcm`: float32 (640 n,), finite. Returns float32 (4 n, 80)."""
        if pcm.ndim != 1 or pcm.size % HOP:
            raise AudioError(f"Features need whole frames of {HOP} samples in one channel, found shape {pcm.shape}.")
        heard = np.concatenate((self.state.history, pcm.astype(np.float32, copy=False)))
        power = _mel_power(heard)
        tracker = self.state.tracker
        levels = np.empty((len(power), 1, 1), np.float32)
        for frame, loudness in enumerate(power.reshape(-1, HOPS_PER_FRAME * MEL_BINS).mean(axis=1).tolist()):
            tracker = tracker.follow(loudness)
            levels[frame] = tracker.level
        self.state = FeatureState(heard[-FRAME_HISTORY:].copy(), tracker)
        features: Array = np.log(power / levels + _POWER_OFFSET)
        return features.reshape(-1, MEL_BINS)


def _mel_power(pcm: Samples) -> Array:
    """float32 (240 + 640 n,) to float32 (n, 4, 80).

    The product is taken frame by frame ((4, 257) times (257, 80), n times): one product of all the hops would round
    differently for different n.
    """
    if pcm.size < FRAME_HISTORY + HOP:
        return np.zeros((0, HOPS_PER_FRAME, MEL_BINS), np.float32)
    hops = np.lib.stride_tricks.sliding_window_view(pcm, _WINDOW)[::_MEL_HOP].reshape(-1, HOPS_PER_FRAME, _WINDOW)
    spectrum = np.fft.rfft(hops * _hann(), _FFT)
    energy = np.square(spectrum.real) + np.square(spectrum.imag)
    power: Array = np.matmul(energy.astype(np.float32, copy=False), _filterbank())
    return power


@lru_cache(maxsize=1)
def _hann() -> Array:
    """The periodic Hann window, float32 (400,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)).astype(np.float32)


@lru_cache(maxsize=1)
def _filterbank() -> Array:
    """Triangles of peak 1, equally spaced on the mel scale 2595 log10(1 + f / 700). float32 (257, 80).

    The lowest triangles are narrower than an FFT bin, so each weight is the triangle's mean over the bin's width:
    sampled at the bin's centre some filters would be empty.
    """
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (_LOWEST, _HIGHEST))
    edges = 700 * (10 ** (np.linspace(lowest, highest, MEL_BINS + 2) / 2595) - 1)
    parts = 32
    bins = np.arange(_FFT // 2 + 1)[:, None] + (np.arange(parts) + 0.5) / parts - 0.5
    frequency = bins[..., None] * (SAMPLE_RATE / _FFT)  # (257, 32, 1)
    rising = (frequency - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequency) / (edges[2:] - edges[1:-1])
    weights: Array = np.clip(np.minimum(rising, falling), 0, None).mean(axis=1).astype(np.float32)
    return weights


@lru_cache(maxsize=1)
def _white_power() -> float:
    """The mean mel power of white noise of RMS 1."""
    return float(np.sum(np.square(_hann())) * np.sum(_filterbank(), axis=0).mean())
