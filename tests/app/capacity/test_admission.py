"""Tests of how many sessions are let in."""

from dataclasses import replace

import numpy as np
import pytest

from liveface.app.capacity.admission import LIVE_PACE, MOST_LOAD, Admission, fitted, measure_drawing, measure_hearing
from liveface.app.capacity.draw_cost import DrawingCost
from liveface.app.session.stats import Stats
from liveface.engine.errors import CapacityError
from liveface.engine.face.avatar import Avatar
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.media import Frame, Motion
from tests.app.fakes import FakeRenderer, VirtualClock, an_avatar
from tests.fakes import FakeMotionNetwork


def an_admission(picture: float = 0.011, hearing: float = 0.0016) -> tuple[Admission, DrawingCost]:
    drawing = DrawingCost(0.001, picture, 0.0)
    return Admission(drawing, hearing, cores=2), drawing


def test_two_sessions_are_let_in_and_a_third_is_refused_with_the_load_it_would_make() -> None:
    admission, _ = an_admission()
    first = admission.admit(256, 256, Stats())
    admission.admit(256, 256, Stats())
    assert admission.load() == pytest.approx(25 * (2 * 0.012 + 2 * 0.0008))
    with pytest.raises(CapacityError) as refusal:
        admission.admit(256, 256, Stats())
    assert str(refusal.value) == (
        "Found no room for another session of 256x256: it would take this machine from 64 % (sessions now: 2) to 94 %, "
        "and 85 % is the most. End a session or choose a smaller size; of this size alone it holds 2."
    )
    first.close()
    first.close()
    admission.admit(256, 256, Stats())
    assert admission.load() < MOST_LOAD


def test_a_place_is_given_back_at_the_end_of_its_block() -> None:
    admission, _ = an_admission()
    with admission.admit(256, 256, Stats()):
        assert admission.load() > 0.3
    assert admission.load() == 0


def test_larger_pictures_and_dear_encoders_take_more() -> None:
    admission = Admission(DrawingCost(0.001, 0.004, 4e-8), 0.001, cores=2)
    assert admission.holds(256, 256) > admission.holds(512, 512) > admission.holds(1024, 1024)
    assert admission.holds(256, 256) > admission.holds(256, 256, encoding=0.01)


def test_one_session_is_always_held_and_shows_what_sessions_really_take() -> None:
    admission, drawing = an_admission(picture=0.5)
    admission.admit(256, 256, Stats())
    with pytest.raises(CapacityError, match="holds 1"):
        admission.admit(256, 256, Stats())
    for _ in range(300):
        drawing.observe([256 * 256], 0.011)
    admission.admit(256, 256, Stats())


def test_sessions_that_take_longer_than_measured_leave_no_room() -> None:
    admission, drawing = an_admission()
    admission.admit(256, 256, Stats())
    for _ in range(300):
        drawing.observe([256 * 256], 3 * 0.012)
    with pytest.raises(CapacityError):
        admission.admit(256, 256, Stats())


def test_hearing_that_takes_longer_than_measured_counts() -> None:
    admission, _ = an_admission()
    stats = Stats()
    admission.admit(256, 256, stats)
    before = admission.load()
    for _ in range(100):
        stats.note_stage("hear", 0.01)
    assert admission.load() - before == pytest.approx(25 * (0.01 - 0.0016) / 2)


def test_the_cost_of_call_picture_and_pixel_is_found_from_four_calls() -> None:
    true = DrawingCost(0.002, 0.005, 2e-8)
    found = fitted({(side, count): true.predict([side * side] * count) for side in (256, 512) for count in (1, 3)})
    assert (found.call, found.picture, found.pixel) == pytest.approx((0.002, 0.005, 2e-8))


def test_noise_in_the_measurement_makes_nothing_negative_or_free() -> None:
    found = fitted({(256, 1): 0.02, (256, 3): 0.015, (512, 1): 0.01, (512, 3): 0.012})
    assert min(found.picture, found.pixel) >= 0
    assert found.predict([256 * 256]) > 0.01


class RendererOf(FakeRenderer):
    """Takes as long as a cost says; counts what it draws and who was prepared before."""

    def __init__(self, clock: VirtualClock, cost: DrawingCost) -> None:
        super().__init__(clock)
        self._virtual = clock
        self._cost = cost
        self._known: list[Avatar] = []

    def prepare(self, avatar: Avatar) -> None:
        self._known.append(avatar)

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        assert all(any(avatar is known for known in self._known) for avatar in avatars)
        self._virtual._now += self._cost.predict([int(np.prod(avatar.photo.shape[:2])) for avatar in avatars])
        return super().draw(motions, avatars)


def a_face() -> Avatar:
    points = np.random.default_rng(0).uniform(200, 400, (468, 3)).astype(np.float32)
    return replace(an_avatar(600, 600), points=points)


@pytest.mark.parametrize("slowness", [1, 20])
def test_measuring_finds_what_drawing_costs_and_ends_in_bounded_time(slowness: int) -> None:
    clock = VirtualClock()
    true = DrawingCost(0.002 * slowness, 0.005 * slowness, 2e-8 * slowness)
    began = clock.now()
    found = measure_drawing(RendererOf(clock, true), a_face(), clock)
    assert found.predict([100_000] * 2) == pytest.approx(LIVE_PACE * true.predict([100_000] * 2))
    one_round = sum(true.predict([side * side] * count) for side in (256, 512) for count in (1, 3))
    first_pictures = sum(true.predict([side * side]) for side in (256, 512))
    assert clock.now() - began <= 0.7 + one_round + first_pictures


class SlowNetwork(FakeMotionNetwork):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def step(
        self, mel: np.ndarray, state: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
        self._clock._now += 0.002
        return super().step(mel, state)


def test_measuring_the_hearing_finds_the_time_of_one_frame() -> None:
    clock = VirtualClock()
    assert measure_hearing(Streamer(SlowNetwork(clock)), clock) == pytest.approx(LIVE_PACE * 0.002)


def test_another_viewer_takes_what_encoding_takes_and_is_refused_where_it_is_too_much() -> None:
    admission = Admission(DrawingCost(0.0, 0.01, 0.0), 0.001, cores=2)
    with admission.admit(256, 256, Stats()):
        alone = admission.load()
        with admission.admit_viewer(0.004):
            assert admission.load() == pytest.approx(alone + 25 * 0.004 / 2)
        assert admission.load() == pytest.approx(alone)
        with pytest.raises(CapacityError, match="another viewer"):
            admission.admit_viewer(0.1)
