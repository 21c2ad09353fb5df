"""Tests of the mime: phones and loudness become motion, for voices that nobody filmed."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engine import face_space  # noqa: E402
from engine.features import MEL_BINS  # noqa: E402
from engine.model.audio_encoder import PHONES  # noqa: E402
from engine.train.phones import UNKNOWN  # noqa: E402
from engine.train.utterances import Repertoire, in_voices, unfilmed  # noqa: E402
from engine.train.visemes import describe, learn_visemes, mime  # noqa: E402
from tests.engine.train.test_utterances import spoken  # noqa: E402


def test_phones_are_counted_in_each_half_of_a_frame() -> None:
    phones = torch.tensor([[PHONES.index("B"), PHONES.index("AA"), UNKNOWN, UNKNOWN]])
    seen = describe(torch.zeros(1, 4, MEL_BINS), phones)[0, 0].reshape(2, -1)
    assert seen[0, PHONES.index("B")] == seen[0, PHONES.index("AA")] == 0.5
    assert seen[1, len(PHONES)] == 1.0
    assert seen.sum() == 2.0


def test_a_rare_phone_looks_like_its_neighbour() -> None:
    mel = torch.zeros(1, 4, MEL_BINS)
    rare, known = (torch.full((1, 4), PHONES.index(phone)) for phone in ("SH", "CH"))
    assert torch.equal(describe(mel, rare), describe(mel, known))


def test_unfilmed_speech_moves_as_the_filmed_did() -> None:
    filmed = Repertoire(((1.0, in_voices([spoken("anna", seed) for seed in range(3)], 1, 1.0, 0)),), 0.0)
    network = learn_visemes(filmed, face_space.basis(), steps=60, seed=0)
    stranger = spoken("carol", 9)
    stranger.phones[:4] = UNKNOWN
    heard = in_voices([unfilmed("carol", stranger.pcm, stranger.phones)], 1, 1.0, 0)[0]
    acted = mime(network, heard, labelled=(5,))
    assert np.isnan(acted.code[0]).all()
    assert np.isnan(acted.action_units[:, 0]).all()
    assert np.corrcoef(acted.code[1:, 0], stranger.code[1:, 0])[0, 1] > 0.8
    assert np.corrcoef(acted.action_units[1:, 5], stranger.action_units[1:, 5])[0, 1] > 0.8
    assert acted.mel is heard.mel
