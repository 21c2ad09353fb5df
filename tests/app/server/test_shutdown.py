"""Tests of ending what is left in an event loop."""

import asyncio
import time
from contextlib import suppress

from liveface.app.server.shutdown import end_leftovers


def test_tasks_that_are_begun_as_others_end_are_ended_too() -> None:
    ended = []

    async def leave(generation: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(generation)
            if generation:
                later.append(asyncio.create_task(leave(generation - 1)))
                await asyncio.sleep(0)

    async def run() -> None:
        later.append(asyncio.create_task(leave(3)))
        await asyncio.sleep(0)
        await end_leftovers(10.0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    later: list[asyncio.Task[None]] = []
    asyncio.run(run())
    assert all(task.done() for task in later)
    assert ended == [3, 2, 1, 0]


def test_a_task_that_does_not_end_is_not_waited_for() -> None:
    async def stay(until: asyncio.Event) -> None:
        while not until.is_set():
            with suppress(asyncio.CancelledError):
                await until.wait()

    async def run() -> None:
        until = asyncio.Event()
        staying = asyncio.create_task(stay(until))
        await asyncio.sleep(0)
        started = time.monotonic()
        await end_leftovers(0.1)
        assert time.monotonic() - started < 5
        assert not staying.done()
        until.set()
        await staying

    asyncio.run(run())
