"""Tests of drawing for several sessions at once, in virtual time; one draws with the shipped model."""

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import inf

import numpy as np
import pytest

from liveface.app.capacity.draw_cost import DrawingCost
from liveface.app.capacity.scheduler import Scheduler
from liveface.app.session.clock import MonotonicClock, sleep_until
from liveface.app.session.pipeline import ASSETS, MODELS
from liveface.app.session.session import Session
from liveface.app.session.stats import Stats
from liveface.app.settings import BOUND_MS
from liveface.engine.drawing.renderer import load_renderer
from liveface.engine.errors import BackendError, OutputError
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import HOP, SAMPLE_RATE, Frame, Motion, Samples
from tests.app.fakes import FakeRenderer, FakeSink, FakeSource, FakeStreamer, VirtualClock, an_avatar

SIDE = 16
Drawn = list[tuple[str, int]]  # name of the avatar, number of the picture


class SharedFakeRenderer(FakeRenderer):
    """Remembers its calls, and who prepared whom. `seconds` are for the first picture of a call, the rest is free."""

    def __init__(self, clock: VirtualClock, seconds: float = 0.0) -> None:
        super().__init__(clock)
        self.calls: list[Drawn] = []
        self.failed = 0
        self.prepared: list[tuple[str, str]] = []
        self._virtual = clock
        self._per_call = seconds

    def prepare(self, avatar: Avatar) -> None:
        self.prepared.append((avatar.name, threading.current_thread().name))

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        if "cursed" in [avatar.name for avatar in avatars]:
            self.failed += 1
            raise BackendError("cursed")
        self.calls.append([(avatar.name, motion.index) for motion, avatar in zip(motions, avatars, strict=True)])
        frames = super().draw(motions, avatars)
        sleep_until(self._virtual, self._virtual.now() + self._per_call)
        return frames


def named(name: str, width: int = SIDE, height: int = SIDE) -> Avatar:
    return replace(an_avatar(width, height), name=name)


def motions(*indices: int) -> list[Motion]:
    silence = np.zeros(HOP, np.float32)
    return [Motion(index, np.zeros(7, np.float32), np.zeros(16, np.float32), silence, False) for index in indices]


@contextmanager
def a_scheduler(
    threads: int, seconds: float = 0.0, predicted: float = 0.0
) -> Iterator[tuple[Scheduler, SharedFakeRenderer, VirtualClock]]:
    """For so many threads that call it; `seconds` of each call, whatever is in it; `predicted` more of each picture."""
    clock = VirtualClock(threads + 1)
    renderer = SharedFakeRenderer(clock, seconds)
    with Scheduler(renderer, clock, DrawingCost(max(seconds, 1e-9), predicted, 0.0)) as scheduler:
        yield scheduler, renderer, clock


def together(*calls: Callable[[], list[Frame]]) -> list[list[Frame]]:
    """What the calls return, each in a thread of its own, which ends with it: the clock waits for those that live."""
    pools = [ThreadPoolExecutor(1) for _ in calls]
    futures = [pool.submit(call) for pool, call in zip(pools, calls, strict=True)]
    for pool in pools:
        pool.shutdown(wait=False)
    return [future.result(60) for future in futures]


def after(clock: VirtualClock, seconds: float, call: Callable[[], list[Frame]]) -> Callable[[], list[Frame]]:
    start = clock.now()

    def wait_and_call() -> list[Frame]:
        sleep_until(clock, start + seconds)
        return call()

    return wait_and_call


def test_each_session_gets_its_own_pictures_in_order() -> None:
    with a_scheduler(threads=2) as (scheduler, _, _):
        ada, bob = together(
            lambda: scheduler.draw(motions(3, 4, 5), named("ada"), inf, inf),
            lambda: scheduler.draw(motions(7), named("bob", 20, 30), inf, inf),
        )
    assert [(frame.index, frame.image.shape, frame.drawn) for frame in ada] == [
        (index, (SIDE, SIDE, 3), True) for index in (3, 4, 5)
    ]
    assert [(frame.index, frame.image.shape) for frame in bob] == [(7, (30, 20, 3))]


def test_what_came_during_a_call_is_drawn_in_the_next_call_together_earliest_due_first() -> None:
    with a_scheduler(threads=4, seconds=0.02) as (scheduler, renderer, clock):
        now = clock.now()

        def asks(name: str, due: float) -> Callable[[], list[Frame]]:
            return lambda: scheduler.draw(motions(0), named(name), now + due, inf)

        together(
            asks("first", 0.1),
            after(clock, 0.001, asks("late", 0.3)),
            after(clock, 0.002, asks("early", 0.1)),
            after(clock, 0.003, asks("middle", 0.2)),
        )
        assert [[name for name, _ in call] for call in renderer.calls] == [["first"], ["early", "middle", "late"]]
        assert (scheduler.drawn.calls, scheduler.drawn.pictures, scheduler.drawn.dropped) == (2, 4, 0)
        assert scheduler.drawn.busy == pytest.approx(0.04)


def test_a_picture_whose_deadline_passes_before_it_is_begun_is_not_drawn() -> None:
    with a_scheduler(threads=2, seconds=0.05) as (scheduler, renderer, clock):
        now = clock.now()
        drawn, dropped = together(
            lambda: scheduler.draw(motions(0), named("ada"), now, inf),
            after(clock, 0.01, lambda: scheduler.draw(motions(0), named("bob"), now + 0.02, now + 0.04)),
        )
        assert (len(drawn), len(dropped)) == (1, 0)
        assert scheduler.drawn.dropped == 1
        assert renderer.calls == [[("ada", 0)]]


def test_what_has_no_deadline_is_drawn_in_the_end_though_others_are_always_in_a_hurry() -> None:
    finished: list[float] = []
    with a_scheduler(threads=3, seconds=0.03, predicted=0.02) as (scheduler, _, clock):
        began = clock.now()

        def hurries() -> list[Frame]:
            while not finished and clock.now() < began + 10:
                # Nothing else fits into its call, and the other one waits meanwhile.
                scheduler.draw(motions(0), named("live"), clock.now() + 0.035, inf)
            return []

        def waits() -> list[Frame]:
            frames = scheduler.draw(motions(*range(8)), named("film"), inf, inf)
            finished.append(clock.now())
            return frames

        _, _, film = together(hurries, hurries, after(clock, 0.01, waits))
    assert len(film) == 8
    assert finished[0] - began < 2


def test_a_failing_picture_fails_its_own_session_only() -> None:
    with a_scheduler(threads=3, seconds=0.02, predicted=0.004) as (scheduler, renderer, clock):

        def fails() -> list[Frame]:
            with pytest.raises(BackendError, match="cursed"):
                scheduler.draw(motions(*range(20)), named("cursed"), inf, inf)
            return []

        first, _, second = together(
            lambda: scheduler.draw(motions(0), named("ada"), inf, inf),
            after(clock, 0.002, fails),
            after(clock, 0.001, lambda: scheduler.draw(motions(0), named("bob"), inf, inf)),
        )
    assert len(first) == len(second) == 1
    assert renderer.calls == [[("ada", 0)], [("bob", 0)]]
    assert renderer.failed == 2  # together with the other, and alone; the rest of its pictures is not tried


def test_an_avatar_is_prepared_once_and_by_the_thread_that_brings_it() -> None:
    ada = named("ada")
    with a_scheduler(threads=2) as (scheduler, renderer, _):
        together(
            *[lambda: [*scheduler.draw(motions(0), ada, inf, inf), *scheduler.draw(motions(1), ada, inf, inf)]] * 2
        )
    assert [name for name, _ in renderer.prepared] == ["ada"]
    assert renderer.prepared[0][1] != "liveface draw"


def test_nothing_of_a_session_that_has_ended_is_kept() -> None:
    with a_scheduler(threads=1) as (scheduler, _, clock):
        avatar = named("ada")
        gone = weakref.ref(avatar)
        wanted = partial(scheduler.draw, motions(0), avatar, inf, inf)
        assert len(together(wanted)[0]) == 1
        del avatar, wanted
        together(after(clock, 1, list))  # time goes on when the scheduler waits
        gc.collect()
        assert gone() is None


def test_a_closed_scheduler_fails_those_that_wait_and_those_that_come_later() -> None:
    clock = MonotonicClock()
    begun, go_on = threading.Event(), threading.Event()

    class Stuck(SharedFakeRenderer):
        def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
            begun.set()
            assert go_on.wait(60)
            return super().draw(motions, avatars)

    scheduler = Scheduler(Stuck(VirtualClock()), clock, DrawingCost(0.001, 0.0, 0.0))
    scheduler.start()

    def waits() -> list[Frame]:
        with pytest.raises(RuntimeError, match="closed"):
            scheduler.draw(motions(0), named("ada"), inf, inf)
        return []

    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(waits)
        assert begun.wait(60)
        closing = pool.submit(scheduler.close)
        assert waiting.result(60) == []  # at once, though the call still lasts
        go_on.set()
        closing.result(60)
    with pytest.raises(RuntimeError, match="closed"):
        scheduler.draw(motions(0), named("ada"), inf, inf)
    scheduler.close()
    assert "liveface draw" not in [thread.name for thread in threading.enumerate()]


def test_what_breaks_the_scheduler_reaches_all_sessions_its_owner_and_the_log(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(SharedFakeRenderer):
        def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
            raise SystemExit("broken")

    scheduler = Scheduler(Broken(VirtualClock()), MonotonicClock(), DrawingCost(0.001, 0.0, 0.0))
    scheduler.start()
    assert scheduler.is_running
    with pytest.raises(RuntimeError, match="closed") as failure:
        scheduler.draw(motions(0), named("ada"), inf, inf)
    assert isinstance(failure.value.__cause__, SystemExit)
    assert not scheduler.is_running
    assert "Nothing can be drawn any more" in caplog.text
    with pytest.raises(SystemExit):
        scheduler.close()
    scheduler.close()


def speech(seconds: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).uniform(-1, 1, round(seconds * SAMPLE_RATE)).astype(np.float32)


class FakePreparing(FakeRenderer):
    def prepare(self, avatar: Avatar) -> None:
        pass


class NotingScheduler(Scheduler):
    """Remembers when pictures were wanted, and until when."""

    def __init__(self, renderer: FakePreparing, clock: VirtualClock, cost: DrawingCost) -> None:
        super().__init__(renderer, clock, cost)
        self.wanted: list[tuple[float, float]] = []

    def draw(self, motions: list[Motion], avatar: Avatar, due: float, deadline: float) -> list[Frame]:
        self.wanted.append((due, deadline))
        return super().draw(motions, avatar, due, deadline)


class Ensemble:
    """Live sessions with one scheduler, in virtual time. `seconds` of each picture but the first, of each session."""

    def __init__(self, pcms: list[Samples], seconds: float, then: Callable[[Frame], None] = lambda frame: None) -> None:
        """`then` is done by the first session's sink."""
        self.clock = VirtualClock(2 * len(pcms) + 1)
        self.renderer = FakePreparing(self.clock, lambda index: seconds if index else 0.0)
        self.scheduler = NotingScheduler(self.renderer, self.clock, DrawingCost(0.0, max(seconds, 1e-9), 0.0))
        self.sinks = [FakeSink(self.clock, then if place == 0 else lambda frame: None) for place in range(len(pcms))]
        self.sessions = [
            Session(
                FakeSource(pcm, self.clock, live=True),
                FakeStreamer(),  # type: ignore[arg-type]
                self.scheduler,
                an_avatar(),
                [sink],
                self.clock,
                Stats(),
            )
            for pcm, sink in zip(pcms, self.sinks, strict=True)
        ]

    def perform(self) -> None:
        """To the end of all. The thread that starts the sessions must not be one that the clock waits for."""
        with self.scheduler:
            starter = threading.Thread(target=lambda: [session.start() for session in self.sessions])
            starter.start()
            starter.join(60)
            for session in self.sessions:
                assert session.wait(60)


def joined(sink: FakeSink) -> Samples:
    return np.concatenate([frame.pcm for frame in sink.frames])


def test_two_live_sessions_share_a_machine_within_the_published_bound() -> None:
    pcms = [speech(4, seed) for seed in range(2)]
    ensemble = Ensemble(pcms, seconds=0.012)
    ensemble.perform()
    for session, sink, pcm in zip(ensemble.sessions, ensemble.sinks, pcms, strict=True):
        session.stop()
        report = session.report()
        assert (report.frames, report.skipped) == (100, 0)
        assert report.mic_to_picture_ms is not None
        assert report.mic_to_picture_ms.p99 <= BOUND_MS
        np.testing.assert_array_equal(joined(sink), pcm)


def test_a_session_wants_each_picture_at_the_moment_it_is_shown_and_not_after_the_next_one_is_due() -> None:
    ensemble = Ensemble([speech(1)], seconds=0.01)
    ensemble.perform()
    ensemble.sessions[0].stop()
    wanted = np.array(ensemble.scheduler.wanted[1:])  # the first one is shown until there is another
    np.testing.assert_allclose(wanted[:, 0], ensemble.sinks[0].moments, atol=1e-9)
    np.testing.assert_allclose(wanted[:, 1], wanted[:, 0] + 0.04, atol=1e-9)


def test_a_session_that_always_comes_too_late_gets_a_picture_now_and_then() -> None:
    ensemble = Ensemble([speech(6), speech(6)], seconds=0.15)
    ensemble.perform()
    for session, sink in zip(ensemble.sessions, ensemble.sinks, strict=True):
        session.stop()
        last_moments = [deadline for _, deadline in ensemble.scheduler.wanted]
        assert last_moments.count(inf) > 10
        assert len({int(frame.image[0, 0, 0]) for frame in sink.frames}) >= 10


def test_too_many_sessions_lose_pictures_in_equal_parts_and_no_sound() -> None:
    pcms = [speech(4, seed) for seed in range(4)]
    ensemble = Ensemble(pcms, seconds=0.018)
    ensemble.perform()
    drawn = []
    for session, sink, pcm in zip(ensemble.sessions, ensemble.sinks, pcms, strict=True):
        session.stop()
        np.testing.assert_array_equal(joined(sink), pcm)
        assert np.diff(sink.moments).max() < 0.09
        drawn.append(len({int(frame.image[0, 0, 0]) for frame in sink.frames}))
    assert min(drawn) >= 25
    assert max(drawn) <= 2 * min(drawn)


def test_a_slow_sink_delays_its_own_session_only() -> None:
    ensemble = Ensemble(
        [speech(3), speech(3)], 0.012, then=lambda frame: sleep_until(ensemble.clock, ensemble.clock.now() + 0.3)
    )
    ensemble.perform()
    for session in ensemble.sessions:
        session.stop()
    assert ensemble.sessions[1].report().skipped == 0
    np.testing.assert_allclose(np.diff(ensemble.sinks[1].moments), 0.04, atol=1e-6)
    assert np.diff(ensemble.sinks[0].moments).min() > 0.2


def test_a_session_that_fails_leaves_the_others_alone() -> None:
    def fail(frame: Frame) -> None:
        if frame.index == 10:
            raise OutputError("the peer is gone")

    ensemble = Ensemble([speech(3), speech(3)], 0.012, then=fail)
    ensemble.perform()
    with pytest.raises(OutputError):
        ensemble.sessions[0].stop()
    ensemble.sessions[1].stop()
    assert ensemble.sessions[1].report().skipped == 0
    assert len(ensemble.sinks[1].frames) == 75


def test_pictures_of_different_people_drawn_together_equal_those_drawn_alone() -> None:
    renderer = load_renderer(MODELS)
    avatars = [Avatar.load(ASSETS / "avatars" / name).framed(256, 256) for name in ("clara", "jonas")]
    codes = np.random.default_rng(0).normal(0, 0.5, (2, 6, 16)).astype(np.float32)
    spoken = [
        [replace(motion, code=code) for motion, code in zip(motions(*range(40, 46)), own, strict=True)] for own in codes
    ]
    alone = [
        [renderer.draw([motion], [avatar])[0].image for motion in own]
        for own, avatar in zip(spoken, avatars, strict=True)
    ]
    # As predicted, everything fits into one call.
    with Scheduler(renderer, MonotonicClock(), DrawingCost(1e-6, 0.0, 0.0)) as scheduler:
        frames = together(
            *[
                lambda own=own, avatar=avatar: scheduler.draw(own, avatar, inf, inf)  # type: ignore[misc]
                for own, avatar in zip(spoken, avatars, strict=True)
            ]
        )
    for pictures, expected in zip(frames, alone, strict=True):
        for picture, right in zip(pictures, expected, strict=True):
            assert np.abs(picture.image.astype(int) - right.astype(int)).max() <= 1
