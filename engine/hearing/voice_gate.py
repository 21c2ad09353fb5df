"""Makes a microphone's sound fit for a call: quiet between words, and speech of one loudness. Knows no device.

Both work on what has been heard so far, so the latency is 0 samples, and any chunking gives the same result.

The noise gate is a downward expander: below the threshold each dB of input is `_RATIO` dB of output, down to
`_DEEPEST`. It opens at the very sample that is loud enough and closes as the envelope falls, so that it neither clicks
nor cuts the end of a word. The gain brings the mean level of speech to `_TARGET`, by at most `_FASTEST` a step, and
never lets a sample pass `_CEILING`. Speech is what webrtcvad takes for it and what stands clear of the room's noise,
the quietest step of the last three seconds: the detector alone would have noise turned up.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from liveface.engine.media import SAMPLE_RATE, Samples

SILENCE_DB = -90.0  # dBFS: the least that a level tells

_STEP = SAMPLE_RATE // 50  # samples, 20 ms: a length that webrtcvad accepts
_RELEASE = 0.08  # s in which the envelope falls to 1 / e
_RATIO = 3.0
_DEEPEST = 0.03  # factor, -30 dB
_TARGET = 10 ** (-23 / 20)  # of full scale, root mean square of speech
_CEILING = 0.9  # of full scale, -0.9 dBFS
_LEAST_GAIN, _MOST_GAIN = 10 ** (-12 / 20), 10 ** (18 / 20)
_FASTEST = 10 ** (6 / 20 * _STEP / SAMPLE_RATE)  # factor of a step, 6 dB/s
_MEMORY = 0.985  # of the mean power of speech from one step of speech to the next: 1.3 s
_ROOM_STEPS = 150  # that are remembered, 3 s
_FIRST_STEPS = 25  # after which the room is known, 0.5 s
_CONTRAST = 10.0  # of the power of speech to that of the room
_VOICE_STRICTNESS = 2  # of 0 to 3
_DECAY: NDArray[np.float64] = np.exp(-np.arange(1, _STEP + 1) / (_RELEASE * SAMPLE_RATE))


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """`threshold` of the noise gate in dBFS of the envelope, None for no gate; `has_gain`: it is automatic.

    The envelope of steady noise lies about 10 dB above its mean level.
    """

    threshold: float | None = -50.0
    has_gain: bool = True


class VoiceGate:
    """Streaming noise gate and automatic gain; `feed` returns as many samples as it is given, at once.

    `settings` may be replaced while it runs, from any thread.
    """

    latency = 0  # samples

    def __init__(self, settings: VoiceSettings = VoiceSettings()) -> None:
        self.settings = settings
        self.reset()

    def reset(self) -> None:
        """Forget everything heard: equal to a new gate with these settings."""
        self._detector = webrtcvad.Vad(_VOICE_STRICTNESS)
        self._envelope = 0.0
        self._level = self._peak = 0.0
        self._step = np.zeros(0, np.float32)  # the part of a step that has been heard
        self._powers: deque[float] = deque(maxlen=_ROOM_STEPS)
        self._speech_power = 0.0
        self._gain = self._next_gain = 1.0  # at the start and at the end of the step

    @property
    def level(self) -> float:
        """How loud the latest sound is before the gate: its envelope in dBFS, 0 to `SILENCE_DB`. For a meter."""
        return _decibels(self._level)

    @property
    def output_level(self) -> float:
        """Likewise after the gate and the gain."""
        return _decibels(self._peak)

    def feed(self, pcm: Samples) -> Samples:
        """Take float32 (n,), finite, any n; return float32 (n,) of the same moments."""
        pieces = [pcm[:0]]
        while len(pcm):
            room = _STEP - len(self._step)
            pieces.append(self._shaped(pcm[:room]))
            pcm = pcm[room:]
        return np.concatenate(pieces)

    def _shaped(self, pcm: Samples) -> Samples:
        """A piece that does not reach beyond the end of the step."""
        settings = self.settings
        envelope = self._follow(np.abs(pcm))
        position = np.arange(len(self._step) + 1, len(self._step) + len(pcm) + 1) / _STEP
        factor = self._gain + (self._next_gain - self._gain) * position
        if settings.threshold is not None:
            ratio = envelope / 10 ** (settings.threshold / 20)
            factor = factor * np.clip(ratio ** (_RATIO - 1), _DEEPEST, 1.0)
        factor = np.minimum(factor, _CEILING / np.maximum(envelope, 1e-9))
        self._level, self._peak = float(envelope[-1]), float(envelope[-1] * factor[-1])
        self._step = np.concatenate([self._step, pcm])
        if len(self._step) == _STEP:
            self._finish_step(settings)
        return (pcm * factor).astype(np.float32)

    def _follow(self, size: Samples) -> NDArray[np.float64]:
        """The envelope: it rises with each larger sample and falls exponentially from there."""
        decay = _DECAY[: len(size)]
        envelope = decay * np.maximum(np.maximum.accumulate(size / decay), self._envelope)
        self._envelope = float(envelope[-1])
        return envelope

    def _finish_step(self, settings: VoiceSettings) -> None:
        """Choose the gain of the next step from all steps before it."""
        step, self._step = self._step, self._step[:0]
        self._gain = self._next_gain
        power = float(np.mean(np.square(step, dtype=np.float64)))
        self._powers.append(power)
        is_clear = len(self._powers) >= _FIRST_STEPS and power > _CONTRAST * min(self._powers)
        if self._is_voice(step) and is_clear:  # the detector must hear every step
            known = self._speech_power or power
            self._speech_power = _MEMORY * known + (1 - _MEMORY) * power
        wanted = 1.0
        if settings.has_gain and self._speech_power:
            wanted = float(np.clip(_TARGET / np.sqrt(self._speech_power), _LEAST_GAIN, _MOST_GAIN))
        self._next_gain = float(np.clip(wanted, self._gain / _FASTEST, self._gain * _FASTEST))

    def _is_voice(self, step: Samples) -> bool:
        integers = (np.clip(step, -1.0, 1.0) * 32767.0).astype("<i2")
        return bool(self._detector.is_speech(integers.tobytes(), SAMPLE_RATE))


def _decibels(size: float) -> float:
    return float(np.clip(20 * np.log10(max(size, 1e-9)), SILENCE_DB, 0.0))
