"""Tests of the prediction of how long drawing takes."""

import pytest

from liveface.app.capacity.draw_cost import DrawingCost


def test_a_call_costs_something_by_itself_by_picture_and_by_pixel() -> None:
    cost = DrawingCost(call=1.0, picture=2.0, pixel=0.25)
    assert cost.predict([4]) == pytest.approx(1 + 2 + 1)
    assert cost.predict([4, 8]) == pytest.approx(1 + 2 * 2 + 3)
    assert cost.predict([4, 8], calls=2) == pytest.approx(2 + 2 * 2 + 3)


def test_what_calls_really_take_corrects_the_prediction() -> None:
    cost = DrawingCost(call=0.001, picture=0.01, pixel=0.0)
    for _ in range(500):
        cost.observe([100, 100], 3 * 0.021)
    assert cost.predict([100]) == pytest.approx(3 * 0.011, rel=0.01)


def test_one_slow_call_hardly_changes_it() -> None:
    cost = DrawingCost(call=0.001, picture=0.01, pixel=0.0)
    cost.observe([100], 10 * 0.011)
    assert cost.predict([100]) < 1.2 * 0.011
