"""What 8-bit integers are calibrated with and judged on. It knows neither networks nor where the pictures come from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Crops:
    """Inputs of the drawing networks for N pictures: of avatars as they are drawn, not made up.

    `photos` (N, 4, 128, 160) for the identity encoder; `inputs` (N, 8, 128, 160) and `told` (N, CONDITION_SIZE) for the
    generator.
    """

    photos: Array
    inputs: Array
    told: Array

    def __len__(self) -> int:
        return len(self.told)
