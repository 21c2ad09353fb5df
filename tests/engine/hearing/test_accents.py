"""Stresses are heard as they begin, not too often, and not in even sound."""

import numpy as np
import pytest

from liveface.engine.hearing.accents import BLOCKS, Accents
from liveface.engine.media import FPS, HOP, SAMPLE_RATE, Samples


def voice(loudness: np.ndarray) -> Samples:
    """A tone with a level for each 10 ms, in dBFS."""
    level = np.repeat(10 ** (loudness / 20), HOP // BLOCKS)
    return (level * np.sin(2 * np.pi * 200 * np.arange(len(level)) / SAMPLE_RATE)).astype(np.float32)


def stressed(seconds: float, at: list[float], by: float) -> Samples:
    loudness = np.full(round(seconds * 100), -30.0)
    for moment in at:
        loudness[round(moment * 100) : round(moment * 100) + 15] += by
    return voice(loudness)


def heard(pcm: Samples) -> list[tuple[float, float]]:
    """Each stress: the second in which it begins, and its size."""
    accents, found = Accents(), []
    for index, frame in enumerate(pcm.reshape(-1, HOP)):
        for block, stress in enumerate(accents.hear(frame)):
            moment = (index + block / BLOCKS) / FPS
            if stress.after > 0 and stress.before == 0:
                found.append((moment, stress.after))
            elif stress.after > 0:
                assert stress.before <= stress.after <= 1
                found[-1] = found[-1][0], stress.after
    return found


def test_a_louder_syllable_is_a_stress_within_50_ms() -> None:
    found = [moment for moment, _ in heard(stressed(6.0, [2.0, 3.0, 4.4], 10.0)) if moment > 1]
    np.testing.assert_allclose(found, [2.0, 3.0, 4.4], atol=0.05)


def test_louder_is_stronger() -> None:
    sizes = [heard(stressed(4.0, [3.0], by))[-1][1] for by in (6.0, 9.0, 14.0)]
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.8 < sizes[-1] <= 1


def test_stresses_are_400_ms_apart() -> None:
    found = [moment for moment, _ in heard(stressed(6.0, list(np.arange(1.0, 5.0, 0.2)), 12.0))]
    assert np.diff(found).min() >= 0.4 - 1e-6


@pytest.mark.parametrize("level", [-90.0, -60.0, -30.0, -10.0])
def test_even_sound_has_no_stress_after_its_beginning(level: float) -> None:
    assert [moment for moment, _ in heard(voice(np.full(600, level))) if moment > 0.1] == []


def test_nothing_is_heard_in_silence() -> None:
    assert heard(np.zeros(10 * HOP, np.float32)) == []


def test_after_a_reset_it_is_as_new() -> None:
    accents, pcm = Accents(), stressed(2.0, [1.0], 12.0).reshape(-1, HOP)
    first = [accents.hear(frame) for frame in pcm]
    accents.reset()
    assert [accents.hear(frame) for frame in pcm] == first
