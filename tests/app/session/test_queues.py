"""Tests of the two queues, in virtual time."""

import threading
from collections.abc import Callable

import numpy as np

from liveface.app.session.queues import FrameQueue, Owed, SampleQueue
from liveface.engine.media import HOP, Frame, Motion
from tests.app.fakes import VirtualClock

FIRST = np.full((2, 2, 3), 255, np.uint8)


def a_motion(index: int) -> Motion:
    return Motion(index, np.zeros(7, np.float32), np.zeros(16, np.float32), np.full(HOP, index, np.float32), True)


def a_picture(index: int) -> Frame:
    return Frame(index, np.full((2, 2, 3), index, np.uint8), np.zeros(HOP, np.float32), True)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_samples_come_out_in_order_and_together() -> None:
    queue = SampleQueue(VirtualClock(1), 16_000, 200)
    queue.put(np.arange(3, dtype=np.float32))
    queue.put(np.arange(3, 5, dtype=np.float32))
    np.testing.assert_array_equal(queue.get(0), np.arange(5))
    assert len(queue.get(0)) == 0
    assert queue.lost == 0


def test_sound_beyond_the_capacity_becomes_silence_oldest_first_without_shifting_time() -> None:
    queue = SampleQueue(VirtualClock(1), 1000, 200)
    for value in range(1, 13):
        queue.put(np.full(20, value, np.float32))
    pcm = queue.get(0)
    np.testing.assert_array_equal(pcm, np.repeat([0, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 20))
    assert queue.lost == 40
    assert queue.milliseconds == 200


def test_a_reader_waits_no_longer_than_it_said() -> None:
    clock = VirtualClock(1)
    queue = SampleQueue(clock, 16_000, 200)
    before = clock.now()
    assert len(queue.get(0.05)) == 0
    assert round(clock.now() - before, 6) == 0.05


def test_a_reader_is_woken_when_a_portion_is_complete_and_gets_all_there_is() -> None:
    clock = VirtualClock(1)
    queue = SampleQueue(clock, 16_000, 200, 320)
    before = clock.now()
    queue.put(np.zeros(200, np.float32))
    assert len(queue.get(0.05)) == 200
    assert round(clock.now() - before, 6) == 0.05
    queue.put(np.zeros(100, np.float32))
    queue.put(np.zeros(30, np.float32))  # 330 in all
    assert len(queue.get(0.05)) == 130
    queue.put(np.zeros(300, np.float32))  # 630
    assert len(queue.get(0.05)) == 300
    assert round(clock.now() - before, 6) == 0.1


def test_a_picture_waits_for_its_moment() -> None:
    clock = VirtualClock(1)
    queue = FrameQueue(clock, 2, FIRST)
    due = clock.now() + 0.3
    queue.announce(Owed(a_motion(0), True, due, due + 1))
    queue.supply([a_picture(0)])
    frame = queue.take()
    assert frame is not None
    assert frame.drawn
    assert frame.image[0, 0, 0] == 0
    assert clock.now() == due


def test_without_a_picture_the_one_before_is_repeated_at_the_deadline_with_its_own_sound() -> None:
    clock = VirtualClock(1)
    queue = FrameQueue(clock, 2, FIRST)
    due = clock.now() + 0.3
    queue.announce(Owed(a_motion(7), True, due, due + 0.02))
    frame = queue.take()
    assert frame is not None
    assert not frame.drawn
    assert frame.image is FIRST
    assert frame.pcm[0] == 7
    assert clock.now() == due + 0.02


def test_a_picture_that_nobody_draws_is_not_waited_for_beyond_its_moment() -> None:
    clock = VirtualClock(1)
    queue = FrameQueue(clock, 2, FIRST)
    due = clock.now() + 0.3
    queue.announce(Owed(a_motion(0), False, due, due + 0.02))
    assert queue.take() is not None
    assert clock.now() == due


def test_a_picture_that_comes_too_late_serves_the_next_frame() -> None:
    queue = FrameQueue(VirtualClock(1), 2, FIRST)
    for index in (0, 1):
        queue.announce(Owed(a_motion(index), False))
    queue.take()
    queue.supply([a_picture(0)])
    frame = queue.take()
    assert frame is not None
    assert not frame.drawn
    assert frame.image[0, 0, 0] == 0


def test_a_full_queue_holds_the_engine_until_a_frame_is_taken() -> None:
    queue = FrameQueue(VirtualClock(2), 1, FIRST)
    order: list[str] = []

    def engine() -> None:
        for index in range(3):
            queue.announce(Owed(a_motion(index), False))
            order.append(f"announced {index}")
        queue.end()

    thread = in_thread(engine)
    taken = []
    while (frame := queue.take()) is not None:
        taken.append(frame.index)
    thread.join()
    assert taken == [0, 1, 2]
    assert queue.milliseconds == 40


def test_clearing_drops_what_waits_and_tells_where_to_go_on() -> None:
    queue = FrameQueue(VirtualClock(1), 4, FIRST)
    for index in range(3):
        queue.announce(Owed(a_motion(index), True))
    queue.supply([a_picture(0), a_picture(1)])
    queue.take()
    assert queue.clear() == 1
    queue.end()
    assert queue.take() is None


def test_aborting_frees_both_sides() -> None:
    queue = FrameQueue(VirtualClock(2), 1, FIRST)
    queue.announce(Owed(a_motion(0), True))
    threads = [in_thread(lambda: queue.announce(Owed(a_motion(1), True))), in_thread(queue.take)]
    queue.abort()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
