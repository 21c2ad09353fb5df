"""Opens the mouth for speech, and closes it for silence and steady noise; knows nothing of motion.

A frame is speech if one of four bands stands clear of the room's noise, which is the quietest 120 ms that the band had
in the last two seconds, and clear of a fixed floor, so that noise of -50 dBFS is silence from its first frame on, and
if webrtcvad has heard a voice within the last frames. The bands hear weak consonants in quiet speech and learn any
steady noise in two seconds; the voice detector shortens that for most noises, but takes some loud ones for speech.

Measured on 57 utterances of 4 corpora with two frames of lookahead, mean opening: vowels 0.998, sibilants 0.994, weak
fricatives 0.979, plosives 0.991, bilabials 0.994 at the recorded level; 0.98, 0.95, 0.91, 0.96, 0.96 at -45 dBFS RMS.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
import webrtcvad

from engine.media import HOP, SAMPLE_RATE, Samples

_BAND_EDGES = (125, 500, 1500, 3500, 7600)  # Hz; below lie hum and rumble
_CONTRAST = (10.0, 9.0, 8.0, 8.0)  # dB above the room's noise: steady noise of a narrow band swings further
_FLOOR = (-49.0, -53.0, -52.0, -48.0)  # dBFS: 4 dB or more above white, pink and fan noise of -50 dBFS
_PRESUMED_NOISE = 8.0  # dB below the floor: the room's noise before it has been heard
_MEMORY = 50  # frames, 2 s
_SMOOTHING = 3  # frames averaged before the quietest is sought
_VOICE_MEMORY = 8  # frames after the last voiced one: unvoiced ends of words
_VOICE_STEP = 320  # 20 ms, a length that webrtcvad accepts
_VOICE_STRICTNESS = 2  # of 0 to 3

_HANGOVER = 6  # frames: plosive closures, and pauses inside a phrase
_CLOSING = (0.8, 0.6, 0.4, 0.2)  # the frames after the hangover
_OPENING = (2 / 3, 1 / 3)  # one and two frames before speech, when lookahead lets them be known

_WINDOW: Samples = np.hanning(HOP + 2)[1:-1].astype(np.float32)
_WINDOW /= np.sqrt(HOP / 2 * np.square(_WINDOW).sum())  # a band's power is then its share of the mean square
_BAND_BINS = np.array(_BAND_EDGES) * HOP // SAMPLE_RATE
_FLOOR_POWER = 10.0 ** (np.array(_FLOOR) / 10)
_PRESUMED_POWER = _FLOOR_POWER * 10.0 ** (-_PRESUMED_NOISE / 10)
_CONTRAST_FACTOR = 10.0 ** (np.array(_CONTRAST) / 10)


class Gate(NamedTuple):
    """`opening`: 0 (silence) to 1 (speech), factor of all motion. `speaking`: somebody speaks or pauses briefly."""

    opening: float
    speaking: bool


class SilenceGate:
    """Hears one frame at a time and tells the gate of the frame `lookahead` frames earlier."""

    def __init__(self, lookahead: int) -> None:
        """`lookahead`: frames, >= 0."""
        closing = (1.0,) * _HANGOVER + _CLOSING
        opening = _OPENING[: min(lookahead, len(_OPENING))]
        # the gate is the largest of weight[i] over the speech frames i of the remembered ones, oldest first
        self._weights = (*reversed(closing), 1.0, *opening, *(0.0,) * (lookahead - len(opening)))
        self.reset()

    def reset(self) -> None:
        """Forget everything heard: equal to a new gate."""
        self._speech = deque([False] * len(self._weights), maxlen=len(self._weights))
        self._quietest = np.tile(_PRESUMED_POWER, (_MEMORY, 1))
        self._recent = np.tile(_FLOOR_POWER, (_SMOOTHING, 1))
        self._voice = webrtcvad.Vad(_VOICE_STRICTNESS)
        self._since_voice = _VOICE_MEMORY + 1
        self._heard = 0

    def hear(self, pcm: Samples) -> Gate:
        """Take the next frame, float32 (640,), finite; return the gate of the frame `lookahead` frames before it."""
        stands_out = self._stands_out(pcm)  # both listen to every frame, whatever the other says
        voiced = self._voiced_lately(pcm)
        self._speech.append(stands_out and voiced)
        opening = max(weight * speech for weight, speech in zip(self._weights, self._speech, strict=True))
        return Gate(opening, opening == 1.0)

    def _stands_out(self, pcm: Samples) -> bool:
        """Whether a band is clear of the room's noise and of the floor."""
        spectrum = np.fft.rfft(pcm * _WINDOW)
        energy = np.square(spectrum.real, dtype=np.float64) + np.square(spectrum.imag, dtype=np.float64)
        power = np.add.reduceat(energy, _BAND_BINS)[:-1]
        self._recent[self._heard % _SMOOTHING] = power
        self._quietest[self._heard % _MEMORY] = self._recent.mean(axis=0)
        self._heard += 1
        noise = self._quietest.min(axis=0)
        return bool(np.any((power > noise * _CONTRAST_FACTOR) & (power > _FLOOR_POWER)))

    def _voiced_lately(self, pcm: Samples) -> bool:
        """Whether webrtcvad hears a voice in this frame or heard one in the last frames."""
        integers = (np.clip(pcm, -1.0, 1.0) * 32767.0).astype("<i2")
        steps = [integers[start : start + _VOICE_STEP].tobytes() for start in range(0, HOP, _VOICE_STEP)]
        voiced = [self._voice.is_speech(step, SAMPLE_RATE) for step in steps]  # it must hear them all
        self._since_voice = 0 if any(voiced) else self._since_voice + 1
        return self._since_voice <= _VOICE_MEMORY
