"""Tests of the board of notices."""

from liveface.app.audio.device_failover import DeviceChange
from liveface.app.desktop.notifications import Notice, Noticeboard


def test_a_notice_is_read_once() -> None:
    board = Noticeboard()
    board.post(Notice("a"))
    board.post(Notice("b", is_problem=True))
    assert [notice.text for notice in board.take()] == ["a", "b"]
    assert board.take() == []


def test_what_says_the_same_is_posted_once_and_the_oldest_give_way() -> None:
    board = Noticeboard()
    for number in range(20):
        board.post(Notice(str(number)))
        board.post(Notice(str(number)))
    assert [notice.text for notice in board.take()] == [str(number) for number in range(4, 20)]


def test_a_device_that_has_gone_is_a_problem_and_one_that_is_back_is_none() -> None:
    board = Noticeboard()
    board.tell_of_device(DeviceChange("device_gone", "microphone", "Headset"))
    board.tell_of_device(DeviceChange("device_back", "microphone", "Headset"))
    gone, back = board.take()
    assert (gone.is_problem, back.is_problem) == (True, False)
    assert gone.subject == back.subject
    assert back.text == "The microphone “Headset” is back."


def test_what_is_told_becomes_a_notice() -> None:
    board = Noticeboard()
    board.tell("Snapshot saved", remedy="show", subject="a.png")
    board.tell("It cannot be written", is_problem=True)
    assert board.take() == [
        Notice("Snapshot saved", remedy="show", subject="a.png"),
        Notice("It cannot be written", is_problem=True),
    ]
