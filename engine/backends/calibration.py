"""Real mouths to calibrate 8-bit integers with: what the renderer has painted, kept. It knows no network."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing.renderer import MouthRenderer
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Motion

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Crops:
    """Inputs of the drawing networks for N pictures: of avatars as they are drawn, not made up.

    `photos` (N, 4, 96, 128) for the identity encoder; `inputs` (N, 8, 96, 128) and `codes` (N, 16) for the generator.
    """

    photos: Array
    inputs: Array
    codes: Array

    def __len__(self) -> int:
        return len(self.codes)


def crops_of(motions: list[Motion], avatars: list[Avatar]) -> Crops:
    """What the networks get to draw each motion on the avatar at the same place."""
    witness = _Witness()
    MouthRenderer(witness).draw(motions, avatars)
    return Crops(*(np.concatenate(arrays) for arrays in zip(*witness.seen, strict=True)))


class _Witness:
    """A painter that keeps what it is asked for and paints black; the identity of a photo is the photo itself."""

    batch = 16

    def __init__(self) -> None:
        self.seen: list[tuple[Array, Array, Array]] = []

    def identify(self, photo: Array) -> tuple[Array, ...]:
        return (photo,)

    def begin(self, inputs: Array, code: Array, identity: tuple[Array, ...]) -> Callable[[], tuple[Array, Array]]:
        self.seen.append((identity[0], inputs, code))
        black = np.zeros((len(inputs), 3, *inputs.shape[2:]), np.float32)
        return lambda: (black, black)
