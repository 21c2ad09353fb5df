"""A short training of the action unit classifier on drawn mouths."""

import numpy as np
import pytest

pytest.importorskip("torch")

from liveface.engine.train.au_classifier import LabelledCrops, predict, train
from liveface.engine.train.loop import Settings


def drawn_mouths(count: int, seed: int) -> LabelledCrops:
    """Dark ellipse-like bars whose height is the intensity of "lips part" (column 5); the rest is unlabelled."""
    random = np.random.default_rng(seed)
    crops = np.full((count, 108, 144, 3), 170, np.uint8)
    labels = np.full((count, 7), np.nan, np.float32)
    labels[:, 5] = random.uniform(0, 4, count)
    for crop, intensity in zip(crops, labels[:, 5], strict=True):
        half = round(6 * float(intensity)) + 1
        crop[54 - half : 54 + half, 40:104] = 30
    return LabelledCrops(crops, labels)


def test_training_lowers_the_loss_and_reads_the_opening_while_unlabelled_units_stay_zero() -> None:
    losses: list[float] = []
    settings = Settings(steps=40, report_every=5)
    model = train([drawn_mouths(48, 0)], settings, progress=lambda step, loss: losses.append(loss["au_classifier"]))
    assert losses[-1] < 0.5 * losses[0]
    unseen = drawn_mouths(16, 1)
    answers = predict(model, unseen.crops[:, 6:-6, 8:-8])
    assert np.corrcoef(answers[:, 5], unseen.labels[:, 5])[0, 1] > 0.9
    assert not answers[:, 1].any()
