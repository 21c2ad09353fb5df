"""Tests of what the loopback test puts around the server's performances."""

from pathlib import Path

import numpy as np
import pytest

import app.serving.loopback_server
from app.clock import MonotonicClock
from app.frame_marks import read
from app.loopback_stage import CARRIED, Task, Witness
from app.serving.loopback_server import observed
from app.stats import Stats
from engine.media import HOP, SAMPLE_RATE
from tests.app.fakes import FakeSink, FakeSource, an_avatar
from tests.app.test_ensemble import SharedFakeRenderer

SPEECH = np.random.default_rng(0).uniform(-1, 1, SAMPLE_RATE).astype(np.float32)
LATE = 80 * SAMPLE_RATE // 1000  # samples


def test_pictures_are_numbered_and_sound_is_witnessed_before_it_is_held_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = MonotonicClock()
    monkeypatch.setattr(app.serving.loopback_server, "load_renderer", lambda *_: SharedFakeRenderer(clock))
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
