"""Tests of who may keep a connection, with real sockets."""

import asyncio
import contextlib
import resource
import ssl
from collections.abc import Awaitable, Callable, Iterator

import pytest
from aiohttp import web

from liveface.app.server.connection_limits import ConnectionLimits
from liveface.app.server.listener import listening
from liveface.app.server.security import RateLimits
from tests.app.server.application_fakes import StillClock
from tests.app.server.loopback import until

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[..., Awaitable[Streams]]  # from another address of this machine, where one is given


def opened(
    door: ConnectionLimits, visit: Callable[[Connect, web.Server], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> None:
    async def welcome(request: web.Request) -> web.Response:
        return web.Response(text="welcome")

    async def run() -> None:
        application = web.Application(middlewares=[door.middleware()])
        application.add_routes([web.get("/", welcome)])
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        assert runner.server is not None
        with listening("127.0.0.1", 0) as listener:
            admitting = asyncio.create_task(door.admit(listener, runner.server, tls))
            address = listener.getsockname()

            async def connect(own: str = "127.0.0.1") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
                return await asyncio.open_connection(*address, local_addr=(own, 0))

            async with asyncio.timeout(30):
                await visit(connect, runner.server)
            admitting.cancel()
            await asyncio.wait([admitting])
        await runner.cleanup()

    asyncio.run(run())


async def asked(streams: Streams) -> bytes:
    reader, writer = streams
    writer.write(REQUEST)
    return await reader.readline()


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

    opened(ConnectionLimits(seconds=0.05), visit)


def test_a_connection_that_is_used_stays() -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        used, writer = await connect()
        unused, unused_writer = await connect()
        writer.write(REQUEST)
        assert (await used.readline()).startswith(b"HTTP/1.1 200")
        await until(lambda: len(server.connections) == 2)
        for guest in door._guests.values():
            door._end_if_unused(guest)
        assert await is_ended(unused)
        writer.write(REQUEST)
        answers = await used.readuntil(b"HTTP/1.1 200")
        assert b"welcome" in answers
        writer.close()
        unused_writer.close()

    door = ConnectionLimits(seconds=60.0)
    opened(door, visit)


def test_the_oldest_that_nobody_uses_gives_way_where_there_is_no_room() -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        first, second = await connect(), await connect()
        assert (await asked(first)).startswith(b"HTTP/1.1 200")
        await until(lambda: len(server.connections) == 2)
        third = await connect("127.0.0.2")
        assert (await asked(third)).startswith(b"HTTP/1.1 200")
        assert await is_ended(second[0])
        refused = await connect("127.0.0.2")  # all others are used
        assert await is_ended(refused[0])
        for _, writer in (first, second, third, refused):
            writer.close()

    opened(ConnectionLimits(connections=2, clock=StillClock()), visit)


def test_who_has_asked_and_does_nothing_more_gives_way_after_a_second() -> None:
    clock = StillClock()

    async def visit(connect: Connect, server: web.Server) -> None:
        first = await connect()
        await asked(first)
        clock.moment += 2
        other = await connect()
        assert (await asked(other)).startswith(b"HTTP/1.1 200")
        for _, writer in (first, other):
            writer.close()

    opened(ConnectionLimits(connections=1, clock=clock), visit)


def test_an_address_has_a_share_of_the_connections_and_a_proxy_has_none() -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        many = [await connect() for _ in range(10)]
        await until(lambda: len(server.connections) == 3)
        proxied = [await connect("127.0.0.9") for _ in range(5)]
        await until(lambda: len(server.connections) == 8)
        assert all(await asyncio.gather(*(is_ended(reader) for reader, _ in many[:7])))
        for _, writer in many + proxied:
            writer.close()

    opened(ConnectionLimits(share=3, trusts=lambda address: address == "127.0.0.9"), visit)


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of all sockets are this process's."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
def test_with_1000_idle_sockets_of_one_address_another_client_is_served_at_once() -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        loop = asyncio.get_running_loop()
        idle = [await connect() for _ in range(400)]
        waited = []
        for _ in range(3):
            idle += [await connect() for _ in range(200)]
            began = loop.time()
            other = await connect("127.0.0.2")
            assert (await asked(other)).startswith(b"HTTP/1.1 200")
            waited.append(loop.time() - began)
            other[1].close()
        assert len(idle) == 1000
        assert max(waited) < 0.5
        for _, writer in idle:
            writer.close()

    opened(ConnectionLimits(), visit)


def test_who_connects_again_and_again_is_refused() -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        served = []
        for _ in range(5):
            streams = await connect()
            with contextlib.suppress(ConnectionResetError):
                served.append(await asked(streams))
            streams[1].close()
        assert [answer[:12] for answer in served if answer] == [b"HTTP/1.1 200"] * 3
        other = await connect("127.0.0.2")
        assert await asked(other)
        other[1].close()

    clock = StillClock()
    door = ConnectionLimits(clock=clock)
    door._accepts = RateLimits(clock, per_second=1, at_once=3)
    opened(door, visit)


def test_who_begins_no_tls_counts_and_gives_way() -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        silent = [await connect() for _ in range(4)]
        assert all(await asyncio.gather(*(is_ended(reader) for reader, _ in silent[:2])))
        assert len(door) == 2
        for _, writer in silent:
            writer.close()

    door = ConnectionLimits(share=2)
    opened(door, visit, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


def test_what_fails_at_one_connection_ends_only_that_one(caplog: pytest.LogCaptureFixture) -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        unlucky = await connect()
        assert await is_ended(unlucky[0])
        other = await connect()
        assert (await asked(other)).startswith(b"HTTP/1.1 200")
        for _, writer in (unlucky, other):
            writer.close()

    failures = [ZeroDivisionError()]

    def trusts(address: str) -> bool:
        if failures:
            raise failures.pop()
        return False

    opened(ConnectionLimits(trusts=trusts), visit)
    assert "ZeroDivisionError" in caplog.text


def test_nothing_is_left_of_those_who_have_gone() -> None:
    async def visit(connect: Connect, server: web.Server) -> None:
        for _ in range(5):
            streams = await connect()
            await asked(streams)
            streams[1].close()
        await until(lambda: not len(door))

    door = ConnectionLimits()
    opened(door, visit)
