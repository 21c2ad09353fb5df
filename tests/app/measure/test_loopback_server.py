"""Tests of what the loopback test puts around the server's performances."""

from pathlib import Path

import numpy as np
import pytest

import liveface.app.measure.loopback_server
from liveface.app.measure.frame_marks import read
from liveface.app.measure.loopback_program import CARRIED, Task, Witness
from liveface.app.measure.loopback_server import observed
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.stats import Stats
from liveface.engine.media import HOP, SAMPLE_RATE
from tests.app.capacity.test_session_pool import SharedFakeRenderer
from tests.app.fakes import FakeSink, FakeSource, an_avatar

SPEECH = np.random.default_rng(0).uniform(-1, 1, SAMPLE_RATE).astype(np.float32)
LATE = 80 * SAMPLE_RATE // 1000  # samples


def test_pictures_are_numbered_and_sound_is_witnessed_before_it_is_held_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MonotonicClock()
    monkeypatch.setattr(liveface.app.measure.loopback_server, "load_renderer", lambda *_: SharedFakeRenderer(clock))
    sink = FakeSink(clock)
    source = FakeSource(SPEECH, clock, live=False)
    task = Task("webrtc", str(tmp_path), None, 1.0, 80.0, False)
    with (
        observed(task, clock) as ensemble,
        ensemble.performing(source, an_avatar(128, 128), [sink], Stats()) as session,
    ):
        assert session.wait(60)
    assert ensemble.admission.load() == 0
    assert [read(frame.image) for frame in sink.frames] == list(range(25))
    witnessed, moments = Witness.recall(tmp_path / CARRIED)
    np.testing.assert_array_equal(witnessed, SPEECH)
    assert len(moments) == len(SPEECH) // HOP
    np.testing.assert_array_equal(np.concatenate([frame.pcm for frame in sink.frames])[LATE:], SPEECH[:-LATE])
