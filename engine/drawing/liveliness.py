"""What a face does while nobody moves it: blinks, breath and a slight sway of the head; knows nothing of the face.

Everything is a function of the seed and the frame index alone, so any picture can be drawn at any time.
"""

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from liveface.engine.errors import ConfigurationError
from liveface.engine.media import FPS

LARGEST_YAW, LARGEST_PITCH, LARGEST_ROLL = 4.0, 3.0, 2.0  # degrees; beyond, a warped photo stops being convincing

# Sines of each angle: (degrees, period in seconds). The periods have no common multiple that anyone would wait for.
_YAW = ((1.5, 9.7), (0.8, 5.3), (0.3, 2.9))
_PITCH = ((0.9, 8.3), (0.6, 4.7), (0.25, 2.3))
_ROLL = ((0.6, 11.3), (0.4, 6.1), (0.15, 3.1))
_BREATH_PERIOD = 4.1  # seconds
_EASE_IN = 2 * FPS  # frames in which the sway grows from rest

_BLINK = (0.5, 1.0, 0.8, 0.3)  # closure of its frames
_SLOT = 4 * FPS  # frames; each slot holds one blink, in its middle half: 2 to 6 s from one to the next


@dataclass(frozen=True, slots=True)
class Idle:
    """`blink`: 0 (open) to 1 (shut). `yaw`, `pitch`, `roll`: degrees from the photo. `breath`: 0 (out) to 1 (in)."""

    blink: float
    yaw: float
    pitch: float
    roll: float
    breath: float


REST = Idle(0.0, 0.0, 0.0, 0.0, 0.0)


class IdleMotion:
    """The idle motion of one session. Equal seeds move equally; frame 0 is at rest."""

    def __init__(self, seed: int) -> None:
        """Raises `ConfigurationError` if the seed is negative."""
        if seed < 0:
            raise ConfigurationError(f"Found {seed} as seed of the idle motion: choose a whole number, 0 or more.")
        self._seed = seed
        self._phases = np.random.default_rng(seed).uniform(0, 2 * pi, (3, 3)).tolist()

    def at(self, index: int) -> Idle:
        """The idle motion of a frame, `index` >= 0."""
        assert index >= 0
        seconds = index / FPS
        grown = 1.0 if index >= _EASE_IN else (1 - cos(pi * index / _EASE_IN)) / 2
        yaw, pitch, roll = (
            grown
            * sum(size * sin(2 * pi * seconds / period + phase) for (size, period), phase in zip(*angle, strict=True))
            for angle in zip((_YAW, _PITCH, _ROLL), self._phases, strict=True)
        )
        return Idle(self._blink(index), yaw, pitch, roll, (1 - cos(2 * pi * seconds / _BREATH_PERIOD)) / 2)

    def _blink(self, index: int) -> float:
        slot, frame = divmod(index, _SLOT)
        start = int(np.random.default_rng((self._seed, slot)).integers(_SLOT // 4, 3 * _SLOT // 4))
        return _BLINK[frame - start] if start <= frame < start + len(_BLINK) else 0.0
