"""A short training of the sync expert on a drawn mouth whose opening is the loudness."""

import numpy as np
import pytest

pytest.importorskip("torch")

from liveface.engine.evaluate.lipsync import sync_distances
from liveface.engine.model.sync_expert import embeddings, grey_pictures
from liveface.engine.train.loop import Settings
from liveface.engine.train.sync import FilmedClip, train


def drawn_clip(seed: int, frames: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Crops uint8 (T, 108, 144, 3) with a dark bar as high as the opening, and features as loud as it is high."""
    random = np.random.default_rng(seed)
    opening = np.convolve(random.uniform(0, 1, frames + 2), np.ones(3) / 3, mode="valid")
    crops = np.full((frames, 108, 144, 3), 180, np.uint8)
    for crop, value in zip(crops, opening, strict=True):
        half = 2 + round(24 * float(value))
        crop[54 - half : 54 + half, 40:104] = 20
    features = (8 * opening.repeat(4) - 8)[:, None] + random.normal(0, 0.1, (4 * frames, 80))
    return crops, features.astype(np.float32)


def test_training_lowers_the_loss_and_finds_a_shifted_sound() -> None:
    clips = [FilmedClip(grey_pictures(crops), features) for crops, features in map(drawn_clip, range(6))]
    losses: list[float] = []
    settings = Settings(steps=40, report_every=5)
    model = train([clips], settings, progress=lambda step, loss: losses.append(loss["sync"]))
    assert losses[-1] < 0.8 * losses[0]
    crops, features = drawn_clip(99)
    heard, seen = embeddings(model, crops[4:, 6:-6, 8:-8], features[:-16])
    _, _, offset = sync_distances(heard, seen)
    assert abs(offset - 4) <= 1
