"""Convolution blocks of the drawing networks: cheap on a CPU, foldable, friendly to 8-bit integers."""

from torch import Tensor, nn


class Convolution(nn.Sequential):
    """3x3 convolution, BatchNorm, LeakyReLU: (B, C, H, W) to (B, `wide`, H / stride, W / stride)."""

    def __init__(self, narrow: int, wide: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(narrow, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, inplace=True)
        )


class Residual(nn.Module):
    """Two convolutions around a shortcut: (B, C, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))
        self.activation = nn.LeakyReLU(0.2, inplace=True)

    def forward(self, values: Tensor) -> Tensor:
        """Maps (B, C, H, W) to maps of the same shape."""
        output: Tensor = self.activation(values + self.second(self.first(values)))
        return output
