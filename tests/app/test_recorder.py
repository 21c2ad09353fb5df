"""Tests of the recorder, by decoding what it wrote."""

import os
from pathlib import Path

import av
import numpy as np
import pytest

from app.media_files import iterate_audio, read_audio, read_video
from app.recorder import SOUND_RATE, Recorder
from engine.errors import OutputError
from engine.media import HOP, Frame
from tests.app.fakes import write_sound

COLOUR = (200, 120, 40)


def frames(count: int, pcm: np.ndarray | None = None) -> list[Frame]:
    pcm = np.zeros(count * HOP, np.float32) if pcm is None else pcm
    made = []
    for index in range(count):
        image = np.full((128, 160, 3), COLOUR, np.uint8)
        image[:64] = 2 * index
        made.append(Frame(index, image, pcm[index * HOP : (index + 1) * HOP], True))
    return made


def recorded(path: Path, some: list[Frame], recorder: Recorder | None = None) -> Path:
    recorder = recorder or Recorder(path)
    recorder.open(160, 128)
    for frame in some:
        recorder.send(frame)
    recorder.close()
    return path


def clicks(count: int) -> np.ndarray:
    """A short click at the start of every tenth frame."""
    pcm = np.zeros(count * HOP, np.float32)
    for index in range(10, count, 10):
        pcm[index * HOP : index * HOP + 8] = 0.9
    return pcm


def test_pictures_come_back_in_order_at_25_fps_with_their_colours(tmp_path: Path) -> None:
    pictures, fps = read_video(recorded(tmp_path / "a.mp4", frames(60)))
    assert fps == 25
    assert pictures.shape == (60, 128, 160, 3)
    np.testing.assert_allclose(pictures[:, 20, 80, 1], np.arange(60) * 2, atol=4)
    np.testing.assert_allclose(pictures[30, 100, 80], COLOUR, atol=4)


def test_picture_i_is_shown_at_i_times_40_ms_and_the_sound_is_as_long(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.mp4", frames(53))
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
        assert times == pytest.approx([index * 0.04 for index in range(53)])
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "aac"
        assert stream.rate == SOUND_RATE
        assert float(stream.duration * stream.time_base) == pytest.approx(53 * 0.04)
        first = next(container.decode(stream))
        assert first.time == 0


def test_sound_keeps_its_place_to_the_sample(tmp_path: Path) -> None:
    pcm = clicks(100)
    sound = read_audio(recorded(tmp_path / "a.mp4", frames(100, pcm)))[: len(pcm)]
    lags = range(-40, 41)
    likeness = [float(np.dot(sound[100:-100], np.roll(pcm, lag)[100:-100])) for lag in lags]
    assert lags[int(np.argmax(likeness))] == 0


def test_given_sound_replaces_the_frames_own_and_is_cut_to_the_pictures(tmp_path: Path) -> None:
    stereo = np.zeros((2, 3 * SOUND_RATE), np.float32)
    stereo[0] = 0.5 * np.sin(2 * np.pi * 12_000 * np.arange(stereo.shape[1]) / SOUND_RATE)
    source = write_sound(tmp_path / "a.wav", stereo, SOUND_RATE, layout="stereo")
    recorder = Recorder(tmp_path / "a.mp4", iterate_audio(source, SOUND_RATE // 25, SOUND_RATE, channels=2))
    path = recorded(tmp_path / "a.mp4", frames(50), recorder)
    sound = np.concatenate(list(iterate_audio(path, SOUND_RATE, SOUND_RATE, channels=2)))
    assert abs(len(sound) - 2 * SOUND_RATE) < 1100  # AAC comes in pieces of 1024 samples
    assert np.abs(sound[10_000:80_000, 0]).max() > 0.4
    assert np.abs(sound[10_000:80_000, 1]).max() < 0.05


def test_given_sound_that_ends_early_is_followed_by_silence(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4", iter([np.full((100, 2), 0.1, np.float32)]))
    sound = read_audio(recorded(tmp_path / "a.mp4", frames(25), recorder))
    assert abs(len(sound) - 16_000) < 400
    assert np.abs(sound[2_000:]).max() < 0.01


def test_nothing_is_there_until_it_is_complete(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.open(160, 128)
    recorder.send(frames(1)[0])
    assert not (tmp_path / "a.mp4").exists()
    recorder.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_discarded_recording_leaves_nothing_and_spares_the_older_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("older")
    recorder = Recorder(tmp_path / "a.mp4")
    recorder.open(160, 128)
    recorder.send(frames(1)[0])
    recorder.close(completed=False)
    recorder.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_text() == "older"


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        Recorder(tmp_path / "missing" / "a.mp4").open(160, 128)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        Recorder(tmp_path / "a.mp4").open(160, 128)


def test_another_kind_of_file_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.mp4"):
        Recorder(tmp_path / "a.avi")


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    recorder = Recorder(path)
    (tmp_path / ".a.mp4.part").symlink_to("/dev/full")
    noise = np.random.default_rng(0).integers(0, 255, (128, 160, 3), dtype=np.uint8)
    with pytest.raises(OutputError, match="space"):  # noqa: PT012
        recorder.open(160, 128)
        for index in range(200):
            recorder.send(Frame(index, np.roll(noise, index * 7, axis=1), np.zeros(HOP, np.float32), True))
        recorder.close()
    assert list(tmp_path.iterdir()) == []
