"""Contrastive training of the sync expert on filmed speech.

It does not know where clips come from; the command is `liveface train sync`.
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
from liveface.engine.hearing.features import HOPS_PER_FRAME, MEL_BINS
from liveface.engine.model.sync_expert import PICTURES, SyncExpert, picture_windows, sound_windows
from liveface.engine.train.loop import Progress, Rank, Settings, TrainingState
from liveface.engine.train.loop import train as run

Array = NDArray[np.float32]

CROP_MARGIN = 0.0625  # share of the crop's size added on every side, room for the random shift
CLIPS = 4  # in one batch
WINDOWS = 20  # consecutive ones of each clip; the other nineteen are the hard wrong answers
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 0.05
_ROWS, _COLUMNS = HEIGHT // 2, WIDTH // 2


@dataclass(frozen=True, slots=True, eq=False)
class FilmedClip:
    """One clip in step: grey pictures float32 (T, 54, 72) in 0..1 with `CROP_MARGIN`, features float32 (4 T, 80)."""

    grey: Array
    features: Array


def train(
    speakers: Sequence[Sequence[FilmedClip]],
    settings: Settings,
    file: Path | None = None,
    progress: Progress | None = None,
    place: Rank | None = None,
) -> SyncExpert:
    """Train on speakers' clips, speakers drawn in proportion to the square root of the number of their clips.

    Each window of pictures must find its own sound among the batch's, and the reverse. `file` and `progress` as for
    `engine.train.loop.train`; the loss is named "sync". Returns the expert in evaluation mode, on the CPU.
    """
    place = place or Rank()
    torch.manual_seed(settings.seed)
    model = SyncExpert().to(place.device)
    optimiser = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    state = TrainingState({"sync": model}, {"sync": optimiser})
    share = np.sqrt([len(clips) for clips in speakers])
    share /= share.sum()

    def draw(random: Generator) -> tuple[Tensor, Tensor]:
        pictures, sounds = [], []
        for who in random.choice(len(speakers), CLIPS, p=share):
            clip = speakers[who][int(random.integers(len(speakers[who])))]
            length = WINDOWS + PICTURES - 1
            start = int(random.integers(len(clip.grey) - length + 1))
            pictures.append(picture_windows(_varied_pictures(clip.grey[start : start + length], random)))
            features = clip.features[HOPS_PER_FRAME * start : HOPS_PER_FRAME * (start + length)]
            sounds.append(sound_windows(_varied_sound(features, random)))
        return torch.cat(pictures), torch.cat(sounds)

    def objective(batch: tuple[Tensor, Tensor]) -> Tensor:
        pictures, sounds = (part.to(place.device) for part in batch)
        logits = model(pictures, sounds)
        own = torch.arange(len(logits), device=logits.device)
        return (nn.functional.cross_entropy(logits, own) + nn.functional.cross_entropy(logits.T, own)) / 2

    model.train()
    run(state, draw, {"sync": objective}, settings, file, progress, place)
    trained = SyncExpert()
    trained.load_state_dict(state.weights("sync"))
    return trained.eval()


def _varied_pictures(grey: Array, random: Generator) -> Array:
    """The same shift, mirror, contrast, gamma and softness for all pictures, noise of their own; (T, 48, 64)."""
    top, left = int(random.integers(grey.shape[1] - _ROWS + 1)), int(random.integers(grey.shape[2] - _COLUMNS + 1))
    view = grey[:, top : top + _ROWS, left : left + _COLUMNS]
    if random.random() < 0.5:
        view = view[:, :, ::-1]
    if random.random() < 0.3:
        small = torch.from_numpy(view.copy())[None]
        factor = float(random.uniform(0.5, 0.9))
        small = nn.functional.interpolate(small, scale_factor=factor, mode="bilinear", align_corners=False)
        view = nn.functional.interpolate(small, (_ROWS, _COLUMNS), mode="bilinear", align_corners=False)[0].numpy()
    view = np.clip(view, 1e-3, 1.0) ** np.exp(random.uniform(-0.5, 0.5))
    mean = view.mean()
    view = (view - mean) * random.uniform(0.6, 1.5) + mean * random.uniform(0.6, 1.4)
    return np.asarray(view + random.standard_normal(view.shape) * random.uniform(0.0, 0.03), np.float32)


def _varied_sound(features: Array, random: Generator) -> Array:
    """Features as of another voice in another room: warped along the mel axis, equalised, over a noise floor."""
    bins = np.arange(MEL_BINS)
    places = np.clip(bins * random.uniform(0.85, 1.18), 0, MEL_BINS - 1)
    low = places.astype(np.int64)
    high = np.minimum(low + 1, MEL_BINS - 1)
    warped = features[:, low] + (places - low) * (features[:, high] - features[:, low])
    knots = random.normal(0.0, 0.5, 6)
    warped = warped + np.interp(bins, np.linspace(0, MEL_BINS - 1, 6), knots)
    if random.random() < 0.4:
        warped = np.logaddexp(warped, random.uniform(-10.0, -3.0) + random.normal(0.0, 0.5, warped.shape))
    return np.asarray(warped, np.float32)
