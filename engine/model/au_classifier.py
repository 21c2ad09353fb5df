"""The action unit classifier: a crop of a mouth to the intensities of the speech-related action units.

It scores generated pictures and is a loss for the generator. It does not know sound, and it sees one picture at a time.
"""

import torch
from torch import Tensor, nn

from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.mouth_crops import HEIGHT, WIDTH

_CHANNELS = (16, 32, 64, 96)  # after each halving of the picture
_SQUEEZED = 16  # channels kept where place matters, before the fully connected layers
_HIDDEN = 96


class ActionUnitClassifier(nn.Module):
    """Convolutions with BatchNorm, 0.28 M parameters.

    Input: float (B, 3, 96, 128), RGB in 0..1, the crop of `engine.face.mouth_crops`. Output: float (B, 7), intensities
    meant to lie in 0..5, in the order of `ACTION_UNITS`. Units without any label in training give exactly 0.
    """

    def __init__(self) -> None:
        super().__init__()
        first, *wider = _CHANNELS
        self.stages = nn.ModuleList([_convolution(3, first, 2)])
        for narrow, wide in zip(_CHANNELS, wider, strict=False):
            self.stages.append(nn.Sequential(_convolution(narrow, wide, 2), _convolution(wide, wide, 1)))
        self.squeeze = nn.Sequential(
            nn.Conv2d(_CHANNELS[-1], _SQUEEZED, 1, bias=False), nn.BatchNorm2d(_SQUEEZED), nn.ReLU()
        )
        cells = (HEIGHT >> len(_CHANNELS)) * (WIDTH >> len(_CHANNELS))
        self.dense = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(_SQUEEZED * cells, _HIDDEN), nn.ReLU())
        self.head = nn.Linear(_HIDDEN, len(ACTION_UNITS))
        # A unit that is never labelled gets no gradient, so from zero it stays at zero.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def features(self, crop: Tensor) -> list[Tensor]:
        """The maps after each stage, (B, 16, 48, 64) to (B, 96, 6, 8), for a perceptual loss."""
        maps = []
        values = crop - 0.5
        for stage in self.stages:
            values = stage(values)
            maps.append(values)
        return maps

    def intensities(self, maps: list[Tensor]) -> Tensor:
        """Intensities (B, 7) from the maps of `features`."""
        values: Tensor = self.head(self.dense(self.squeeze(maps[-1])))
        return values

    def forward(self, crop: Tensor) -> Tensor:
        """Intensities (B, 7) of crops (B, 3, 96, 128)."""
        return self.intensities(self.features(crop))


def intensity_loss(predicted: Tensor, labels: Tensor) -> Tensor:
    """Smooth L1 of intensities (B, 7) over the labels that are not NaN; active units weigh more. A scalar."""
    known = torch.isfinite(labels)
    wanted = torch.where(known, labels, predicted.detach())
    weight = known * (1.0 + wanted.clamp(0.0, 3.0))
    error = nn.functional.smooth_l1_loss(predicted, wanted, reduction="none", beta=0.5)
    return (weight * error).sum() / weight.sum().clamp(min=1.0)


def _convolution(narrow: int, wide: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(narrow, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU())
