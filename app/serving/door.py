"""Who may keep a connection: not too many at once, and only who soon asks for something."""

import asyncio
from collections.abc import Callable
from typing import cast
from weakref import WeakSet

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_CONNECTIONS = 400  # at once; far more than the sessions of a machine need
_SECONDS = 10.0  # until the head of a new connection's first request has come


class Door:
    """Belongs to one event loop."""

    def __init__(self, connections: int = _CONNECTIONS, seconds: float = _SECONDS) -> None:
        self._most = connections
        self._seconds = seconds
        self._known: WeakSet[asyncio.BaseTransport] = WeakSet()  # over which a request has come

    def middleware(self) -> Middleware:
        """Notices that a connection is being used."""

        @web.middleware
        async def noticed(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.transport is not None:
                self._known.add(request.transport)
            return await handler(request)

        return noticed

    def leading_to(self, server: web.Server) -> Callable[[], asyncio.BaseProtocol]:
        """What `loop.create_server` needs: a protocol for each new connection, which ends at once if it is too many."""

        def let_in() -> asyncio.BaseProtocol:
            if len(server.connections) >= self._most:
                return _Refused()
            handler = server()
            asyncio.get_running_loop().call_later(self._seconds, self._end_if_unused, handler)
            return handler

        return let_in

    def _end_if_unused(self, handler: web.RequestHandler) -> None:
        if handler.transport is not None and handler.transport not in self._known:
            handler.transport.abort()


class _Refused(asyncio.Protocol):
    """Ends a connection without a word."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()
