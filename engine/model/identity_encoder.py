"""The identity encoder: one photo's mouth to feature maps at three scales, computed once per avatar."""

from torch import Tensor, nn

from liveface.engine.face.mouth import IDENTITY_CHANNELS
from liveface.engine.model.blocks import Convolution

CHANNELS = (24, 40, 64)  # of the maps at 1/4, 1/8 and 1/16 of the crop


class IdentityEncoder(nn.Module):
    """Input: float (B, 4, 128, 160), photo 0..1 and its own inner mouth. Output: three maps, finest first."""

    def __init__(self) -> None:
        super().__init__()
        self.unshuffle = nn.PixelUnshuffle(2)
        first, second, third = CHANNELS
        self.stages = nn.ModuleList(
            [
                nn.Sequential(Convolution(IDENTITY_CHANNELS * 4, 24), Convolution(24, first, 2)),
                nn.Sequential(Convolution(first, first), Convolution(first, second, 2)),
                nn.Sequential(Convolution(second, second), Convolution(second, third, 2)),
            ]
        )

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps (B, 24, 32, 40), (B, 40, 16, 20), (B, 64, 8, 10) of photos (B, 4, 128, 160)."""
        fine = self.stages[0](self.unshuffle(photo))
        middle = self.stages[1](fine)
        return fine, middle, self.stages[2](middle)
