"""Tests of what a session measures of itself."""

from pathlib import Path

import pytest

from liveface.app.session.stats import Stats, process_age, resident_memory


def test_an_idle_session_has_no_numbers() -> None:
    report = Stats().report()
    assert (report.frames, report.skipped, report.fps, report.first_moment) == (0, 0, 0.0, None)
    assert report.mic_to_picture_ms is None


def test_frames_per_second_count_pictures_that_were_drawn() -> None:
    stats = Stats()
    for index in range(100):
        stats.note_frame(10 + index * 0.04, index % 4 != 0, None)
    report = stats.report()
    assert report.fps == pytest.approx(18.75)
    assert report.skipped == 25
    assert report.seconds == 4
    assert report.first_moment == 10


def test_percentiles_are_in_milliseconds() -> None:
    stats = Stats()
    for index in range(101):
        stats.note_stage("draw", index / 1000)
        stats.note_frame(index * 0.04, True, index / 100)
    report = stats.report()
    assert report.stages_ms["draw"].p50 == 50
    assert report.mic_to_picture_ms is not None
    assert (report.mic_to_picture_ms.p95, report.mic_to_picture_ms.p99) == (950, 990)


def test_the_typical_duration_ignores_one_outlier_and_what_is_long_ago() -> None:
    stats = Stats()
    for seconds in [9.0] * 20 + [0.01] * 8 + [5.0]:
        stats.note_stage("draw", seconds)
    assert stats.typical("draw", 9) == 0.01
    assert stats.typical("hear", 9) == 0


def test_lost_sound_adds_up() -> None:
    stats = Stats()
    stats.note_lost(0.02)
    stats.note_lost(0.04)
    assert stats.report().lost_ms == pytest.approx(60)


def test_this_process_has_an_age_and_a_size() -> None:
    age, size = process_age(), resident_memory()
    assert age is not None
    assert 0 < age < 3600
    assert size is not None
    assert 10_000_000 < size < 10_000_000_000


def test_a_system_without_proc_tells_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(path: Path) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", absent)
    assert (process_age(), resident_memory()) == (None, None)
