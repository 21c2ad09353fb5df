"""Tests of finding clicks again in recordings that were cut, scaled, coded or disturbed."""

from pathlib import Path

import numpy as np
import pytest

from liveface.app.files.media_files import read_audio
from liveface.app.measure.click_track import ClickTrack
from liveface.app.outputs.recorder import Recorder
from liveface.app.session.pipeline import ASSETS
from liveface.engine.media import HOP, SAMPLE_RATE, Frame

VOICE = read_audio(ASSETS / "audio" / "speech.wav")
TRACK = ClickTrack(VOICE, 30)


def test_every_click_of_a_cut_quiet_and_noisy_recording_is_found_where_it_is() -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, 12 * SAMPLE_RATE).astype(np.float32)
    recording = np.pad(TRACK.sound[50_000:][: 11 * SAMPLE_RATE] * 0.4, (5000, 11_000)) + noise
    places = TRACK.found_in(recording)
    assert len(places) >= 20
    assert {place - int(TRACK.starts[click]) for click, place in places.items()} == {5000 - 50_000}


def test_clicks_survive_the_coding_of_a_video_to_a_quarter_of_a_millisecond(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "o.mp4")
    recorder.open(64, 64)
    for index in range(150):
        pcm = TRACK.sound[index * HOP : (index + 1) * HOP]
        recorder.send(Frame(index, np.zeros((64, 64, 3), np.uint8), pcm, True))
    recorder.close()
    places = TRACK.found_in(read_audio(tmp_path / "o.mp4"))
    assert len(places) >= 10
    assert max(abs(place - int(TRACK.starts[click])) for click, place in places.items()) <= 4


def test_a_gap_moves_only_the_clicks_after_it() -> None:
    recording = np.concatenate([TRACK.sound[: 5 * SAMPLE_RATE], np.zeros(320, np.float32), TRACK.sound[80_000:200_000]])
    shifts = [place - int(TRACK.starts[click]) for click, place in TRACK.found_in(recording).items()]
    assert set(shifts) == {0, 320}
    assert shifts == sorted(shifts)


@pytest.mark.parametrize(
    "recording", [np.zeros(50_000, np.float32), np.resize(VOICE, 100_000)], ids=["silence", "voice"]
)
def test_no_click_is_found_where_there_is_none(recording: np.ndarray) -> None:
    assert len(TRACK.found_in(recording)) <= 1


def test_the_voice_is_heard_between_the_clicks_and_never_beside_one() -> None:
    quiet = [TRACK.sound[start - 230 : start] for start in TRACK.starts]
    assert max(np.abs(part).max() for part in quiet) < 0.02
    voiced = np.abs(TRACK.sound).reshape(-1, HOP).mean(axis=1) > 0.01
    assert 0.2 < voiced.mean() < 0.6
