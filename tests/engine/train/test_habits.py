"""Habits of people are evened out: all open as far, with the median person's width; shut mouths stay shut."""

import numpy as np
import pytest

pytest.importorskip("torch")

from liveface.engine.face import action_units, face_space
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.train import measures
from liveface.engine.train.habits import OPENING, evened
from liveface.engine.train.measures import GAP, MEASURES, WIDTH
from liveface.engine.train.speech_dataset import Recording
from tests.engine.train.test_speech_dataset import spoken

BASIS = face_space.basis()
SHAPES = measures.matrix(BASIS)


def mouth(speaker: str, seed: int, opening: float, widening: float) -> Recording:
    """A person who opens the mouth so far, IOD, and widens it by a share of that."""
    recording = spoken(speaker, seed, frames=60)
    gap = opening * np.abs(np.sin(np.arange(60) / 4 + seed))
    wanted = np.zeros((60, len(MEASURES)))
    wanted[:, GAP], wanted[:, WIDTH] = gap, widening * gap
    recording.code[:] = wanted @ np.linalg.pinv(SHAPES)
    recording.code[7] = np.nan
    recording.action_units[:] = action_units.from_landmarks(BASIS.decode(recording.code))
    return recording


@pytest.fixture
def film() -> list[Recording]:
    people = {"main": (0.1, -0.1), "wide": (0.25, 0.6), "usual": (0.15, 0.1), "narrow": (0.08, -0.3)}
    return [mouth(name, seed, *habits) for name, habits in people.items() for seed in range(6)]


def test_all_but_the_main_speaker_open_as_far_and_widen_as_the_median_person(film: list[Recording]) -> None:
    after = evened(film, BASIS, "main")
    assert [one.speaker for one in after] == [one.speaker for one in film]
    for person in ("wide", "usual", "narrow"):
        moved = np.concatenate([one.code for one in after if one.speaker == person]) @ SHAPES
        moved = moved[np.isfinite(moved[:, 0])]
        assert np.percentile(moved[:, GAP], 95) == pytest.approx(OPENING, rel=0.02)
        slope = np.polyfit(moved[:, GAP], moved[:, WIDTH], 1)[0]
        assert slope == pytest.approx(0.0, abs=0.02)  # between the main speaker's -0.1 and the usual 0.1
    for before, one in zip(film[:6], after[:6], strict=True):
        assert one is before


def test_units_follow_and_what_is_unknown_or_shut_stays_so(film: list[Recording]) -> None:
    film[8].code[20] = 0.0
    after = evened(film, BASIS, "main")[8]
    assert np.isnan(after.code[7]).all()
    assert np.abs(after.code[20] @ SHAPES).max() < 1e-4
    known = np.isfinite(after.code[:, 0])
    expected = action_units.from_landmarks(BASIS.decode(after.code[known]))
    part = ACTION_UNITS.index(25)
    np.testing.assert_allclose(after.action_units[known, part], expected[:, part], atol=1e-5)
