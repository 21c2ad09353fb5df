"""The sync expert's shapes, windows and sizes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liveface.engine.model.sync_expert import (  # noqa: E402
    SyncExpert,
    embeddings,
    grey_pictures,
    picture_windows,
    sound_windows,
)


def test_windows_of_pictures_and_sound_are_about_the_same_frames() -> None:
    pictures = np.arange(9, dtype=np.float32)[:, None, None].repeat(48, axis=1).repeat(64, axis=2)
    features = np.arange(36, dtype=np.float32)[:, None].repeat(80, axis=1)
    seen, heard = picture_windows(pictures), sound_windows(features)
    assert seen.shape == (5, 5, 48, 64)
    assert heard.shape == (5, 80, 20)
    assert seen[1, :, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert heard[1, 0].tolist() == list(range(4, 24))


def test_grey_pictures_are_halved_means_of_luma() -> None:
    crops = np.zeros((1, 4, 4, 3), np.uint8)
    crops[0, :2, :2] = 255
    assert np.allclose(grey_pictures(crops), [[[1, 0], [0, 0]]], atol=1e-5)


def test_embeddings_of_a_clip_are_unit_vectors() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (12, 96, 128, 3)).astype(np.uint8)
    features = np.random.default_rng(1).normal(size=(48, 80)).astype(np.float32)
    heard, seen = embeddings(SyncExpert().eval(), crops, features)
    assert heard.shape == seen.shape == (8, 96)
    assert np.allclose(np.linalg.norm(heard, axis=1), 1, atol=1e-5)
    assert np.allclose(np.linalg.norm(seen, axis=1), 1, atol=1e-5)


def test_pictures_and_sound_of_different_length_are_refused() -> None:
    with pytest.raises(AssertionError, match="do not fit"):
        embeddings(SyncExpert().eval(), np.zeros((12, 96, 128, 3), np.uint8), np.zeros((40, 80), np.float32))


def test_the_expert_stays_small() -> None:
    assert sum(parameter.numel() for parameter in SyncExpert().parameters()) < 600_000
