"""Tests of the packing of pictures into calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from liveface.app.capacity.draw_queue import DrawQueue, DrawRequest
from liveface.engine.media import HOP, Motion
from tests.app.fakes import an_avatar

SECONDS = 0.005  # of a picture of 10 x 10


def take_5_ms_each(pixels: Sequence[int]) -> float:
    return SECONDS * sum(pixels) / 100


def a_motion(index: int) -> Motion:
    return Motion(index, np.zeros(7, np.float32), np.zeros(16, np.float32), np.zeros(HOP, np.float32), False)


def an_order(due: float, deadline: float = inf, count: int = 1, side: int = 10) -> DrawRequest:
    return DrawRequest([a_motion(index) for index in range(count)], an_avatar(side, side), due, deadline)


def an_agenda(*orders: DrawRequest) -> DrawQueue:
    agenda = DrawQueue(take_5_ms_each)
    for order in orders:
        agenda.add(order)
    return agenda


def test_what_is_due_first_is_drawn_first_and_equals_in_the_sequence_they_came() -> None:
    late, early, equal = an_order(due=3), an_order(due=1), an_order(due=1)
    call = an_agenda(late, early, equal).take(now=0)
    assert [order for order, _ in call] == [early, equal, late]


def test_nothing_to_do_is_an_empty_call() -> None:
    assert an_agenda().take(now=0) == []


def test_a_call_ends_before_its_first_picture_is_due() -> None:
    orders = [an_order(due=0.012) for _ in range(5)]
    agenda = an_agenda(*orders)
    assert [order for order, _ in agenda.take(now=0)] == orders[:2]
    assert [order for order, _ in agenda.take(now=0)] == orders[2:4]


def test_where_the_first_picture_is_late_anyway_as_many_are_packed_as_can_still_be_shown() -> None:
    orders = [an_order(due=-0.01, deadline=0.018) for _ in range(5)]
    assert [order for order, _ in an_agenda(*orders).take(now=0)] == orders[:3]


def test_a_picture_that_takes_longer_than_allowed_is_drawn_alone() -> None:
    large = an_order(due=0.001, deadline=0.002, side=100)
    agenda = an_agenda(large, an_order(due=1))
    assert [order for order, _ in agenda.take(now=0)] == [large]


def test_a_call_without_hurry_leaves_room_for_what_comes_meanwhile() -> None:
    film = an_order(due=1, count=100)
    agenda = an_agenda(film)
    assert len(agenda.take(now=0)) == 8
    live = an_order(due=0.06, deadline=0.1)
    agenda.add(live)
    assert agenda.take(now=0.04)[0][0] is live


def test_what_is_too_late_is_dropped_and_what_is_just_in_time_is_not() -> None:
    late, just_in_time = an_order(due=0.5, deadline=1), an_order(due=0.6, deadline=2)
    agenda = an_agenda(late, just_in_time)
    assert agenda.drop_late(now=2) == [late]
    assert [order for order, _ in agenda.take(now=2)] == [just_in_time]


def test_the_rest_of_an_order_that_is_removed_is_not_drawn() -> None:
    order = an_order(due=1, count=10)
    agenda = an_agenda(order)
    assert len(agenda.take(now=0)) == 8
    agenda.remove(order)
    assert agenda.take(now=0) == []


@dataclass(frozen=True)
class Arrival:
    wait: float
    due_in: float
    count: int
    side: int
    is_live: bool


ARRIVALS = st.lists(
    st.builds(
        Arrival,
        wait=st.sampled_from([0.0, 0.0, 0.004, 0.03, 0.2]),
        due_in=st.integers(-20, 60).map(lambda milliseconds: milliseconds / 1000),
        count=st.integers(1, 12),
        side=st.sampled_from([8, 16, 24]),
        is_live=st.booleans(),
    ),
    max_size=30,
)


@given(arrivals=ARRIVALS)
def test_every_picture_is_drawn_once_or_dropped_and_never_before_one_that_is_due_earlier(
    arrivals: list[Arrival],
) -> None:
    agenda = DrawQueue(take_5_ms_each)
    now = 0.0
    orders: list[DrawRequest] = []
    drawn: list[tuple[DrawRequest, int]] = []
    dropped: list[DrawRequest] = []

    def draw_until(end: float) -> None:
        nonlocal now
        while now < end:
            dropped.extend(agenda.drop_late(now))
            waiting = [order for order in orders if order.begun < len(order.motions) and order not in dropped]
            if not (call := agenda.take(now)):
                assert not waiting
                now = end
                return
            dues = [order.due for order, _ in call]
            assert dues == sorted(dues)
            left = [order.due for order in waiting if order.begun < len(order.motions)]
            assert not left or max(dues) <= min(left)
            assert all(order.deadline >= now for order, _ in call)
            drawn.extend((order, motion.index) for order, motion in call)
            now += take_5_ms_each([order.pixels for order, _ in call])

    for arrival in arrivals:
        draw_until(now + arrival.wait)
        due = now + arrival.due_in
        order = an_order(due, due + 0.04 if arrival.is_live else inf, arrival.count, arrival.side)
        orders.append(order)
        agenda.add(order)
    draw_until(1e6)

    for order in orders:
        indices = [index for whose, index in drawn if whose is order]
        assert indices == list(range(order.begun))
        assert order.begun == len(order.motions) or order in dropped
    assert all(order.deadline < inf for order in dropped)
