"""Tests of several sessions that share a machine, with stand-ins for networks and devices."""

import threading
from contextlib import ExitStack

import numpy as np
import pytest

from liveface.app.capacity.admission import Admission
from liveface.app.capacity.draw_cost import DrawingCost
from liveface.app.capacity.scheduler import Scheduler
from liveface.app.capacity.session_pool import SessionPool, open_session_pool
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import ASSETS
from liveface.app.session.stats import Stats
from liveface.engine.errors import CapacityError, OutputError
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import SAMPLE_RATE, Frame
from tests.app.fakes import FakeRenderer, FakeSink, FakeSource, an_avatar
from tests.fakes import FakeMotionNetwork


class SharedFakeNetwork(FakeMotionNetwork):
    """Counts how many were made of it."""

    def __init__(self) -> None:
        super().__init__()
        self.others: list[FakeMotionNetwork] = []

    def another(self) -> FakeMotionNetwork:
        self.others.append(FakeMotionNetwork())
        return self.others[-1]


class SharedFakeRenderer(FakeRenderer):
    def prepare(self, avatar: Avatar) -> None:
        pass


SPEECH = np.random.default_rng(0).uniform(-1, 1, SAMPLE_RATE).astype(np.float32)


class Stage:
    """An ensemble with a real clock, and room for two."""

    def __init__(self) -> None:
        self.clock = MonotonicClock()
        # The admission does not learn how fast the stand-in is.
        self.admission = Admission(DrawingCost(0.0, 0.0125, 0.0), 0.0, cores=2)
        self.scheduler = Scheduler(SharedFakeRenderer(self.clock), self.clock, DrawingCost(0.0, 0.0125, 0.0))
        self.network = SharedFakeNetwork()
        self.ensemble = SessionPool(self.network, self.scheduler, self.admission, self.clock)  # type: ignore[arg-type]

    def source(self) -> FakeSource:
        return FakeSource(SPEECH, self.clock, live=False)


def test_each_session_gets_a_network_and_pictures_of_its_own() -> None:
    stage = Stage()
    sinks = [FakeSink(stage.clock) for _ in range(2)]
    with (
        stage.scheduler,
        stage.ensemble.performing(stage.source(), an_avatar(20, 30), sinks[:1], Stats()) as first,
        stage.ensemble.performing(stage.source(), an_avatar(40, 50), sinks[1:], Stats()) as second,
    ):
        assert first.wait(60)
        assert second.wait(60)
    assert len(stage.network.others) == 2
    assert all(network.steps >= 25 for network in stage.network.others)
    for sink, shape in zip(sinks, [(30, 20, 3), (50, 40, 3)], strict=True):
        assert [frame.index for frame in sink.frames] == list(range(25))
        assert {frame.image.shape for frame in sink.frames} == {shape}
        assert sink.completed


def test_a_session_that_ends_or_fails_leaves_its_place() -> None:
    stage = Stage()

    def fail(frame: Frame) -> None:
        raise OutputError("the peer is gone")

    with stage.scheduler, stage.ensemble.performing(stage.source(), an_avatar(), [], Stats()):
        failing = stage.ensemble.performing(stage.source(), an_avatar(), [FakeSink(stage.clock, fail)], Stats())
        with pytest.raises(OutputError), failing as session:
            assert session.wait(60)
        assert stage.admission.load() < 2 * 25 * 0.0125  # of one, whose hearing this machine makes slow
    assert stage.admission.load() == 0
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("liveface")]


def test_a_session_that_is_refused_opens_nothing() -> None:
    stage = Stage()
    sink, source = FakeSink(stage.clock), stage.source()
    places = [stage.admission.admit(64, 48, Stats()) for _ in range(2)]
    with stage.scheduler:
        refused = stage.ensemble.performing(source, an_avatar(), [sink], Stats())
        with pytest.raises(CapacityError, match="holds 2"), refused:
            pass
    assert not source.is_open
    assert sink.size is None
    assert len(places) == 2


def test_the_shipped_model_lets_two_portraits_say_the_same_each_with_a_face_of_its_own() -> None:
    clock = MonotonicClock()
    sinks = [FakeSink(clock) for _ in range(2)]
    avatars = [Avatar.load(ASSETS / "avatars" / name).framed(128, 128) for name in ("clara", "jonas")]
    with open_session_pool(clock) as ensemble, ExitStack() as performing:
        ensemble.admission = Admission(DrawingCost(1e-9, 0.0, 0.0), 0.0, cores=2)  # however busy this machine is
        for avatar, sink in zip(avatars, sinks, strict=True):
            source = FakeSource(SPEECH, clock, live=False)
            assert performing.enter_context(ensemble.performing(source, avatar, [sink], Stats())).wait(60)
        assert ensemble.scheduler.drawn.pictures == 2 * (1 + 25)
    for avatar, sink in zip(avatars, sinks, strict=True):
        assert all(frame.drawn for frame in sink.frames)
        assert len(sink.frames) == 25
        assert np.abs(sink.frames[12].image.astype(int) - avatar.photo).mean() < 20
    assert np.abs(sinks[0].frames[12].image.astype(int) - sinks[1].frames[12].image).mean() > 20
