"""Convolution blocks of the drawing networks: cheap on a CPU, foldable, friendly to 8-bit integers."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Convolution(nn.Sequential):
    """3x3 convolution, BatchNorm, LeakyReLU: (B, C, H, W) to (B, `wide`, H / stride, W / stride)."""

    def __init__(self, narrow: int, wide: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(narrow, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, inplace=True)
        )


class Joining(Convolution):
    """Joins two kinds of maps of one size and convolves them."""

    def forward(self, values: Tensor, beside: Tensor) -> Tensor:  # type: ignore[override]
        """Maps (B, C, H, W) and maps (B, narrow - C, H, W) to maps (B, wide, H, W)."""
        output: Tensor = super().forward(torch.cat([values, beside], dim=1))  # type: ignore[no-untyped-call]
        return output

    def folded(self, channels: int) -> tuple["FoldedJoining", nn.Conv2d]:
        """The same out of training in two parts, where the first `channels` inputs change more often than the others.

        The second part prepares those others once; the first takes what comes of it in their place.
        """
        weight, bias = _folded(self)
        prepare = nn.Conv2d(weight.shape[1] - channels, len(weight), 3, 1, 1)
        prepare.load_state_dict({"weight": weight[:, channels:], "bias": bias})
        return FoldedJoining(weight[:, :channels]), prepare


class FoldedJoining(nn.Module):
    """`Joining` of values with maps that have been convolved before."""

    weight: Tensor

    def __init__(self, weight: Tensor) -> None:
        """`weight` (wide, narrow, 3, 3) of the values."""
        super().__init__()
        self.register_buffer("weight", weight.contiguous())
        self.activation = nn.LeakyReLU(0.2)

    def forward(self, values: Tensor, beside: Tensor) -> Tensor:
        """Maps (B, narrow, H, W) and prepared maps (B, wide, H, W) to maps (B, wide, H, W)."""
        output: Tensor = self.activation(functional.conv2d(values, self.weight, padding=1) + beside)
        return output


class Enlarging(Convolution):
    """Repeats maps to twice their size, joins others that have that size, and convolves them all."""

    def forward(self, values: Tensor, beside: Tensor | None = None) -> Tensor:
        """Maps (B, C, H, W) and maps (B, narrow - C, 2H, 2W), if any, to maps (B, wide, 2H, 2W)."""
        repeated = functional.interpolate(values, scale_factor=2.0, mode="nearest")
        maps = repeated if beside is None else torch.cat([repeated, beside], dim=1)
        output: Tensor = super().forward(maps)  # type: ignore[no-untyped-call]
        return output

    def folded(self, channels: int) -> "FoldedEnlarging":
        """The same out of training, for maps of so many channels C to enlarge."""
        return FoldedEnlarging(*_folded(self), channels)


def _folded(block: Convolution) -> tuple[Tensor, Tensor]:
    """Weight and bias of a block's convolution and norm in one."""
    convolution, norm, _ = block
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return convolution.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


class FoldedEnlarging(nn.Module):
    """`Enlarging` that never makes the repeated maps: four ninths of the products for the same sums.

    A 3x3 kernel over values that stand in twos is a 4x4 kernel over the values themselves, at twice their distance.
    """

    kernel: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, channels: int) -> None:
        """`weight` (wide, narrow, 3, 3), of which the first `channels` inputs are enlarged; `bias` (wide,)."""
        super().__init__()
        spread = functional.pad(weight[:, :channels], (1, 1, 1, 1))
        kernel = spread[..., :-1, :-1] + spread[..., :-1, 1:] + spread[..., 1:, :-1] + spread[..., 1:, 1:]
        self.register_buffer("kernel", kernel.flip(2, 3).transpose(0, 1).contiguous())
        self.register_buffer("weight", weight[:, channels:].contiguous())
        self.register_buffer("bias", bias)
        self.activation = nn.LeakyReLU(0.2)

    def forward(self, values: Tensor, beside: Tensor | None = None) -> Tensor:
        """As `Enlarging.forward`."""
        if beside is None:
            joined = functional.conv_transpose2d(values, self.kernel, self.bias, stride=2, padding=1)
        else:
            joined = functional.conv_transpose2d(values, self.kernel, stride=2, padding=1)
            joined = joined + functional.conv2d(beside, self.weight, self.bias, padding=1)
        output: Tensor = self.activation(joined)
        return output


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
