"""The two values that flow through the program, and the rates that divide exactly.

Needs numpy only, so that the user interface may import it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveface.engine.expression import REST, Expression

SAMPLE_RATE = 16_000  # Hz, of all sound inside the engine
FPS = 25  # pictures per second
HOP = SAMPLE_RATE // FPS  # 640 samples of sound belong to each picture

Samples = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What the face does during one picture, with the sound that belongs to it.

    `action_units`: float32 (n_units,), intensities 0 to 5 in the order of `action_units.ACTION_UNITS`.
    `code`: float32 (n_coefficients,), coefficients of the mouth-motion basis; all zero is a closed mouth at rest.
    `pcm`: float32 (HOP,), this picture's own sound, not the lookahead's.
    `expression`: all else that the face does.
    """

    index: int
    action_units: NDArray[np.float32]
    code: NDArray[np.float32]
    pcm: Samples
    speaking: bool
    expression: Expression = REST


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One finished picture with its own 40 ms of sound.

    `image`: uint8 (height, width, 3), RGB. `pcm`: float32 (HOP,).
    `drawn` is False where an earlier picture is repeated because time ran out.
    """

    index: int
    image: Picture
    pcm: Samples
    drawn: bool
