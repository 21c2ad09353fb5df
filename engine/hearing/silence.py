"""Opens the mouth for speech, and closes it for silence and steady noise; knows nothing of motion.

A frame counts as sound to move for if one of four bands stands clear of the room's noise, which is the quietest 120 ms
that the band had in the last three seconds. In the first frames, before the room is known, a fixed floor above noise of
-50 dBFS takes its place. So digital silence and noise of that level are silence from the first frame on, louder steady
noise after 0.6 s where it was there from the start, and after 3.5 s where it sets in later.

The test is lenient on purpose: breath and the faint beginnings of words move a face, and a trained network rests in
noise by itself. On 60 held-out clips this gate costs 0.002 of mouth-opening correlation, and the same clips 20 dB
quieter move the mouth 0.985 times as much. A stricter one, with a fixed floor and webrtcvad's consent, cost 0.013 and
moved it 0.914 times as much. The voice detector decides on `speaking` alone.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
import webrtcvad

from liveface.engine.media import HOP, SAMPLE_RATE, Samples

_BAND_EDGES = (125, 500, 1500, 3500, 7600)  # Hz; below lie hum and rumble
_CONTRAST = (10.0, 9.0, 7.0, 6.0)  # dB above the room's noise: steady noise of a narrow band swings further
_FLOOR = (-49.0, -53.0, -52.0, -48.0)  # dBFS: 4 dB or more above white, pink and fan noise of -50 dBFS
_DIGITAL_SILENCE = -90.0  # dBFS of a band: what is quieter tells nothing of the room
_ACQUAINTANCE = 4  # frames of sound after which the room is known
_MEMORY = 75  # frames, 3 s: a vowel held longer counts as noise
_SMOOTHING = 3  # frames averaged before the quietest is sought
_VOICE_STEP = 320  # 20 ms, a length that webrtcvad accepts
_VOICE_STRICTNESS = 2  # of 0 to 3

_HANGOVER = 6  # frames: plosive closures, and pauses inside a phrase
_CLOSING = (0.8, 0.6, 0.4, 0.2)  # the frames after the hangover
_OPENING = (1.0, 0.7)  # one and two frames before speech, if the lookahead lets them be known: lips part early

_WINDOW: Samples = np.hanning(HOP + 2)[1:-1].astype(np.float32)
_WINDOW /= np.sqrt(HOP / 2 * np.square(_WINDOW).sum())  # a band's power is then its share of the mean square
_BAND_BINS = np.array(_BAND_EDGES) * HOP // SAMPLE_RATE
_FLOOR_POWER = 10.0 ** (np.array(_FLOOR) / 10)
_DIGITAL_SILENCE_POWER = 10.0 ** (_DIGITAL_SILENCE / 10)
_CONTRAST_FACTOR = 10.0 ** (np.array(_CONTRAST) / 10)


class Gate(NamedTuple):
    """`opening`: 0 (silence) to 1 (sound), factor of all motion. `speaking`: a voice, or a brief pause of one."""

    opening: float
    speaking: bool


class SilenceGate:
    """Hears one frame at a time and tells the gate of the frame `lookahead` frames earlier."""

    def __init__(self, lookahead: int) -> None:
        """`lookahead`: frames, >= 0."""
        closing = (1.0,) * _HANGOVER + _CLOSING
        opening = _OPENING[: min(lookahead, len(_OPENING))]
        # the gate is the largest weight of those remembered frames, oldest first, that count
        self._weights = (*reversed(closing), 1.0, *opening, *(0.0,) * (lookahead - len(opening)))
        self.reset()

    def reset(self) -> None:
        """Forget everything heard: equal to a new gate."""
        frames = len(self._weights)
        self._sounds = deque([False] * frames, maxlen=frames)
        self._voices = deque([False] * frames, maxlen=frames)
        self._recent = np.full((_SMOOTHING, _FLOOR_POWER.size), np.inf)
        self._quiet = np.full((_MEMORY, _FLOOR_POWER.size), np.inf)
        self._heard = 0  # frames that were not digital silence
        self._detector = webrtcvad.Vad(_VOICE_STRICTNESS)

    def hear(self, pcm: Samples) -> Gate:
        """Take the next frame, float32 (640,), finite; return the gate of the frame `lookahead` frames before it."""
        sound = self._stands_out(pcm)
        voice = self._is_voice(pcm)  # it must hear every frame
        self._sounds.append(sound)
        self._voices.append(sound and voice)
        return Gate(self._weigh(self._sounds), self._weigh(self._voices) == 1.0)

    def _weigh(self, counting: deque[bool]) -> float:
        return max(weight * counts for weight, counts in zip(self._weights, counting, strict=True))

    def _stands_out(self, pcm: Samples) -> bool:
        """Whether a band is clear of the room's noise."""
        spectrum = np.fft.rfft(pcm * _WINDOW)
        energy = np.square(spectrum.real, dtype=np.float64) + np.square(spectrum.imag, dtype=np.float64)
        power = np.add.reduceat(energy, _BAND_BINS)[:-1]
        if power.max() < _DIGITAL_SILENCE_POWER:
            return False
        self._recent[self._heard % _SMOOTHING] = power
        self._quiet[self._heard % _MEMORY] = self._recent.mean(axis=0)
        self._heard += 1
        if self._heard < _ACQUAINTANCE:
            return bool(np.any(power > _FLOOR_POWER))
        return bool(np.any(power > self._quiet.min(axis=0) * _CONTRAST_FACTOR))

    def _is_voice(self, pcm: Samples) -> bool:
        integers = (np.clip(pcm, -1.0, 1.0) * 32767.0).astype("<i2")
        steps = [integers[start : start + _VOICE_STEP].tobytes() for start in range(0, HOP, _VOICE_STEP)]
        voiced = [self._detector.is_speech(step, SAMPLE_RATE) for step in steps]  # it must hear them all
        return any(voiced)
