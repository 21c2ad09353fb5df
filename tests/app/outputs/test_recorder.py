"""Tests of the recorder, by decoding what it wrote."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest

import liveface.app.files.film
from liveface.app.files.film import leftovers, recover
from liveface.app.files.media_files import iterate_audio, read_audio, read_video
from liveface.app.outputs.recorder import SOUND_RATE, Recorder
from liveface.engine.errors import MediaError, OutputError
from liveface.engine.media import HOP, Frame
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


RECORDING = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from liveface.app.outputs.recorder import Recorder
from liveface.engine.media import HOP, Frame

path, limit, count, keeps = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "keeps"
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
noise = np.random.default_rng(0).integers(0, 255, (128, 160, 3), dtype=np.uint8)
recorder = Recorder(path, keeps_incomplete=keeps)
recorder.open(160, 128)
sent = 0
try:
    for index in range(count):
        recorder.send(Frame(index, np.roll(noise, index * 7, axis=1), np.zeros(HOP, np.float32), True))
        sent += 1
    print(sent, flush=True)
    signal.pause()
except Exception as error:
    print(sent, error, sep="|", flush=True)
"""


def process(path: Path, limit: int, count: int, keeps: bool) -> "subprocess.Popen[str]":
    arguments = [str(path), str(limit), str(count), "keeps" if keeps else ""]
    return subprocess.Popen([sys.executable, "-c", RECORDING, *arguments], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("keeps", [True, False])
def test_a_file_that_grows_no_more_is_kept_named_and_played_to_its_end(tmp_path: Path, keeps: bool) -> None:
    path = tmp_path / "a.mp4"
    with process(path, 2_000_000, 2000, keeps) as writing:
        assert writing.stdout is not None
        sent, error = writing.stdout.read().strip().split("|")
    [left] = tmp_path.iterdir()
    assert left.name == "a (incomplete).mp4"
    assert "(File too large)" in error
    assert "“a (incomplete).mp4”" in error
    assert int(sent) / 25 > 3
    assert abs(len(read_video(left)[0]) - int(sent)) <= 2 * 25


def test_a_killed_recording_is_played_to_within_two_seconds_of_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with process(path, 0, 200, True) as writing:
        assert writing.stdout is not None
        assert writing.stdout.readline() == "200\n"
        assert leftovers(tmp_path, "") == []  # it is still being written
        writing.kill()
    [left] = leftovers(tmp_path, "")
    assert 150 <= len(decoded(left)) <= 200
    assert abs(len(read_audio(left)) / 640 - len(decoded(left))) < 25

    recovered = recover(left)
    assert list(tmp_path.iterdir()) == [recovered]
    assert recovered == path
    assert 150 <= len(read_video(recovered)[0]) <= 200
    assert recovered.read_bytes().index(b"moov") < recovered.read_bytes().index(b"mdat")
    assert b"moof" not in recovered.read_bytes()


def decoded(path: Path) -> list[av.VideoFrame]:
    """What any player shows of a file that breaks off."""
    pictures = []
    with av.open(str(path)) as container, suppress(av.FFmpegError):
        for picture in container.decode(video=0):
            pictures.append(picture)  # noqa: PERF402 - it may break off
    return pictures


def test_a_complete_file_is_an_ordinary_one(tmp_path: Path) -> None:
    content = recorded(tmp_path / "a.mp4", frames(60)).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert b"moof" not in content


def test_a_complete_file_stays_in_pieces_where_there_is_no_room_for_a_second_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_pieces: Path, _ordinary: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(liveface.app.files.film, "_convert", full)
    path = recorded(tmp_path / "a.mp4", frames(60))
    assert list(tmp_path.iterdir()) == [path]
    assert len(read_video(path)[0]) == 60


def test_a_recording_that_ends_too_early_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4", keeps_incomplete=True)
    recorder.open(160, 128)
    for frame in frames(10):
        recorder.send(frame)
    recorder.close(completed=False)
    recorder.close()
    assert list(tmp_path.iterdir()) == [recorder.incomplete]
    assert recorder.incomplete is not None
    assert len(decoded(recorder.incomplete)) == 10


def test_two_recordings_of_one_name_do_not_disturb_each_other(tmp_path: Path) -> None:
    both = [Recorder(tmp_path / "a.mp4", replaces=False) for _ in range(2)]
    for recorder in both:
        recorder.open(160, 128)
    for count, recorder in ((10, both[0]), (20, both[1])):
        for frame in frames(count):
            recorder.send(frame)
    for recorder in both:
        recorder.close()
    assert [recorder.written for recorder in both] == [tmp_path / "a.mp4", tmp_path / "a 2.mp4"]
    assert [len(read_video(recorder.written)[0]) for recorder in both if recorder.written] == [10, 20]
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_not_a_film_cannot_be_recovered_and_is_left_alone(tmp_path: Path) -> None:
    left = tmp_path / "a (incomplete).mp4"
    left.write_bytes(b"nothing")
    with pytest.raises(MediaError, match="left as it is"):
        recover(left)
    assert list(tmp_path.iterdir()) == [left]
