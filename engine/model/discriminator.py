"""The frame discriminator: is this patch of a mouth filmed or drawn?"""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

_CHANNELS = (32, 64, 96)


class Discriminator(nn.Module):
    """PatchGAN with spectral normalisation, told where the mouth is open."""

    def __init__(self) -> None:
        super().__init__()
        layers = []
        narrow = 4
        for wide in _CHANNELS:
            layers.append(nn.Sequential(spectral_norm(nn.Conv2d(narrow, wide, 4, 2, 1)), nn.LeakyReLU(0.2)))
            narrow = wide
        self.stages = nn.ModuleList(layers)
        self.judge = spectral_norm(nn.Conv2d(narrow, 1, 3, 1, 1))

    def forward(self, image: Tensor, inner: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores (B, 1, 16, 20), higher for filmed, and the maps of each stage; image 0..1, `inner` (B, 1, H, W)."""
        values = torch.cat([image * 2.0 - 1.0, inner], dim=1)
        maps = []
        for stage in self.stages:
            values = stage(values)
            maps.append(values)
        return self.judge(values), maps
