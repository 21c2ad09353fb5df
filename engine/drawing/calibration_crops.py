"""Real mouths to calibrate 8-bit integers with: what the renderer has painted, kept. It knows no network."""

from collections.abc import Callable

import numpy as np

from liveface.engine.backends.calibration import Array, Crops
from liveface.engine.drawing.renderer import MouthRenderer
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Motion


def crops_of(motions: list[Motion], avatars: list[Avatar]) -> Crops:
    """What the networks get to draw each motion on the avatar at the same place."""
    witness = _Witness()
    MouthRenderer(witness).draw(motions, avatars)
    return Crops(*(np.concatenate(arrays) for arrays in zip(*witness.seen, strict=True)))


class _Witness:
    """A painter that keeps what it is asked for and changes nothing; the identity of a photo is the photo itself."""

    batch = 16

    def __init__(self) -> None:
        self.seen: list[tuple[Array, Array, Array]] = []

    def identify(self, photo: Array) -> tuple[Array, ...]:
        return (photo,)

    def begin(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
        self.seen.append((identity[0], inputs, told))
        nothing = np.zeros((len(inputs), 3, *inputs.shape[2:]), np.float32)
        return lambda: nothing
