"""Training of the action unit classifier on labelled mouth crops.

It does not know where crops and labels come from; the command is `liveface train au-classifier`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from liveface.engine.face.mouth_crops import HEIGHT, WIDTH
from liveface.engine.media import Picture
from liveface.engine.model.au_classifier import ActionUnitClassifier, intensity_loss
from liveface.engine.train.loop import Progress, Rank, Settings, TrainingState
from liveface.engine.train.loop import train as run

Array = NDArray[np.float32]

CROP_MARGIN = 0.0625  # share of the crop's size added on every side, room for the random shift
BATCH = 32
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 0.02


@dataclass(frozen=True, slots=True, eq=False)
class LabelledCrops:
    """Crops of one speaker with `CROP_MARGIN`: uint8 (N, 108, 144, 3) RGB; intensities float32 (N, 7), NaN: unknown."""

    crops: Picture
    labels: Array


def train(
    speakers: Sequence[LabelledCrops],
    settings: Settings,
    file: Path | None = None,
    progress: Progress | None = None,
    place: Rank | None = None,
) -> ActionUnitClassifier:
    """Train on speakers, drawn in proportion to the square root of the number of their crops.

    `file` and `progress` as for `engine.train.loop.train`; the loss is named "au_classifier".
    Returns the classifier in evaluation mode, on the CPU.
    """
    place = place or Rank()
    torch.manual_seed(settings.seed)
    model = ActionUnitClassifier().to(place.device)
    optimiser = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    state = TrainingState({"au_classifier": model}, {"au_classifier": optimiser})
    share = np.sqrt([len(speaker.labels) for speaker in speakers])
    share /= share.sum()

    def draw(random: Generator) -> tuple[Tensor, Tensor]:
        chosen = random.choice(len(speakers), BATCH, p=share)
        picks = [(speakers[who], int(random.integers(len(speakers[who].labels)))) for who in chosen]
        pictures = np.stack([speaker.crops[index] for speaker, index in picks])
        labels = np.stack([speaker.labels[index] for speaker, index in picks])
        return augmented(pictures, random), torch.from_numpy(labels)

    def objective(batch: tuple[Tensor, Tensor]) -> Tensor:
        pictures, labels = batch
        return intensity_loss(model(pictures.to(place.device)), labels.to(place.device))

    model.train()
    run(state, draw, {"au_classifier": objective}, settings, file, progress, place)
    trained = ActionUnitClassifier()
    trained.load_state_dict(state.weights("au_classifier"))
    return trained.eval()


def augmented(pictures: Picture, random: Generator) -> Tensor:
    """Random shift, scale, mirror, light, colour, blur and noise: uint8 (B, 108, 144, 3) to float (B, 3, 96, 128).

    The action units are symmetric, so a mirrored crop keeps its labels.
    """
    count, height, width, _ = pictures.shape
    rows = int(random.integers(round(height * 0.83), height + 1))
    columns = round(rows * WIDTH / HEIGHT)
    views = []
    for picture in pictures:
        top, left = int(random.integers(height - rows + 1)), int(random.integers(width - columns + 1))
        view = picture[top : top + rows, left : left + columns]
        views.append(view[:, ::-1] if random.random() < 0.5 else view)
    crop = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float() / 255.0
    crop = _resized(crop, HEIGHT, WIDTH)

    def each(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(random.uniform(low, high, (count, channels, 1, 1)).astype(np.float32))

    if random.random() < 0.3:  # as from a small or strongly compressed video
        factor = float(random.uniform(0.3, 0.8))
        crop = _resized(_resized(crop, round(HEIGHT * factor), round(WIDTH * factor)), HEIGHT, WIDTH)
    crop = crop.clamp(1e-4, 1.0) ** torch.exp(each(-0.4, 0.4))
    mean = crop.mean(dim=(2, 3), keepdim=True)
    crop = (crop - mean) * each(0.7, 1.3) + mean * each(0.6, 1.4) * each(0.85, 1.15, 3)
    crop = crop * (1.0 + torch.linspace(-1.0, 1.0, WIDTH) * each(-0.3, 0.3))
    noise = torch.from_numpy(random.standard_normal(crop.shape, dtype=np.float32)) * each(0.0, 0.03)
    return (crop + noise).clamp(0.0, 1.0)


def predict(model: ActionUnitClassifier, crops: Picture, batch: int = 64) -> Array:
    """Intensities float32 (N, 7) in 0..5 of crops uint8 (N, 96, 128, 3) RGB."""
    outputs = []
    with torch.inference_mode():
        for start in range(0, len(crops), batch):
            block = torch.from_numpy(crops[start : start + batch]).permute(0, 3, 1, 2).float() / 255.0
            outputs.append(model(block).clamp(0.0, 5.0).numpy())
    return np.concatenate(outputs)


def _resized(pictures: Tensor, height: int, width: int) -> Tensor:
    return nn.functional.interpolate(pictures, (height, width), mode="bilinear", align_corners=False)
