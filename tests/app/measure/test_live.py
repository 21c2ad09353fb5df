"""Tests of a live session that is measured: real threads and real time, with networks that cost nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liveface.app.measure.live import STAGES, perform
from liveface.engine.errors import AudioError
from liveface.engine.hearing.features import FeatureExtractor
from liveface.engine.hearing.window import SlidingWindow
from tests import faces
from tests.app.fakes import write_sound
from tests.app.measure.bench_fakes import FakePainter
from tests.fakes import FakeMotionNetwork

SECONDS = 1.2
FILE = 0.5  # s


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (1, round(FILE * 16_000))).astype(np.float32)
    speech = write_sound(tmp_path_factory.mktemp("sound") / "speech.wav", wave, 16_000)
    return perform(FakeMotionNetwork(), FakePainter(), faces.avatar(), speech, lookahead=1, seconds=SECONDS)


def test_a_file_is_repeated_until_the_time_is_over(measured: dict[str, Any]) -> None:
    assert measured["frames"] > FILE * 25


def test_every_stage_is_measured(measured: dict[str, Any]) -> None:
    assert set(measured["stages_ms"]) == set(STAGES)
    stages = measured["stages_ms"]
    assert stages["hear"]["p50"] >= stages["motion"]["p50"]
    draw, generator, compositor = (
        stages[name]["count"] * stages[name]["mean"] for name in ("draw", "generator", "compositor")
    )
    trials = stages["generator"]["count"] - stages["draw"]["count"]  # before the first picture
    assert draw - 0.01 <= generator + compositor <= draw + 0.01 + trials * stages["generator"]["max"]


def test_no_picture_is_younger_than_its_lookahead(measured: dict[str, Any]) -> None:
    assert 80 < measured["mic_to_picture_ms"]["p50"] < SECONDS * 1000
    assert measured["mic_to_picture_ms"]["count"] == measured["frames"] - measured["skipped"]


def test_trends_come_with_their_errors_and_curves_over_the_time(measured: dict[str, Any]) -> None:
    assert set(measured["drift_ms_per_hour"]) == {"slope", "standard_error"}
    moments = [moment for moment, *_ in measured["curves"]["mic_to_picture_ms"]]
    assert moments[0] == 0
    assert max(moments) < SECONDS
    assert measured["curves"]["memory_mb"][0][1] == pytest.approx(measured["memory_mb"]["first"], abs=0.01)


def test_what_was_watched_is_as_before(measured: dict[str, Any], tmp_path: Path) -> None:
    assert measured["frames"]
    before = SlidingWindow.push, FeatureExtractor.feed
    with pytest.raises(AudioError):
        perform(FakeMotionNetwork(), FakePainter(), faces.avatar(), tmp_path / "missing.wav", 1, 1.0)
    assert (SlidingWindow.push, FeatureExtractor.feed) == before
    assert before[0].__module__ == "liveface.engine.hearing.window"
    assert not hasattr(before[0], "__wrapped__")
