"""Tests of what a latency budget allows: in virtual time, and from numbers that are made up."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveface.app.capacity.latency_budget import Pace, make_plan, measure_pace, parse_budget
from liveface.app.session.pipeline import Pipeline
from liveface.engine.errors import ConfigurationError
from liveface.engine.media import HOP
from tests.app.fakes import FakeRenderer, FakeStreamer, VirtualClock, an_avatar

FAST = Pace(hear=2, draw=10, ready=14, skipped=0)


@pytest.mark.parametrize(
    ("budget", "lookahead", "expected"),
    [(65, 0, 65), (104, 0, 65), (105, 1, 105), (150, 2, 145), (184, 2, 145), (185, 3, 185), (1000, 6, 305)],
)
def test_the_longest_lookahead_that_fits_is_chosen(budget: float, lookahead: int, expected: float) -> None:
    plan = make_plan(budget, FAST, {20: 0.0})
    assert (plan.lookahead, plan.expected_ms) == (lookahead, expected)


def test_a_slower_machine_hears_less_ahead() -> None:
    assert make_plan(150, replace(FAST, draw=20, ready=31), {20: 0.0}).lookahead == 1
    assert make_plan(151, replace(FAST, draw=20, ready=31), {20: 0.0}).lookahead == 2


def test_smaller_blocks_are_asked_for_only_where_they_help() -> None:
    assert make_plan(150, FAST, {20: 20.0, 10: 10.0}).block_ms == 10
    assert make_plan(155, FAST, {20: 20.0, 10: 10.0}).block_ms == 20
    assert make_plan(150, FAST, {20: 5.0, 10: 5.0}).block_ms == 20


def test_a_budget_that_is_too_small_is_refused_with_the_smallest_that_is_not() -> None:
    with pytest.raises(ConfigurationError, match="up to 14 ms; give --latency-budget 74ms or more"):
        make_plan(70, FAST, {20: 25.0, 10: 20.0})
    assert make_plan(74, FAST, {20: 25.0, 10: 20.0}).lookahead == 0


def test_a_machine_that_cannot_keep_up_is_told_why() -> None:
    with pytest.raises(ConfigurationError, match="drawing 38 ms of the 40 ms"):
        make_plan(300, Pace(3, 38, 45, 0), {20: 0.0})


def test_a_machine_that_is_interrupted_too_often_is_told_why() -> None:
    assert make_plan(150, replace(FAST, skipped=0.08), {20: 0.0}).lookahead == 2
    with pytest.raises(ConfigurationError, match="20% of the pictures were late"):
        make_plan(300, replace(FAST, skipped=0.2), {20: 0.0})


def test_one_long_interruption_is_not_charged_to_the_pictures_after_it() -> None:
    clock = VirtualClock(1)
    renderer = FakeRenderer(clock, lambda index: 0.2 if index == 20 else 0.012)
    performer = Pipeline(FakeStreamer(0), renderer, an_avatar())  # type: ignore[arg-type]
    pace = measure_pace(performer, np.ones(46 * HOP, np.float32), clock)
    assert 0 < pace.skipped == pytest.approx((45 - len(renderer.drawn)) / 40)
    assert pace.ready < 60


def test_a_machine_that_draws_nothing_in_time_is_told_so() -> None:
    clock = VirtualClock(1)
    performer = Pipeline(FakeStreamer(0), FakeRenderer(clock, lambda index: 5), an_avatar())  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="none of 40 pictures"):
        measure_pace(performer, np.ones(46 * HOP, np.float32), clock)


@given(budget=st.floats(1, 1000), ready=st.floats(0, 40), capture=st.floats(0, 100))
def test_a_plan_never_expects_more_than_its_budget(budget: float, ready: float, capture: float) -> None:
    pace = Pace(1, 2, ready, 0)
    try:
        plan = make_plan(budget, pace, {20: capture})
    except ConfigurationError as error:
        smallest = float(str(error).partition("--latency-budget ")[2].partition("ms")[0])
        assert budget < smallest
        plan = make_plan(smallest, pace, {20: capture})
        budget = smallest
    assert plan.expected_ms <= budget
    assert plan.lookahead == 6 or plan.expected_ms + 40 > budget


def test_what_was_chosen_is_told_in_one_line_with_its_reasons() -> None:
    line = str(make_plan(150, FAST, {20: 0.0}))
    assert "\n" not in line
    for part in ("150 ms", "lookahead 2", "blocks of 20 ms", "expected 145 ms", "draw 10.0 ms", "within 14.0 ms"):
        assert part in line


def test_the_pace_is_measured_at_the_pace_of_speech() -> None:
    clock = VirtualClock(1)
    renderer = FakeRenderer(clock, lambda index: 0.03 if index == 39 else 0.012)
    performer = Pipeline(FakeStreamer(2), renderer, an_avatar())  # type: ignore[arg-type]
    started = clock.now()
    pace = measure_pace(performer, np.ones(45 * HOP, np.float32), clock)
    assert clock.now() - started == pytest.approx(44 * 0.04 + 0.012)
    assert pace.draw == pytest.approx(12)
    assert pace.hear == pytest.approx(0)
    assert 12 < pace.ready <= 30
    assert len(performer.streamer.feed(np.ones(3 * HOP, np.float32))) == 1


@pytest.mark.parametrize(("text", "budget"), [("150ms", 150), ("150", 150), (" 99.5 ms", 99.5), ("150MS", 150)])
def test_a_budget_is_written_in_milliseconds(text: str, budget: float) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "fast", "-5ms", "0", "nan", "inf", "150s"])
def test_another_text_is_no_budget(text: str) -> None:
    with pytest.raises(ConfigurationError, match="150ms"):
        parse_budget(text)
