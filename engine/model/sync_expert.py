"""The sync expert: embeds sound and mouth pictures so that what belongs together lies near.

Follows the idea of SyncNet (Chung and Zisserman, "Out of time", 2016): five pictures against the sound around them.
It scores and is not part of the live path; it does not know landmarks.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from liveface.engine.hearing.features import HOPS_PER_FRAME, MEL_BINS
from liveface.engine.media import Picture

PICTURES = 5  # frames in one window, centred on its frame
MEL_COLUMNS = PICTURES * HOPS_PER_FRAME
REACH = PICTURES // 2  # frames at either end of a clip that have no window
EMBEDDING = 96
_PICTURE_CHANNELS = (32, 64, 96, 128)
_SOUND_CHANNELS = (128, 160, 192)


class SyncExpert(nn.Module):
    """Two encoders into one space of unit vectors, 0.46 M parameters; distances lie in 0..2.

    Pictures: float (B, 5, 48, 64), grey 0..1, mouth crops at half size. Sound: float (B, 80, 20), features of
    `engine.hearing.features` as columns. `temperature` scales cosines into logits in training.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.BatchNorm2d(PICTURES)]
        for narrow, wide in zip((PICTURES, *_PICTURE_CHANNELS), _PICTURE_CHANNELS, strict=False):
            layers += [nn.Conv2d(narrow, wide, 3, 2, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
        squeezed = nn.Conv2d(_PICTURE_CHANNELS[-1], 32, 1)
        self.pictures = nn.Sequential(*layers, squeezed, nn.Flatten(), nn.Linear(32 * 3 * 4, EMBEDDING))
        layers = [nn.BatchNorm1d(MEL_BINS)]
        for narrow, wide, stride in zip((MEL_BINS, *_SOUND_CHANNELS), _SOUND_CHANNELS, (1, 2, 2), strict=False):
            layers += [nn.Conv1d(narrow, wide, 3, stride, 1, bias=False), nn.BatchNorm1d(wide), nn.ReLU()]
        squeezed_sound = nn.Conv1d(_SOUND_CHANNELS[-1], 64, 1)
        columns = MEL_COLUMNS // 4
        self.sound = nn.Sequential(*layers, squeezed_sound, nn.Flatten(), nn.Linear(64 * columns, EMBEDDING))
        self.log_temperature = nn.Parameter(torch.tensor(2.5))

    def see(self, pictures: Tensor) -> Tensor:
        """Unit vectors (B, 96) of picture windows (B, 5, 48, 64)."""
        return nn.functional.normalize(self.pictures(pictures), dim=1)

    def hear(self, sound: Tensor) -> Tensor:
        """Unit vectors (B, 96) of sound windows (B, 80, 20)."""
        return nn.functional.normalize(self.sound(sound), dim=1)

    def forward(self, pictures: Tensor, sound: Tensor) -> Tensor:
        """Logits (B, B) of every picture window (rows) belonging to every sound window (columns)."""
        return self.log_temperature.exp() * self.see(pictures) @ self.hear(sound).T


def grey_pictures(crops: Picture) -> NDArray[np.float32]:
    """Half-size grey pictures, float32 (T, H/2, W/2) in 0..1, of crops uint8 (T, H, W, 3) RGB with even sides."""
    count, height, width, _ = crops.shape
    grey = crops.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(grey.reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4)) / 255.0, np.float32)


def picture_windows(grey: NDArray[np.float32]) -> Tensor:
    """Windows (T - 4, 5, H, W) around the frames 2 .. T - 3 of grey pictures (T, H, W)."""
    return torch.from_numpy(grey).unfold(0, PICTURES, 1).permute(0, 3, 1, 2)


def sound_windows(features: NDArray[np.float32]) -> Tensor:
    """Windows (T - 4, 80, 20) around the frames 2 .. T - 3 of features (4 T, 80)."""
    return torch.from_numpy(features).unfold(0, MEL_COLUMNS, HOPS_PER_FRAME)


def embeddings(
    model: SyncExpert, crops: Picture, features: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sound and picture embeddings, each float32 (T - 4, 96), of one clip.

    `crops`: uint8 (T, 96, 128, 3) RGB of `engine.face.mouth_crops`; `features`: float32 (4 T, 80).
    """
    assert len(features) == HOPS_PER_FRAME * len(crops), (
        f"{len(crops)} pictures do not fit {len(features)} feature rows"
    )
    with torch.inference_mode():
        seen = model.see(picture_windows(grey_pictures(crops)).contiguous())
        heard = model.hear(sound_windows(features).contiguous())
    return heard.numpy(), seen.numpy()
