"""What a run can be set to, and the delays that are promised. Knows nothing of how they are reached."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from liveface.engine.drawing.liveliness import Liveliness
from liveface.engine.drawing.painters import Backend as Backend
from liveface.engine.errors import ConfigurationError

CAPTURE_MS = 20  # of sound in one block of a live source
BACKLOG_MS = 200  # of live sound that may wait unheard; older sound becomes silence
HOLD_MS = 25  # a finished live picture waits at most this long for its moment, which absorbs the jitter of drawing
SHORTEST_HOLD_MS = 5  # likewise, where the device's own delay has used up the time to spare
BOUND_MS = 170  # published: 95 of 100 live pictures at the default lookahead are younger
DEFAULT_LOOKAHEAD = 2  # frames
Lookahead = Annotated[int, Meta(ge=0, le=6, description="a number of frames from 0 to 6")]  # `streamer.LOOKAHEADS`

_SMALLEST_SIDE, _LARGEST_SIDE = 128, 1920  # pixels


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices of one run: `width` and `height` in pixels, `lookahead` in frames, `seed` of blinks and head motion;
    `units`: Action Units by number, and what is added to their intensity.

    `backend` draws: on the CPU, or with torch or TensorRT on an NVIDIA GPU. `liveliness`: how strongly head and brows
    move, 0 to 2; `still`: not at all, and no blink.

    Raises `ConfigurationError` for a size that cannot be drawn or encoded, and for liveliness out of range.
    """

    width: int = 512
    height: int = 512
    lookahead: int = DEFAULT_LOOKAHEAD
    mouth_amount: float = 1.0
    seed: int = 0
    backend: Backend = "openvino"
    units: tuple[tuple[int, float], ...] = ()
    liveliness: float = 1.0
    still: bool = False

    def __post_init__(self) -> None:
        for side in (self.width, self.height):
            if side % 2 or not _SMALLEST_SIDE <= side <= _LARGEST_SIDE:
                raise ConfigurationError(
                    f"The size is {self.width}x{self.height}: both sides must be even and from {_SMALLEST_SIDE} "
                    f"to {_LARGEST_SIDE} pixels, such as 512x512."
                )
        self.life()

    def life(self) -> Liveliness | None:
        """A new performance's own; None for a head that never moves."""
        return None if self.still else Liveliness(self.seed, self.liveliness)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height from text such as `512x512`; raises `ConfigurationError`."""
    width, separator, height = text.lower().partition("x")
    if not (separator and width.isdecimal() and height.isdecimal()):
        raise ConfigurationError(f"The size is “{text[:40]}”: write width x height in pixels, such as 512x512.")
    return int(width), int(height)


def parse_units(texts: list[str]) -> tuple[tuple[int, float], ...]:
    """Action Units and what to add to them, from texts such as `18=1.5`; raises `ConfigurationError`."""
    units = []
    for text in texts:
        number, _, amount = text.partition("=")
        try:
            units.append((int(number), float(amount)))
        except ValueError as error:
            raise ConfigurationError(
                f"The Action Unit is “{text}”: write its number and what to add to its intensity, such as 18=1.5."
            ) from error
    return tuple(units)
