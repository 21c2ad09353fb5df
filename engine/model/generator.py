"""The generator: the bent photo, the mouth's maps and the motion to the picture of the mouth.

Two designs share the interface. `MouthGenerator` refines a photo that geometry has already bent. `DirectDecoder` is
the classic design, which sees the identity and the motion only; it is kept for comparison.
Both return what the compositor needs: the picture of the inner mouth, and a smooth change of colour around it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveface.engine.face.face_space import CODE_SIZE
from liveface.engine.face.mouth import INPUT_CHANNELS
from liveface.engine.model.blocks import Convolution, Enlarging, Joining, Residual
from liveface.engine.model.identity_encoder import CHANNELS as IDENTITY

WIDTHS = (32, 56, 88, 112)  # channels at 1/2, 1/4, 1/8 and 1/16 of the crop
_SMOOTHING = 2.5  # pixels, deviation of the Gaussian that keeps the photo's own texture outside the mouth
# Range of red and blue minus luminance: flesh and teeth, never green or blue.
_RED = (-0.03, 0.38)
_BLUE = (-0.30, 0.08)
_CAVITY = (0.45, 0.58, 0.58)  # share of red, green and blue that is lost in the depth behind the teeth


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
        """Blurred pictures (B, C, H, W)."""
        channels = len(self.kernel)
        padded = functional.pad(images, (self.reach,) * 4, mode="replicate")
        rows = functional.conv2d(padded, self.kernel, groups=channels)
        return functional.conv2d(rows, self.kernel.transpose(2, 3), groups=channels)


class _Paint(nn.Module):
    """Feature maps at half size to a picture (B, 3, H, W) 0..1: luminance, bounded chroma, and the teeth's detail."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels, 4 * 4, 3, 1, 1)
        self.shuffle = nn.PixelShuffle(2)
        self.smoothing = Smoothing(1)

    def forward(self, maps: Tensor, inputs: Tensor) -> Tensor:
        luminance, red, blue, strength = torch.sigmoid(self.shuffle(self.project(maps))).chunk(4, dim=1)
        teeth = torch.maximum(inputs[:, 6:7], inputs[:, 7:8])
        detail = teeth - self.smoothing(teeth)
        luminance = luminance + 0.5 * strength * detail * inputs[:, 3:4]
        red_part = luminance + (_RED[0] + (_RED[1] - _RED[0]) * red)
        blue_part = luminance + (_BLUE[0] + (_BLUE[1] - _BLUE[0]) * blue)
        green_part = (luminance - 0.299 * red_part - 0.114 * blue_part) / 0.587
        return torch.cat([red_part, green_part, blue_part], dim=1).clamp(0.0, 1.0)


class MouthGenerator(nn.Module):
    """A U-Net on pixel-unshuffled maps, about 0.4 GMAC for one mouth."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.unshuffle = nn.PixelUnshuffle(2)
        self.enter = nn.Sequential(Convolution(INPUT_CHANNELS * 4, a), Convolution(a, a))
        self.down = nn.ModuleList([Convolution(a, b, 2), Convolution(b, c, 2), Convolution(c, d, 2)])
        self.join = nn.ModuleList([Joining(b + IDENTITY[0], b), Joining(c + IDENTITY[1], c)])
        self.motion = nn.Linear(CODE_SIZE, d)
        self.bottom = nn.ModuleList([Joining(d + IDENTITY[2], d), Residual(d)])
        self.up = nn.ModuleList([Enlarging(d + c, c), Enlarging(c + b, b), Enlarging(b + a, a)])
        self.refine = nn.ModuleList([Residual(c), Convolution(b, b), Convolution(a, a)])
        self.paint = _Paint(a)

    def forward(self, inputs: Tensor, code: Tensor, identity: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Pictures (B, 3, 96, 128) 0..1 for maps (B, 8, 96, 128), motion codes (B, 16) and identity maps."""
        half = self.enter(self.unshuffle(inputs))
        quarter = self.join[0](self.down[0](half), identity[0])
        eighth = self.join[1](self.down[1](quarter), identity[1])
        values = self.down[2](eighth) + self.motion(code)[:, :, None, None]
        values = self.bottom[1](self.bottom[0](values, identity[2]))
        for up, refine, skip in zip(self.up, self.refine, (eighth, quarter, half), strict=True):
            values = refine(up(values, skip))
        output: Tensor = self.paint(values, inputs)
        return output


class DirectDecoder(nn.Module):
    """The classic design for comparison: identity maps and motion to a picture, without bending the photo."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.motion = nn.Sequential(nn.Linear(CODE_SIZE, 128), nn.LeakyReLU(0.2), nn.Linear(128, d))
        self.bottom = nn.Sequential(Convolution(IDENTITY[2] + d, d), Residual(d))
        self.up = nn.ModuleList([Enlarging(d + IDENTITY[1], c), Enlarging(c + IDENTITY[0], b), Enlarging(b, a)])
        self.refine = nn.ModuleList([Residual(c), Convolution(b, b), Residual(a)])
        self.paint = _Paint(a)

    def forward(self, inputs: Tensor, code: Tensor, identity: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """As `MouthGenerator.forward`; of `inputs` only the mouth's place is used, for the teeth's detail."""
        fine, middle, coarse = identity
        moved = self.motion(code)[:, :, None, None].expand(-1, -1, *coarse.shape[2:])
        values = self.bottom(torch.cat([coarse, moved], dim=1))
        for up, refine, skip in zip(self.up, self.refine, (middle, fine, None), strict=True):
            values = refine(up(values, skip))
        output: Tensor = self.paint(values, inputs)
        return output


DESIGNS: Mapping[str, type[MouthGenerator] | type[DirectDecoder]] = {"warp": MouthGenerator, "direct": DirectDecoder}


class Depth(nn.Module):
    """Darkens the inner mouth towards its depth, where nothing bright was painted.

    The corpora show mouths too coarsely to learn their inside, so the network paints the mean of teeth, tongue and
    shadow: one grey band. Teeth are laid over it afterwards (`engine.drawing.teeth`); what is behind them is dark red.
    Fixed, and used for live drawing only, so that the network does not learn to undo it.
    """

    cavity: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.smoothing = Smoothing(1)
        self.register_buffer("cavity", torch.tensor(_CAVITY).view(1, 3, 1, 1), persistent=False)

    def forward(self, picture: Tensor, inputs: Tensor) -> Tensor:
        """The picture (B, 3, H, W) with depth, for the generator's inputs (B, 8, H, W)."""
        inner = inputs[:, 3:4]
        around = 1.0 - inner
        light = (_luminance(inputs) * around).mean((2, 3), keepdim=True) / around.mean((2, 3), keepdim=True)
        deep = ((self.smoothing(inner) - 0.4) / 0.5).clamp(0.0, 1.0)
        # Something as bright as the skin is a tongue in the light, or teeth that the network has seen.
        bright = ((_luminance(picture) / light.clamp(min=0.02) - 0.8) / 0.3).clamp(0.0, 1.0)
        darkened: Tensor = picture * (1.0 - self.cavity * (inner * deep * (1.0 - bright)))
        return darkened


def _luminance(picture: Tensor) -> Tensor:
    """(B, 3 or more, H, W) to (B, 1, H, W)."""
    return 0.299 * picture[:, 0:1] + 0.587 * picture[:, 1:2] + 0.114 * picture[:, 2:3]


class Drawing(nn.Module):
    """Generator and the fixed rule of how its picture enters the photo; this is what is exported for live use."""

    def __init__(self, generator: nn.Module, with_depth: bool = False) -> None:
        """`generator`: a `MouthGenerator`, a `DirectDecoder`, or what is called like them."""
        super().__init__()
        self.generator = generator
        self.smoothing = Smoothing(3)
        self.depth = Depth() if with_depth else None

    def forward(
        self, inputs: Tensor, code: Tensor, fine: Tensor, middle: Tensor, coarse: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The inner mouth's picture and the smooth change of colour around it, each (B, 3, 96, 128)."""
        picture = self.generator(inputs, code, (fine, middle, coarse))
        change = self.smoothing(picture - inputs[:, :3])
        return picture if self.depth is None else self.depth(picture, inputs), change


def compose(inputs: Tensor, picture: Tensor, change: Tensor, inner: Tensor, reach: Tensor) -> Tensor:
    """The finished crop (B, 3, H, W): outside the mouth the bent photo plus the change, inside it the picture.

    `inner`, `reach`: (B, 1, H, W), see `engine.drawing.crop_maps.CropMaps`.
    """
    around = inputs[:, :3] + reach * change
    return (inner * picture + (1.0 - inner) * around).clamp(0.0, 1.0)
