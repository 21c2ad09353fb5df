"""Tests of the teacher: what is known of a sound becomes motion, for voices that nobody filmed."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liveface.engine.face import face_space  # noqa: E402
from liveface.engine.hearing.features import MEL_BINS  # noqa: E402
from liveface.engine.train import measures  # noqa: E402
from liveface.engine.train.articulation import BILABIAL, FEATURES  # noqa: E402
from liveface.engine.train.measures import GAP  # noqa: E402
from liveface.engine.train.motion_loss import LossWeights  # noqa: E402
from liveface.engine.train.phone_truths import Exaggeration  # noqa: E402
from liveface.engine.train.pseudo_labels import STYLE, describe, learn_visemes, mime, styles  # noqa: E402
from liveface.engine.train.speech_dataset import Recording, unfilmed  # noqa: E402
from liveface.engine.train.speech_encoder import COMPONENTS  # noqa: E402
from tests.engine.train.test_speech_dataset import spoken  # noqa: E402

BASIS = face_space.basis()


def opening(speaker: str, seed: int, size: float = 0.1) -> Recording:
    """As `spoken`, with a motion that opens the mouth by `size` and no other."""
    recording = spoken(speaker, seed)
    weights = BASIS.gap_weights()
    towards_open = (weights / (weights @ weights)).astype(np.float32)
    return replace(recording, code=recording.code[:, :1] * size * towards_open)


def test_what_is_unknown_is_told_apart_from_what_is_absent() -> None:
    articulation = torch.zeros(1, 4, len(FEATURES))
    articulation[:, :2] = float("nan")
    heard = torch.full((1, 1, COMPONENTS), float("nan"))
    described = describe(torch.zeros(1, 4, MEL_BINS), articulation, heard, torch.zeros(1, STYLE))[0, 0]
    assert described.isfinite().all()
    halves = described[: 2 * (len(FEATURES) + 2)].reshape(2, -1)
    assert halves[:, len(FEATURES)].tolist() == [0.0, 1.0]  # spoken
    assert described[-STYLE - 1] == 0.0  # heard
    known = describe(torch.zeros(1, 4, MEL_BINS), articulation, torch.zeros_like(heard), torch.zeros(1, STYLE))[0, 0]
    assert known[-STYLE - 1] == 1.0


def test_a_speaker_who_moves_twice_as_far_has_a_larger_style() -> None:
    found = styles([opening("anna", 0), opening("ben", 0, 0.2)], BASIS)
    assert found["ben"][GAP] - found["anna"][GAP] == pytest.approx(np.log(2.0), abs=1e-3)


def test_unfilmed_speech_moves_as_the_filmed_did() -> None:
    filmed = [opening("anna", seed) for seed in range(3)] + [opening("ben", 3)]
    network = learn_visemes(filmed, BASIS, LossWeights(), steps=120, seed=0)
    stranger = opening("carol", 9)
    edges = np.flatnonzero(np.diff(stranger.phones)) + 1
    bounds = [1, *edges.tolist(), len(stranger.phones)]
    segments = [(a / 100, b / 100, "AA" if stranger.phones[a] else "SIL") for a, b in pairwise(bounds)]
    acted = mime([network], unfilmed("carol", stranger.pcm, segments), BASIS, labelled=(5,))
    assert np.isnan(acted.code[0]).all()  # its first hop has no phone, and no encoder has heard it
    assert np.isnan(acted.action_units[:, 0]).all()
    shapes = measures.matrix(BASIS)
    gap, true_gap = (acted.code @ shapes)[1:, GAP], (stranger.code @ shapes)[1:, GAP]
    assert np.corrcoef(gap, true_gap)[0, 1] > 0.8
    shut = acted.articulation.copy()
    shut[40:48, BILABIAL] = 1.0
    closed = mime([network], replace(acted, articulation=shut), BASIS, labelled=(5,))
    assert (closed.code @ shapes)[10:12, GAP].max() < 0.01


def test_several_teachers_give_their_mean() -> None:
    filmed = [opening("anna", seed) for seed in range(3)]
    teachers = [learn_visemes(filmed, BASIS, LossWeights(), steps=10, seed=seed) for seed in (0, 1)]
    told = unfilmed("carol", filmed[0].pcm, [(0.0, 1.2, "AA")])
    plain = Exaggeration(1.0, 1.0)
    first, second, both = (
        mime(chosen, told, BASIS, (5,), plain).code for chosen in (teachers[:1], teachers[1:], teachers)
    )
    np.testing.assert_allclose(both, (first + second) / 2, atol=0.05)  # but for a gap that is kept above 0
    assert np.abs(first - second).max() > 0.05
