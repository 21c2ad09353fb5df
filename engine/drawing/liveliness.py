"""What a face does besides speaking: blinks, breath, sway, and nods where the voice has stress, which pauses settle.

It follows from the seed and the motions alone, one after the other, so the same sound moves a face equally however it
came. It belongs to one performance, not to what draws, and knows nothing of the face.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, e, exp, pi, sin, tanh
from random import Random

from liveface.engine.drawing.blinks import Blinks
from liveface.engine.errors import ConfigurationError
from liveface.engine.expression import Expression
from liveface.engine.hearing.accents import BLOCKS, Accents, Growth
from liveface.engine.media import FPS, Motion

LARGEST_YAW, LARGEST_PITCH, LARGEST_ROLL = 6.0, 5.0, 3.0  # degrees; beyond, a warped photo stops being convincing
MOST_STRENGTH = 2.0

# Sines of each angle: (degrees, period in seconds). The periods have no common multiple that anyone would wait for.
_YAW = ((1.5, 9.7), (0.8, 5.3), (0.3, 2.9))
_PITCH = ((0.9, 8.3), (0.6, 4.7), (0.25, 2.3))
_ROLL = ((0.6, 11.3), (0.4, 6.1), (0.15, 3.1))
_BREATH_PERIOD = 4.1  # seconds
_EASE_IN = 2 * FPS  # frames in which the sway grows from rest
_SWAY_IN_PAUSES = 0.65  # of the sway while speaking

_STEP = 1 / FPS / BLOCKS  # s
_NOD, _NOD_PACE = 2.0, 14.0  # degrees of a full stress; rad/s: it is farthest after 71 ms
_STRONG = 0.7  # size of a stress that may raise the brows
_RAISING_SHARE = 0.6  # of those
_RAISED, _RAISED_FOR, _BROW_PACE = 0.8, 0.28, 12.0  # of the highest, s, rad/s
_POSTURE, _POSTURE_PACE = (1.6, 0.9, 0.9), 3.0  # degrees of yaw, pitch and roll that a phrase may be held in; rad/s
_CALM_PACE = 4.0  # rad/s


@dataclass(slots=True)
class _Spring:
    """A critically damped spring of `pace` rad/s, pulled towards `target`."""

    pace: float
    place: float = 0.0
    speed: float = 0.0
    target: float = 0.0

    def push(self, distance: float) -> None:
        """Push it so that from rest it would go as far as `distance`."""
        self.speed += distance * e * self.pace

    def go(self, seconds: float) -> None:
        away = self.place - self.target
        drift = (self.speed + self.pace * away) * seconds
        kept = exp(-self.pace * seconds)
        self.place = self.target + (away + drift) * kept
        self.speed = (self.speed - self.pace * drift) * kept


class Liveliness:
    """The life of one performance. Equal seeds and equal motions live equally; the first frame is at rest."""

    def __init__(self, seed: int, strength: float = 1.0) -> None:
        """`strength`: of all but blinks, 0 to 2; may be changed at any time.

        Raises `ConfigurationError` if the seed is negative or the strength out of range.
        """
        if seed < 0:
            raise ConfigurationError(
                f"Found {seed} as seed of blinks and head motion: choose a whole number, 0 or more."
            )
        self._seed = seed
        self.strength = strength
        self.reset()

    @property
    def strength(self) -> float:
        """Of all but blinks; counts from the next motion on."""
        return self._strength

    @strength.setter
    def strength(self, strength: float) -> None:
        if not 0.0 <= strength <= MOST_STRENGTH:
            raise ConfigurationError(
                f"Found a liveliness of {strength}: choose a number from 0 to {MOST_STRENGTH:g}, 1 is usual."
            )
        self._strength = strength

    def reset(self) -> None:
        """Forget everything: equal to a new one."""
        self._chance = Random(self._seed)
        self._phases = [[self._chance.uniform(0, 2 * pi) for _ in _YAW] for _ in range(3)]
        self._blinks = Blinks(Random(self._seed + 1))
        self._accents = Accents()
        self._nod = _Spring(_NOD_PACE)
        self._brows = _Spring(_BROW_PACE)
        self._posture = [_Spring(_POSTURE_PACE) for _ in _POSTURE]
        self._calm = _Spring(_CALM_PACE)
        self._frame = -1  # the latest
        self._is_speaking = False
        self._raised = 0.0  # s for which the brows stay up

    def interrupt(self) -> None:
        """Forget the voice, as what comes next does not go on with it; the head goes to rest from where it is."""
        self._accents.reset()
        self._is_speaking = False
        self._raised = 0.0
        self._pose(speaking=False)

    def enliven(self, motion: Motion) -> Motion:
        """The next motion, with its expression; every motion in order, whether it is drawn or not."""
        was_speaking, self._is_speaking = self._is_speaking, motion.speaking
        if was_speaking != motion.speaking:
            self._pose(motion.speaking)
        for stress in self._accents.hear(motion.pcm):
            if motion.speaking:
                self._stress(stress)
            self._go()
        blink = self._blinks.next(phrase_ends=was_speaking and not motion.speaking)
        self._frame += 1
        return replace(motion, expression=self._expression(blink))

    def _pose(self, speaking: bool) -> None:
        """Take the posture of a phrase, or look at the listener again."""
        self._calm.target = float(speaking)
        for spring, degrees in zip(self._posture, _POSTURE, strict=True):
            spring.target = self._chance.uniform(-degrees, degrees) if speaking else 0.0

    def _stress(self, stress: Growth) -> None:
        self._nod.push(_NOD * (stress.after - stress.before))
        if stress.before < _STRONG <= stress.after and self._chance.random() < _RAISING_SHARE:
            self._raised = _RAISED_FOR

    def _go(self) -> None:
        self._raised -= _STEP
        self._brows.target = _RAISED if self._raised > 0 else 0.0
        for spring in (self._nod, self._brows, self._calm, *self._posture):
            spring.go(_STEP)

    def _expression(self, blink: float) -> Expression:
        seconds = self._frame / FPS
        grown = 1.0 if self._frame >= _EASE_IN else (1 - cos(pi * self._frame / _EASE_IN)) / 2
        sway = grown * (_SWAY_IN_PAUSES + (1 - _SWAY_IN_PAUSES) * self._calm.place)
        yaw, pitch, roll = (
            sway * _sum(sines, phases, seconds) + posture.place
            for sines, phases, posture in zip((_YAW, _PITCH, _ROLL), self._phases, self._posture, strict=True)
        )
        return Expression(
            blink,
            _within(LARGEST_YAW, self._strength * yaw),
            _within(LARGEST_PITCH, self._strength * (pitch + self._nod.place)),
            _within(LARGEST_ROLL, self._strength * roll),
            min(self._strength, 1.0) * (1 - cos(2 * pi * seconds / _BREATH_PERIOD)) / 2,
            min(self._strength * self._brows.place, 1.0),
        )


def _sum(sines: Sequence[tuple[float, float]], phases: Sequence[float], seconds: float) -> float:
    return sum(
        size * sin(2 * pi * seconds / period + phase) for (size, period), phase in zip(sines, phases, strict=True)
    )


def _within(limit: float, angle: float) -> float:
    """An angle that nears its limit and never passes it."""
    return limit * tanh(angle / limit)
