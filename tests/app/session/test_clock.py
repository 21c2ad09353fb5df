"""Tests of the playout clock, with times made up here."""

import random

import pytest

from liveface.app.session.clock import MonotonicClock, PlayoutClock, sleep_until, steady_delay_ms
from liveface.app.settings import BOUND_MS, HOLD_MS
from liveface.engine.media import HOP, SAMPLE_RATE

LATENCY = 3 * HOP  # samples: the frame itself and two frames of lookahead
BLOCK = 320


def test_a_frame_is_due_its_latency_and_the_hold_after_its_first_sample() -> None:
    clock = PlayoutClock(LATENCY, 0.0)
    clock.observe(BLOCK, 50.02)
    assert clock.captured(10) == pytest.approx(50.4)
    assert clock.due(10) == pytest.approx(50.4 + 0.12 + HOLD_MS / 1000)
    assert clock.deadline(10) == clock.due(11)


def test_the_delay_of_the_device_counts() -> None:
    prompt, slow = PlayoutClock(LATENCY, 0.0), PlayoutClock(LATENCY, 0.15)
    for clock in (prompt, slow):
        clock.observe(BLOCK, 50.02)
    assert slow.captured(0) == pytest.approx(prompt.captured(0) - 0.15)
    # The picture of a slow device cannot be ready before its sound has come.
    assert slow.due(0) >= 50.0 + 0.12


def test_late_blocks_move_nothing() -> None:
    clock = PlayoutClock(LATENCY, 0.0)
    chance = random.Random(0)
    for number in range(1, 500):
        delay = chance.choice([0.0, 0.003, 0.08])
        clock.observe(number * BLOCK, 50 + number * 0.02 + delay)
    assert clock.captured(0) == pytest.approx(50, abs=0.001)


def test_one_block_that_came_too_early_is_forgotten_after_two_seconds() -> None:
    clock = PlayoutClock(LATENCY, 0.0)
    for number in range(1, 300):
        clock.observe(number * BLOCK, 50 + number * 0.02 - (0.02 if number == 100 else 0.0))
        assert clock.captured(0) == pytest.approx(49.98 if 100 <= number < 200 else 50)


@pytest.mark.parametrize("drift", [-1e-4, 1e-4])
def test_a_sound_card_that_runs_fast_or_slow_is_followed(drift: float) -> None:
    clock = PlayoutClock(LATENCY, 0.0)
    blocks = 50 * 60 * 10  # ten minutes
    for number in range(1, blocks + 1):
        clock.observe(number * BLOCK, number * 0.02 * (1 + drift))
    spoken = blocks * BLOCK // HOP
    assert clock.captured(spoken) == pytest.approx(blocks * 0.02 * (1 + drift), abs=0.002)


def test_the_steady_delay_of_the_default_lookahead_is_the_budget() -> None:
    assert steady_delay_ms(LATENCY) == 20 + 120 + HOLD_MS
    assert steady_delay_ms(LATENCY) <= BOUND_MS


def test_sleeping_until_the_past_returns_at_once() -> None:
    clock = MonotonicClock()
    before = clock.now()
    sleep_until(clock, before - 1)
    assert clock.now() - before < 0.5
    sleep_until(clock, before + 0.001)
    assert clock.now() >= before + 0.001


def test_the_latency_is_in_samples() -> None:
    clock = PlayoutClock(SAMPLE_RATE, 0.0)
    clock.observe(0, 0.0)
    assert clock.due(0) == pytest.approx(1 + HOLD_MS / 1000)
