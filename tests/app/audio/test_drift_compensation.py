"""Tests of the delay that is kept steady."""

import numpy as np

from liveface.app.audio.drift_compensation import DriftCompensation
from liveface.engine.media import SAMPLE_RATE, Samples

BLOCK = 160
WINDOW = 500  # delays
TONE = np.sin(np.arange(20 * SAMPLE_RATE) * 2 * np.pi * 300 / SAMPLE_RATE).astype(np.float32)


def played(steady: DriftCompensation, blocks: int) -> tuple[Samples, int]:
    """What is played, and how many samples that took."""
    rest, sound = TONE, []
    for _ in range(blocks):
        block, rest = steady.take(rest, BLOCK)
        sound.append(block)
    return np.concatenate(sound), len(TONE) - len(rest)


def note(steady: DriftCompensation, delay: float, times: int = WINDOW) -> None:
    for _ in range(times):
        steady.note(delay)


def test_sound_whose_delay_stays_is_played_as_it_is() -> None:
    steady = DriftCompensation()
    for delay in (0.1, 0.103, 0.098):
        note(steady, delay)
    sound, used = played(steady, 500)
    assert used == len(sound)
    np.testing.assert_array_equal(sound, TONE[:used])


def test_sound_that_has_become_late_or_early_is_brought_back_without_a_click() -> None:
    for change in (0.01, -0.01):
        steady = DriftCompensation()
        note(steady, 0.1)
        note(steady, 0.1 + change)
        sound, used = played(steady, 500)
        assert used - len(sound) == round(change * SAMPLE_RATE)
        assert np.abs(np.diff(sound)).max() < 1.1 * np.abs(np.diff(TONE)).max()


def test_while_the_sound_is_brought_back_its_delay_is_not_judged() -> None:
    steady = DriftCompensation()
    note(steady, 0.1)
    note(steady, 0.11, 3 * WINDOW)
    sound, used = played(steady, 500)
    assert used - len(sound) == 160


def test_after_an_interruption_the_delay_is_measured_anew_and_compared_with_the_first() -> None:
    steady = DriftCompensation()
    note(steady, 0.1)
    note(steady, 0.15, WINDOW - 1)
    steady.restart()
    note(steady, 0.12, WINDOW)
    sound, used = played(steady, 500)
    assert used - len(sound) == 320


def test_an_interruption_ends_what_was_under_way() -> None:
    steady = DriftCompensation()
    note(steady, 0.1)
    note(steady, 0.2)
    played(steady, 10)
    steady.restart()
    sound, used = played(steady, 100)
    assert used == len(sound)


def test_blocks_that_are_just_complete_or_very_short_are_played_as_they_are() -> None:
    for later in (0.2, 0.05):
        steady = DriftCompensation()
        note(steady, 0.1)
        note(steady, later)
        for waiting, count in ((BLOCK, BLOCK), (BLOCK, 0), (BLOCK, 1), (BLOCK, 2)):
            block, rest = steady.take(TONE[:waiting], count)
            np.testing.assert_array_equal(block, TONE[:count])
            assert len(rest) == waiting - count
