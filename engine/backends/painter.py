"""What every back end is to the renderer: the drawing networks, whose pictures are begun and then waited for."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class Painter(Protocol):
    """The drawing networks on some backend; all arrays float32, channels first.

    `batch`: how many pictures it paints at once where there are more.
    """

    batch: int

    def identify(self, photo: Array) -> tuple[Array, ...]:
        """Identity maps of one photo's mouth (1, 4, 128, 160), computed once per avatar."""

    def begin(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
        """Begin to paint; the returned function waits for the end. Two may be under way at a time.

        It returns the change of the mouth's colours, (B, 3, 128, 160). `inputs` (B, 8, 128, 160), `told`
        (B, CONDITION_SIZE, see `engine.face.condition`), `identity` maps (B, ...).
        """
