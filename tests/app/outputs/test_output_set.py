"""Tests of the outputs that come and go while frames flow."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liveface.app.desktop.notifications import Noticeboard
from liveface.app.files.media_files import read_video
from liveface.app.outputs.output_set import Outputs
from liveface.app.outputs.recorder import Recorder
from liveface.app.session.clock import MonotonicClock
from liveface.engine.errors import DeviceError
from liveface.engine.media import HOP, Frame
from tests.app.fakes import FakeSink

_NUMBERS = itertools.count()


def a_frame() -> Frame:
    return Frame(next(_NUMBERS), np.zeros((48, 64, 3), np.uint8), np.zeros(HOP, np.float32), True)


@pytest.fixture
def board() -> Noticeboard:
    return Noticeboard()


@pytest.fixture
def outputs(board: Noticeboard, tmp_path: Path) -> Iterator[Outputs]:
    made = Outputs(MonotonicClock(), board, tmp_path / "films", tmp_path / "pictures")
    made.fan_out.open(64, 48)
    yield made
    made.fan_out.close(completed=True)


def test_a_recording_is_begun_and_finished_at_once(outputs: Outputs, board: Noticeboard, tmp_path: Path) -> None:
    outputs.fan_out.send(a_frame())
    outputs.record(True)
    outputs.settle()
    assert outputs.recorded == 0
    for _ in range(10):
        outputs.fan_out.send(a_frame())
    outputs.record(False)
    outputs.settle()
    assert outputs.recorded is None
    [file] = (tmp_path / "films").iterdir()
    assert len(read_video(file)[0]) == 10
    [notice] = board.take()
    assert (notice.remedy, notice.subject) == ("show", str(file))
    assert file.name in notice.text


def test_a_recording_that_is_wanted_again_goes_on(outputs: Outputs, board: Noticeboard) -> None:
    for _ in range(2):
        outputs.record(True)
        outputs.settle()
        outputs.fan_out.send(a_frame())
    assert board.take() == []


def test_two_recordings_within_a_second_are_two_files(outputs: Outputs, tmp_path: Path) -> None:
    for _ in range(2):
        outputs.record(True)
        outputs.settle()
        outputs.fan_out.send(a_frame())
        outputs.record(False)
        outputs.settle()
    assert len(list((tmp_path / "films").iterdir())) == 2


def test_a_recording_that_cannot_be_written_is_a_notice(outputs: Outputs, board: Noticeboard, tmp_path: Path) -> None:
    (tmp_path / "films").touch()
    outputs.record(True)
    outputs.settle()
    assert [notice.is_problem for notice in board.take()] == [True]
    assert not outputs.is_wanted("recording")


def test_an_output_gets_frames_while_it_is_wanted(outputs: Outputs, board: Noticeboard) -> None:
    sink = FakeSink(MonotonicClock())
    outputs.want("camera", lambda: sink, "It is on.")
    outputs.settle()
    outputs.settle()
    assert [notice.text for notice in board.take()] == ["It is on."]
    frame = a_frame()
    outputs.fan_out.send(frame)
    outputs.want("camera", None)
    outputs.settle()
    outputs.fan_out.send(a_frame())
    assert sink.frames == [frame]
    assert (sink.size, sink.completed) == ((64, 48), True)


def test_an_output_that_cannot_be_opened_says_why_and_is_off(outputs: Outputs, board: Noticeboard) -> None:
    def refuse() -> FakeSink:
        raise DeviceError("Install the driver.")

    outputs.want("camera", refuse, "It is on.")
    outputs.settle()
    assert [notice.text for notice in board.take()] == ["Install the driver."]
    assert not outputs.is_wanted("camera")


def test_a_mistake_while_an_output_opens_is_told_and_the_others_are_opened(
    outputs: Outputs, board: Noticeboard
) -> None:
    def stumble() -> FakeSink:
        raise ValueError("non-hexadecimal number")

    outputs.want("camera", stumble)
    outputs.want("voice", lambda: FakeSink(MonotonicClock()))
    outputs.settle()
    [notice] = board.take()
    assert notice.text == "The camera cannot be used (ValueError('non-hexadecimal number')): switch it on again."
    assert [outputs.is_wanted(name) for name in ("camera", "voice")] == [False, True]


def test_one_that_fails_later_is_off_and_can_be_wanted_again(outputs: Outputs, board: Noticeboard) -> None:
    def fail(frame: Frame) -> None:
        raise DeviceError("The camera has gone.")

    outputs.want("camera", lambda: FakeSink(MonotonicClock(), fail))
    outputs.settle()
    outputs.fan_out.send(a_frame())
    outputs.fan_out._branches["camera"].join()
    assert not outputs.is_wanted("camera")
    outputs.settle()
    assert [notice.text for notice in board.take()] == ["The camera has gone."]
    outputs.want("camera", lambda: FakeSink(MonotonicClock()))
    outputs.settle()
    assert outputs.is_wanted("camera")


def test_a_picture_is_kept_as_a_file(outputs: Outputs, board: Noticeboard, tmp_path: Path) -> None:
    outputs.keep(np.full((8, 8, 3), (200, 30, 60), np.uint8))
    [file] = (tmp_path / "pictures").iterdir()
    assert Image.open(file).getpixel((4, 4)) == (200, 30, 60)
    assert board.take()[0].subject == str(file)


def test_a_recording_that_was_ended_is_offered_at_the_next_start_and_recovered(
    outputs: Outputs, board: Noticeboard, tmp_path: Path
) -> None:
    ended = Recorder(tmp_path / "films" / "liveface of yesterday.mp4", keeps_incomplete=True)
    (tmp_path / "films").mkdir()
    ended.open(64, 48)
    for _ in range(10):
        ended.send(a_frame())
    outputs.offer_leftovers()
    assert board.take() == []  # it grows
    ended.close(completed=False)

    outputs.offer_leftovers()
    [offer] = board.take()
    assert (offer.is_problem, offer.remedy, offer.subject) == (True, "recover", str(ended.incomplete))
    outputs.recover(Path(offer.subject))
    outputs.settle()
    [notice] = board.take()
    assert (notice.remedy, notice.subject) == ("show", str(tmp_path / "films" / "liveface of yesterday.mp4"))
    assert len(read_video(Path(notice.subject))[0]) == 10
    outputs.offer_leftovers()
    assert board.take() == []


def test_what_there_is_of_a_recording_that_fails_is_kept_and_named(
    outputs: Outputs, board: Noticeboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs.record(True)
    outputs.settle()
    recorder = outputs._recorder
    assert recorder is not None
    send, sent = recorder.send, []

    def fail_later(frame: Frame) -> None:
        sent.append(frame)
        if len(sent) > 10:
            raise ValueError("no such thing")
        send(frame)

    monkeypatch.setattr(recorder, "send", fail_later)
    for _ in range(11):
        outputs.fan_out.send(a_frame())
    outputs.record(False)
    outputs.settle()
    [notice] = board.take()
    assert notice.is_problem
    [left] = (tmp_path / "films").iterdir()
    assert left.name.endswith("(incomplete).mp4")
    assert left.name in notice.text
    assert len(read_video(left)[0]) == 10
