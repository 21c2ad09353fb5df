"""Tests of who may keep a connection, with real sockets."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from app.serving.door import Door
from tests.app.serving.loopback import until

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def opened(door: Door, visit: Callable[[Connect, web.Server], Awaitable[None]]) -> None:
    async def welcome(request: web.Request) -> web.Response:
        return web.Response(text="welcome")

    async def run() -> None:
        application = web.Application(middlewares=[door.middleware()])
        application.add_routes([web.get("/", welcome)])
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        assert runner.server is not None
        listening = await asyncio.get_running_loop().create_server(door.leading_to(runner.server), "127.0.0.1", 0)
        address = listening.sockets[0].getsockname()
        async with asyncio.timeout(30):
            await visit(lambda: asyncio.open_connection(*address), runner.server)
        listening.close()
        await runner.cleanup()

    asyncio.run(run())


async def is_ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


def test_a_connection_that_asks_for_nothing_is_ended() -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        silent, silent_writer = await connect()
        slow, slow_writer = await connect()
        slow_writer.write(REQUEST[:20])
        assert await is_ended(silent)
        assert await is_ended(slow)
        silent_writer.close()
        slow_writer.close()

    opened(Door(seconds=0.05), visit)


def test_a_connection_that_is_used_stays() -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        used, writer = await connect()
        unused, unused_writer = await connect()
        writer.write(REQUEST)
        assert (await used.readline()).startswith(b"HTTP/1.1 200")
        await until(lambda: len(server.connections) == 2)
        for handler in server.connections:
            door._end_if_unused(handler)
        assert await is_ended(unused)
        writer.write(REQUEST)
        answers = await used.readuntil(b"HTTP/1.1 200")
        assert b"welcome" in answers
        writer.close()
        unused_writer.close()

    door = Door(seconds=60.0)
    opened(door, visit)


def test_connections_beyond_the_limit_are_ended_until_one_leaves() -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        first, first_writer = await connect()
        first_writer.write(REQUEST)
        await first.readline()
        refused, refused_writer = await connect()
        assert await is_ended(refused)
        first_writer.close()
        await first_writer.wait_closed()
        answered = b""
        while not answered:
            reader, writer = await connect()
            writer.write(REQUEST)
            with contextlib.suppress(ConnectionResetError):  # the server has not noticed yet that there is room
                answered = await reader.readline()
            writer.close()
        refused_writer.close()

    opened(Door(connections=1), visit)
