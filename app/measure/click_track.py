"""Sound in which every moment can be found again: speech with clicks, each of which is unlike all others.

Knows nothing of how it is played or recorded.
"""

from functools import cached_property

import numpy as np
from scipy.signal import butter, correlate, sosfilt

from liveface.engine.media import SAMPLE_RATE, Samples

INTERVAL = SAMPLE_RATE // 4  # samples between clicks, on average
_WANDERING = SAMPLE_RATE // 20  # samples by which a click may be earlier or later, so that no pause repeats itself
_LENGTH = SAMPLE_RATE * 3 // 250  # samples, 12 ms
_BAND = (1500, 6500)  # Hz: above most of the voice, below what any codec removes
_LOUDNESS = 0.6  # of a click's peak, full scale 1
_VOICE_LOUDNESS = 0.5
_MARGIN = SAMPLE_RATE // 50  # samples around a click without voice
_FADE = SAMPLE_RATE // 100  # samples
_LEAST_LIKENESS = 0.35  # of a recorded click to its original: 1 is equal, noise reaches 0.3
_SURROUNDINGS = SAMPLE_RATE // 20  # samples before and after the expected place, searched for a click
_BEGINNING = 10 * SAMPLE_RATE  # samples of a recording that tell where it lies in the track


class ClickTrack:
    """`sound`, float32 (n,) at 16 kHz: a voice in two of four intervals between the clicks, which begin at `starts`."""

    def __init__(self, voice: Samples, seconds: float) -> None:
        """`voice`, float32 (n,) at 16 kHz, is repeated as often as needed."""
        count = int(seconds * SAMPLE_RATE / INTERVAL)
        random = np.random.default_rng(0)
        wandering = random.integers(-_WANDERING, _WANDERING, count)
        self.starts = INTERVAL * np.arange(count) + INTERVAL // 2 + wandering
        noise = sosfilt(
            butter(4, _BAND, "bandpass", fs=SAMPLE_RATE, output="sos"), random.normal(size=(count, _LENGTH))
        )
        noise *= np.hanning(_LENGTH)
        self._clicks = (noise / np.abs(noise).max(axis=1, keepdims=True) * _LOUDNESS).astype(np.float32)
        self._only_clicks = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
        gate = np.zeros(len(self._only_clicks), np.float32)
        for number, (start, click) in enumerate(zip(self.starts, self._clicks, strict=True)):
            self._only_clicks[start : start + _LENGTH] = click
            if number % 4 >= 2 and number + 1 < count:
                gate[start + _LENGTH + _MARGIN : self.starts[number + 1] - _MARGIN] = 1
        fade = np.hanning(_FADE) / np.hanning(_FADE).sum()
        voice = np.resize(voice * np.float32(_VOICE_LOUDNESS / np.abs(voice).max()), len(gate))
        self.sound: Samples = (voice * np.convolve(gate, fade, "same") + self._only_clicks).astype(np.float32)

    def found_in(self, recording: Samples) -> dict[int, int]:
        """The clicks in a recording of a part of this sound, float32 (n,): number of the click -> sample of its start.

        A recording may be scaled, coded, cut and shifted; what does not resemble a click enough is left out.
        """
        lag = self._lag(recording)
        expected = self.starts - lag
        places = {}
        for number in np.flatnonzero((expected >= _SURROUNDINGS) & (expected < len(recording) - _SURROUNDINGS)):
            first = int(expected[number]) - _SURROUNDINGS
            place, likeness = self._place(recording[first : first + 2 * _SURROUNDINGS + _LENGTH], int(number))
            if likeness >= _LEAST_LIKENESS:
                places[int(number)] = first + place
        return places

    def _place(self, part: Samples, number: int) -> tuple[int, float]:
        """Where a click is in a part of a recording, and its likeness to the original."""
        click = self._clicks[number]
        likeness = correlate(part, click, "valid")
        place = int(np.argmax(likeness))
        energy = float(np.square(part[place : place + _LENGTH]).sum() * np.square(click).sum())
        return place, float(likeness[place]) / max(energy, 1e-12) ** 0.5

    def _lag(self, recording: Samples) -> int:
        """By how many samples the sound in the recording is later in this track."""
        loud = np.flatnonzero(np.abs(recording) > 0.1 * np.abs(recording).max(initial=1e-6))
        first = int(loud[0]) if len(loud) else 0
        part = sosfilt(self._filter, recording[first : first + _BEGINNING])
        return int(np.argmax(correlate(self._filtered_clicks, part, "full"))) - (len(part) - 1) - first

    @cached_property
    def _filter(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        return np.asarray(butter(4, _BAND, "bandpass", fs=SAMPLE_RATE, output="sos"))

    @cached_property
    def _filtered_clicks(self) -> Samples:
        filtered: Samples = sosfilt(self._filter, self._only_clicks).astype(np.float32)
        return filtered
