"""The generator: a composed mouth, its maps, the motion and the Action Units to a change of the mouth's colours.

Geometry and the photo's own texture have drawn the mouth already. What they cannot know is how lips and the skin around
them change colour as they move: that is the generator's. Its change is smooth, so that no detail is lost, and bounded,
so that nothing turns green; inside the opening nothing of it is used. Two designs share the interface: `DirectDecoder`
is the classic one, which sees the identity and the motion only.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveface.engine.face.condition import CONDITION_SIZE
from liveface.engine.face.mouth import INPUT_CHANNELS
from liveface.engine.model.blocks import Convolution, Enlarging, Joining, Residual
from liveface.engine.model.identity_encoder import CHANNELS as IDENTITY

WIDTHS = (24, 48, 80, 112)  # channels at 1/2, 1/4, 1/8 and 1/16 of the crop
# Pixels, deviation of the Gaussian that keeps the picture's own texture.
_SMOOTHING = 2.5  # at half size
_LARGEST_LIGHT = 0.5  # of a change in luminance
_LARGEST_HUE = 0.12  # and of red and blue beside it
# Range of red and blue minus luminance in what the direct decoder paints: flesh and teeth, never green or blue.
_RED = (-0.03, 0.38)
_BLUE = (-0.30, 0.08)


class Smoothing(nn.Module):
    """A fixed Gaussian blur, as two depthwise convolutions."""

    kernel: Tensor

    def __init__(self, channels: int, deviation: float = _SMOOTHING) -> None:
        super().__init__()
        reach = round(2.5 * deviation)
        places = torch.arange(-reach, reach + 1, dtype=torch.float32)
        kernel = torch.exp(-((places / deviation) ** 2) / 2)
        self.register_buffer("kernel", (kernel / kernel.sum()).repeat(channels, 1, 1, 1), persistent=False)
        self.reach = reach

    def forward(self, images: Tensor) -> Tensor:
        """Blurred pictures (B, C, H, W), in single precision where the rest is trained in bfloat16: its depthwise
        convolutions take a hundred times as long on a CPU."""
        if images.dtype == torch.bfloat16 and self.kernel.dtype == torch.float32:
            with torch.autocast(images.device.type, enabled=False):
                return self._blurred(images.float())
        return self._blurred(images)

    def _blurred(self, images: Tensor) -> Tensor:
        channels = len(self.kernel)
        padded = functional.pad(images, (self.reach,) * 4, mode="replicate")
        rows = functional.conv2d(padded, self.kernel, groups=channels)
        return functional.conv2d(rows, self.kernel.transpose(2, 3), groups=channels)


class _Change(nn.Module):
    """Feature maps at half size to a smooth change of colour (B, 3, H, W): luminance and bounded chroma."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, 3, 3, 1, 1)
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.project.bias)  # type: ignore[arg-type]
        self.smoothing = Smoothing(3)

    def forward(self, maps: Tensor) -> Tensor:
        light, red, blue = torch.tanh(self.smoothing(self.project(maps))).chunk(3, dim=1)
        light, red, blue = light * _LARGEST_LIGHT, red * _LARGEST_HUE, blue * _LARGEST_HUE
        green = (-0.299 * red - 0.114 * blue) / 0.587
        change = torch.cat([light + red, light + green, light + blue], dim=1)
        return functional.interpolate(change, scale_factor=2.0, mode="bilinear", align_corners=False)


class _Paint(nn.Module):
    """Feature maps at half size to a picture (B, 3, H, W) 0..1: luminance and bounded chroma."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, 3 * 4, 3, 1, 1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, maps: Tensor) -> Tensor:
        luminance, red, blue = torch.sigmoid(self.shuffle(self.project(maps))).chunk(3, dim=1)
        red_part = luminance + (_RED[0] + (_RED[1] - _RED[0]) * red)
        blue_part = luminance + (_BLUE[0] + (_BLUE[1] - _BLUE[0]) * blue)
        green_part = (luminance - 0.299 * red_part - 0.114 * blue_part) / 0.587
        return torch.cat([red_part, green_part, blue_part], dim=1).clamp(0.0, 1.0)


class _Modulation(nn.Module):
    """Scales and shifts maps by what the generator is told of the motion (FiLM; Perez et al., 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(CONDITION_SIZE, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, maps: Tensor, told: Tensor) -> Tensor:
        """Maps (B, C, H, W) and rows (B, CONDITION_SIZE) to maps of the same shape."""
        scale, shift = self.linear(told)[:, :, None, None].chunk(2, dim=1)
        changed: Tensor = maps * (1.0 + scale) + shift
        return changed


class MouthGenerator(nn.Module):
    """A U-Net on pixel-unshuffled maps, told of motion and Action Units at every level."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.unshuffle = nn.PixelUnshuffle(2)
        self.enter = nn.Sequential(Convolution(INPUT_CHANNELS * 4, a), Convolution(a, a))
        self.down = nn.ModuleList([Convolution(a, b, 2), Convolution(b, c, 2), Convolution(c, d, 2)])
        self.join = nn.ModuleList([Joining(b + IDENTITY[0], b), Joining(c + IDENTITY[1], c)])
        self.bottom = nn.ModuleList([Joining(d + IDENTITY[2], d), Residual(d)])
        self.up = nn.ModuleList([Enlarging(d + c, c), Enlarging(c + b, b), Enlarging(b + a, a)])
        self.refine = nn.ModuleList([Residual(c), Convolution(b, b), Convolution(a, a)])
        self.told = nn.ModuleList([_Modulation(channels) for channels in (d, c, b, a)])
        self.change = _Change(a)

    def forward(self, inputs: Tensor, told: Tensor, identity: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Changes (B, 3, 128, 160) for maps (B, 8, 128, 160), conditions (B, CONDITION_SIZE) and identity maps."""
        half = self.enter(self.unshuffle(inputs))
        quarter = self.join[0](self.down[0](half), identity[0])
        eighth = self.join[1](self.down[1](quarter), identity[1])
        values = self.told[0](self.bottom[0](self.down[2](eighth), identity[2]), told)
        values = self.bottom[1](values)
        for up, refine, modulate, skip in zip(
            self.up, self.refine, list(self.told)[1:], (eighth, quarter, half), strict=True
        ):
            values = refine(modulate(up(values, skip), told))
        change: Tensor = self.change(values)
        return change


class DirectDecoder(nn.Module):
    """The classic design for comparison: identity maps and motion to a picture, without what geometry has drawn."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.motion = nn.Sequential(nn.Linear(CONDITION_SIZE, 128), nn.LeakyReLU(0.2), nn.Linear(128, d))
        self.bottom = nn.Sequential(Convolution(IDENTITY[2] + d, d), Residual(d))
        self.up = nn.ModuleList([Enlarging(d + IDENTITY[1], c), Enlarging(c + IDENTITY[0], b), Enlarging(b, a)])
        self.refine = nn.ModuleList([Residual(c), Convolution(b, b), Residual(a)])
        self.paint = _Paint(a)

    def forward(self, inputs: Tensor, told: Tensor, identity: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """As `MouthGenerator.forward`; of `inputs` only the picture that is replaced is used."""
        fine, middle, coarse = identity
        moved = self.motion(told)[:, :, None, None].expand(-1, -1, *coarse.shape[2:])
        values = self.bottom(torch.cat([coarse, moved], dim=1))
        for up, refine, skip in zip(self.up, self.refine, (middle, fine, None), strict=True):
            values = refine(up(values, skip))
        change: Tensor = self.paint(values) - inputs[:, :3]
        return change


DESIGNS: Mapping[str, type[MouthGenerator] | type[DirectDecoder]] = {"warp": MouthGenerator, "direct": DirectDecoder}


class Drawing(nn.Module):
    """The generator as it is exported for live use."""

    def __init__(self, generator: nn.Module) -> None:
        """`generator`: a `MouthGenerator`, a `DirectDecoder`, or what is called like them."""
        super().__init__()
        self.generator = generator

    def forward(self, inputs: Tensor, told: Tensor, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor]:
        """The only output: the change of colours, (B, 3, 128, 160)."""
        return (self.generator(inputs, told, (fine, middle, coarse)),)


def compose(inputs: Tensor, change: Tensor, inner: Tensor, reach: Tensor) -> Tensor:
    """The finished crop (B, 3, H, W): the composed mouth plus the change where it may be, around the opening.

    Not inside it: there every training ended in the mean of teeth, tongue and dark, however cautious it was made (see
    docs/drawing.md). `inner`, `reach`: (B, 1, H, W), see `engine.drawing.crop_maps.CropMaps`.
    """
    return (inputs[:, :3] + reach * (1.0 - inner) * change).clamp(0.0, 1.0)
