"""Tests of filling gaps: how much is given by when, whatever the device does."""

import numpy as np
import pytest

from liveface.app.audio.gap_concealment import GapConcealment
from liveface.engine.media import SAMPLE_RATE, Samples

BLOCK = np.ones(320, np.float32)
NOTHING = np.zeros(0, np.float32)


def given(filler: GapConcealment, arrivals: list[tuple[float, Samples]], step: float = 0.02) -> Samples:
    """All that the listener gets when it asks at each arrival, and every `step` seconds between them."""
    pieces, now = [NOTHING], 0.0
    for moment, pcm in arrivals:
        while now + step < moment - 1e-9:
            now += step
            pieces.append(filler.fill(NOTHING, now))
        now = moment
        pieces.append(filler.fill(pcm, now))
    return np.concatenate(pieces)


def steadily(start: float, end: float) -> list[tuple[float, Samples]]:
    return [(start + number * 0.02, BLOCK) for number in range(1, round((end - start) / 0.02) + 1)]


def test_steady_sound_passes_unchanged_even_if_the_device_is_fast() -> None:
    filler = GapConcealment(0.0)
    assert given(filler, [(number * 0.0199, BLOCK) for number in range(1, 501)]).tolist() == [1.0] * 160_000
    assert filler.dropped == 0


def test_a_short_pause_is_no_gap() -> None:
    pcm = given(GapConcealment(0.0), [*steadily(0, 1), (1.19, np.ones(9 * 320, np.float32)), *steadily(1.18, 2)])
    assert len(pcm) == 2 * SAMPLE_RATE
    assert pcm.all()


def test_silence_takes_the_place_of_sound_that_does_not_come() -> None:
    filler = GapConcealment(0.0)
    pcm = given(filler, [*steadily(0, 1), (3.0, NOTHING)])
    assert len(pcm) == pytest.approx(3 * SAMPLE_RATE, abs=320)
    assert not pcm[SAMPLE_RATE:].any()


def test_sound_that_comes_after_its_silence_is_dropped_and_counted() -> None:
    filler = GapConcealment(0.0)
    pcm = given(filler, [*steadily(0, 1), (2.0, np.ones(SAMPLE_RATE, np.float32)), *steadily(2, 5)])
    assert len(pcm) == pytest.approx(5 * SAMPLE_RATE, abs=960)
    assert filler.dropped == pytest.approx(SAMPLE_RATE, abs=960)


def test_sound_that_was_lost_in_the_gap_is_not_taken_from_what_follows() -> None:
    filler = GapConcealment(0.0)
    pcm = given(filler, [*steadily(0, 1), *steadily(6, 9)])
    assert len(pcm) == pytest.approx(9 * SAMPLE_RATE, abs=960)
    assert filler.dropped <= 960
    assert pcm[-3 * SAMPLE_RATE + 960 :].all()


def test_a_device_that_takes_over_continues_the_time() -> None:
    filler = GapConcealment(0.0)
    before = given(filler, steadily(0, 1))
    filler.cut()
    after = filler.fill(BLOCK, 1.3)
    assert len(before) + len(after) == pytest.approx(1.3 * SAMPLE_RATE)
    assert after[-320:].all()


def test_without_a_device_silence_comes_at_once() -> None:
    filler = GapConcealment(0.0)
    assert len(filler.fill(NOTHING, 0.05, is_connected=False)) == 800
