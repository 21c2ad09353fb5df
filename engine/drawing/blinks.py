"""When a face blinks: where a phrase ends if it can, and else when it is time; knows no sound and no eye."""

from random import Random

from liveface.engine.media import FPS

_CLOSURE = (0.5, 1.0, 0.8, 0.3)  # of a blink's frames
_SOONEST, _LATEST = 2 * FPS, 6 * FPS  # frames from one blink to the next
_PHRASE_SHARE = 0.9  # of the phrases that end when a blink may be


class Blinks:
    """One face's blinks, frame by frame; its chances are those of the generator that it is given."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._frame = len(_CLOSURE)  # of the blink; beyond it, the eyes are open
        self._since = 0  # frames since it began
        self._wait = self._pause()

    def next(self, phrase_ends: bool) -> float:
        """The closure of the next frame, 0 (open) to 1 (shut)."""
        self._since += 1
        self._frame += 1
        may_be = phrase_ends and self._since >= _SOONEST and self._chance.random() < _PHRASE_SHARE
        if may_be or self._since >= self._wait:
            self._frame, self._since, self._wait = 0, 0, self._pause()
        return _CLOSURE[self._frame] if self._frame < len(_CLOSURE) else 0.0

    def _pause(self) -> int:
        return self._chance.randint(_SOONEST, _LATEST)
