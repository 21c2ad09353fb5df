"""What connections leave in an event loop that is about to end."""

import asyncio


async def end_leftovers(seconds: float) -> None:
    """Cancel all other tasks, and those that they begin as they end, in so many seconds at most.

    One pass would not do: aiortc's connections begin to close when their tasks are cancelled.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while (rest := asyncio.all_tasks() - {asyncio.current_task()}) and loop.time() < until:
        for task in rest:
            task.cancel()
        await asyncio.wait([asyncio.gather(*rest, return_exceptions=True)], timeout=until - loop.time())
