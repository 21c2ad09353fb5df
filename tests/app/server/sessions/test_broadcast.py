"""Tests of handing frames to viewers."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

from liveface.app.server.sessions.broadcast import LONGEST_WAIT_MS, Broadcast, Subscription
from tests.app.server.loopback import a_click, a_frame


def relayed(test: Callable[[Broadcast], Awaitable[None]]) -> None:
    async def run() -> None:
        await test(Broadcast(asyncio.get_running_loop()))

    asyncio.run(run())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def taken(viewing: Subscription) -> list[int]:
    """The numbers of the frames that wait, then close."""
    viewing.close()
    numbers = []
    while (frame := await viewing.next()) is not None:
        numbers.append(frame.index)
    return numbers


def test_every_viewer_gets_every_frame_in_order_from_another_thread() -> None:
    async def test(relay: Broadcast) -> None:
        viewings = [relay.view(), relay.view()]
        thread = threading.Thread(target=lambda: [relay.send(a_frame(index)) for index in range(5)])
        thread.start()
        for viewing in viewings:
            assert [(await viewing.next()).index for _ in range(5)] == [0, 1, 2, 3, 4]  # type: ignore[union-attr]
        thread.join()

    relayed(test)


def test_a_slow_viewer_loses_the_oldest_and_holds_up_nobody() -> None:
    async def test(relay: Broadcast) -> None:
        slow, newest, quick = relay.view(), relay.view(1), relay.view()
        seen = []
        for index in range(20):
            relay.send(a_frame(index))
            frame = await quick.next()
            assert frame is not None
            seen.append(frame.index)
        assert seen == list(range(20))
        assert slow.waiting * 40 == LONGEST_WAIT_MS
        assert (slow.dropped, newest.dropped, quick.dropped) == (15, 19, 0)
        assert await taken(slow) == [15, 16, 17, 18, 19]
        assert await taken(newest) == [19]

    relayed(test)


def test_a_new_viewer_sees_the_latest_frame_at_once() -> None:
    async def test(relay: Broadcast) -> None:
        relay.send(a_frame(7))
        await settle()
        assert await taken(relay.view()) == [7]

    relayed(test)


def test_clearing_drops_what_was_sent_before_and_nothing_that_is_sent_later() -> None:
    async def test(relay: Broadcast) -> None:
        viewing = relay.view()
        relay.send(a_frame(0))
        await settle()
        relay.send(a_frame(1))
        relay.clear()
        relay.send(a_frame(2))
        await settle()
        assert await taken(viewing) == [2]
        assert viewing.dropped == 0

    relayed(test)


def test_who_has_left_gets_nothing_more() -> None:
    async def test(relay: Broadcast) -> None:
        viewing = relay.view()
        viewing.close()
        viewing.close()
        relay.send(a_frame(0))
        await settle()
        assert await viewing.next() is None
        assert relay.viewers == 0

    relayed(test)


def test_a_viewer_that_waits_learns_that_all_has_ended() -> None:
    async def test(relay: Broadcast) -> None:
        waiting = asyncio.ensure_future(relay.view().next())
        await settle()
        relay.close(completed=True)
        assert await waiting is None

    relayed(test)


def test_it_counts_how_long_nothing_has_been_said() -> None:
    async def test(relay: Broadcast) -> None:
        for index, pcm in enumerate((a_click(), None, None)):
            relay.send(a_frame(index) if pcm is None else a_frame(index, pcm=pcm))
        await settle()
        assert relay.silent == 2
        relay.send(a_frame(3, pcm=a_click()))
        await settle()
        assert relay.silent == 0

    relayed(test)


def test_a_frame_after_the_loop_has_ended_is_no_error() -> None:
    loop = asyncio.new_event_loop()
    relay = Broadcast(loop)
    loop.close()
    relay.send(a_frame(0))
    relay.close(completed=False)
