"""Real mouths for calibration: exactly what the renderer has painted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from liveface import assets
from liveface.engine.backends.calibration import Array
from liveface.engine.drawing.calibration_crops import crops_of
from liveface.engine.drawing.renderer import MouthRenderer
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import HOP, Motion

AVATARS = Path(assets.__file__).parent / "avatars"


class Painter:
    batch = 64

    def __init__(self) -> None:
        self.identified: list[Array] = []
        self.asked: tuple[Array, Array] = (np.zeros(0, np.float32), np.zeros(0, np.float32))

    def identify(self, photo: Array) -> tuple[Array, ...]:
        self.identified.append(photo)
        return (photo,)

    def begin(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
        self.asked = inputs, told
        return lambda: np.zeros_like(inputs[:, :3])


def test_the_crops_are_what_a_painter_is_given() -> None:
    avatars = [Avatar.load(AVATARS / name).framed(256, 256) for name in ("clara", "jonas")]
    code = np.linspace(1.0, -1.0, 16).astype(np.float32)
    motions = [
        Motion(index, np.zeros(7, np.float32), code * index, np.zeros(HOP, np.float32), True) for index in range(20)
    ]
    drawn = [avatars[index % 2] for index in range(20)]
    painter = Painter()
    MouthRenderer(painter).draw(motions, drawn)
    crops = crops_of(motions, drawn)
    assert len(crops) == 20
    np.testing.assert_allclose(crops.inputs, painter.asked[0], atol=2 / 255)
    np.testing.assert_allclose(crops.told, painter.asked[1], atol=1e-6)
    for index in range(20):
        np.testing.assert_array_equal(crops.photos[index], painter.identified[index % 2][0])
    assert np.abs(crops.photos[0] - crops.photos[1]).max() > 0.1
