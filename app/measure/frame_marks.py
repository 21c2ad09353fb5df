"""A frame's number as black and white blocks in the corner of its picture. Knows nothing of what happens to either.

    white black | 20 bits of the number, highest first | 8 bits of checksum | black white       4 rows of 8 blocks

The blocks survive H.264, VP8 and scaling; the checksum tells a half-painted or foreign picture from a whole one.
"""

from binascii import crc_hqx
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from liveface.engine.drawing.renderer import Renderer
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Frame, Motion, Picture

ROWS, COLUMNS = 4, 8
_SHARE = 32  # of a picture's shorter side is one block wide
_NUMBER_BITS, _CHECK_BITS = 20, 8  # the first count to 11 hours
_LEAST_CONTRAST = 40.0  # between white and black blocks, of 255
_WHITE, _BLACK = 235, 16  # the video range: no codec clips them


class MarkedRenderer:
    """Draws what another renderer draws, with the number of its motion in each picture."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        """See `Renderer.draw`."""
        return [
            replace(frame, image=marked(frame.image, frame.index)) for frame in self._renderer.draw(motions, avatars)
        ]


def marked(picture: Picture, number: int) -> Picture:
    """A copy of uint8 (H, W, 3) with a number below 2**20 in its upper left corner."""
    cell = block_size(*picture.shape[:2])
    blocks = np.where(_bits(number).reshape(ROWS, COLUMNS), _WHITE, _BLACK).astype(np.uint8)
    # Blocks of a fraction of a pixel more or less, so that the places are the same in every scale.
    row, column = ((np.arange(round(count * cell)) / cell).astype(int) for count in (ROWS, COLUMNS))
    copy = picture.copy()
    copy[: len(row), : len(column)] = blocks[row][:, column, None]
    return copy


def block_size(height: int, width: int) -> float:
    """Side of one block in pixels, in a picture of that size."""
    return min(height, width) / _SHARE


def read(picture: Picture) -> int | None:
    """The number in the upper left corner of uint8 (H, W, 3), in any scale; None where there is none or it is torn."""
    return read_blocks(picture[:, :, 1], block_size(*picture.shape[:2]))


def read_blocks(corner: NDArray[np.uint8], cell: float) -> int | None:
    """The number in one channel of a picture's corner, uint8 (at least 4 blocks, at least 8 blocks).

    `cell` is a block's side in pixels, at least 2.
    """
    middles = _block_means(corner, cell)
    white, black = middles[[0, -1]], middles[[1, -2]]
    if white.min() - black.max() < _LEAST_CONTRAST:
        return None
    bits = middles > (white.mean() + black.mean()) / 2
    number = int("".join("1" if bit else "0" for bit in bits[2 : 2 + _NUMBER_BITS]), 2)
    return number if np.array_equal(bits, _bits(number)) else None


def _block_means(corner: NDArray[np.uint8], cell: float) -> NDArray[np.float64]:
    """Mean brightness of the middle half of each block, (32,)."""
    side = np.arange(max(1, round(cell / 2)))
    rows, columns = (
        np.round((np.arange(count)[:, None] + 0.25) * cell).astype(int) + side for count in (ROWS, COLUMNS)
    )
    return np.asarray(corner[rows][:, :, columns].mean(axis=(1, 3))).ravel()


def _bits(number: int) -> NDArray[np.bool_]:
    assert 0 <= number < 1 << _NUMBER_BITS
    check = crc_hqx(number.to_bytes(3, "big"), 0xFFFF) & ((1 << _CHECK_BITS) - 1)
    return np.array([bit == "1" for bit in f"10{number:0{_NUMBER_BITS}b}{check:0{_CHECK_BITS}b}01"])
