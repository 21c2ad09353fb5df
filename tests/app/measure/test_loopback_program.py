"""Tests of what the loopback test puts around the program."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from liveface.app.measure.loopback_program import HeldBack, Kind, Task, Timed, Witness
from liveface.app.session.sources import FileSource
from liveface.app.session.stats import Stats
from liveface.engine.media import HOP, Frame
from tests.app.fakes import FakeSink, VirtualClock, write_sound


def a_frame(index: int) -> Frame:
    pcm = np.arange(index * HOP, (index + 1) * HOP, dtype=np.float32)
    return Frame(index, np.zeros((2, 2, 3), np.uint8), pcm, True)


@pytest.mark.parametrize("milliseconds", [0, 3, 40, 80])
def test_sound_is_held_back_and_pictures_are_not(milliseconds: int) -> None:
    sink = FakeSink(VirtualClock(1))
    held_back = HeldBack(sink, milliseconds)
    held_back.open(2, 2)
    for index in range(5):
        held_back.send(a_frame(index))
    held_back.close(completed=True)
    sound = np.concatenate([frame.pcm for frame in sink.frames])
    late = 16 * milliseconds
    np.testing.assert_array_equal(sound[late:], np.arange(5 * HOP - late))
    assert not sound[:late].any()
    assert [frame.index for frame in sink.frames] == list(range(5))
    assert (sink.size, sink.completed) == ((2, 2), True)


def test_a_witness_remembers_the_sound_and_its_moments(tmp_path: Path) -> None:
    clock = VirtualClock(1)
    witness = Witness(tmp_path / "seen", clock)
    witness.open(2, 2)
    for index in range(3):
        witness.send(a_frame(index))
    witness.close(completed=True)
    witness.close(completed=True)
    sound, moments = Witness.recall(tmp_path / "seen")
    np.testing.assert_array_equal(sound, np.arange(3 * HOP))
    assert moments == [clock.now()] * 3


def test_a_timed_source_tells_when_its_first_sample_was_spoken(tmp_path: Path) -> None:
    clock = VirtualClock(1)
    sound = write_sound(tmp_path / "a.wav", np.ones((1, 1600), np.float32), 16_000)
    source = Timed(FileSource(sound, clock, Stats(), live=True), clock, tmp_path / "origin.json")
    begun = clock.now()
    source.open()
    while source.read(0.015) is not None:
        pass
    source.close()
    assert json.loads((tmp_path / "origin.json").read_text()) == pytest.approx(begun)


def test_what_somebody_else_witnessed_is_remembered_alike(tmp_path: Path) -> None:
    Witness.leave(tmp_path / "heard", np.arange(HOP, dtype=np.float32), [12.5])
    sound, moments = Witness.recall(tmp_path / "heard")
    np.testing.assert_array_equal(sound, np.arange(HOP))
    assert moments == [12.5]


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_task_travels_by_its_command_lines(kind: Kind, tmp_path: Path) -> None:
    task = Task(kind, str(tmp_path), None, 3.0, 80.0, False)
    for command in (task.command, task.peer_command):
        assert find_spec(command[-2]) is not None
        assert Task(**json.loads(command[-1])) == task
