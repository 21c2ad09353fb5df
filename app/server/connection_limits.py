"""Who may keep a connection: of each address a share, and only who soon asks for something."""

import asyncio
import errno
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from liveface.app.server.security import RateLimits, network_of
from liveface.app.session.clock import Clock, MonotonicClock

_CONNECTIONS = 600  # at once; far more than the sessions of a machine need
_SHARE = 250  # of them, of one address
_SECONDS = 3.0  # until the head of a new connection's first request has come
_HANDSHAKE = 5.0  # s that TLS may take to begin
_IDLE = 1.0  # s after its last request, from which a connection may have to give way
_ACCEPTS_PER_SECOND = 100.0  # of one address, in the long run
_ACCEPTS_AT_ONCE = 1500.0
_PAUSE = 0.1  # s, where the system has nothing left for another connection
_LOGGER = logging.getLogger("liveface")

Connect = Callable[[], web.RequestHandler]  # makes what speaks over one connection
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


@dataclass(eq=False, slots=True)
class _Guest:
    """One connection. `network`: of its address; None where it is a trusted proxy, behind which there are many."""

    network: str | None
    handler: web.RequestHandler
    has_asked: bool = False
    under_way: int = 0  # requests
    idle_since: float = 0.0
    opening: asyncio.Task[None] | None = field(default=None)

    @property
    def is_gone(self) -> bool:
        return self.opening is not None and self.opening.done() and self.handler.transport is None

    def end(self) -> None:
        if self.opening is not None and not self.opening.done():
            self.opening.cancel()
        if self.handler.transport is not None:
            self.handler.transport.abort()


class ConnectionLimits:
    """Belongs to one event loop. Where there is no room, the oldest connection that nobody uses gives way."""

    def __init__(
        self,
        connections: int = _CONNECTIONS,
        share: int = _SHARE,
        seconds: float = _SECONDS,
        clock: Clock | None = None,
        trusts: Callable[[str], bool] = lambda address: False,
    ) -> None:
        """`trusts`: whether an address is that of a proxy, which brings many clients and has no share."""
        clock = clock or MonotonicClock()
        self._most = connections
        self._share = share
        self._seconds = seconds
        self._clock = clock
        self._trusts = trusts
        self._accepts = RateLimits(clock, _ACCEPTS_PER_SECOND, _ACCEPTS_AT_ONCE)
        self._guests: dict[web.RequestHandler, _Guest] = {}  # the oldest first

    def __len__(self) -> int:
        """How many connections there are."""
        self._forget_gone()
        return len(self._guests)

    def middleware(self) -> Middleware:
        """Notices that a connection is being used."""

        @web.middleware
        async def noticed(request: web.Request, handler: Handler) -> web.StreamResponse:
            guest = self._guests.get(request.protocol)
            if guest is None:
                return await handler(request)
            guest.has_asked = True
            guest.under_way += 1
            try:
                return await handler(request)
            finally:
                guest.under_way -= 1
                guest.idle_since = self._clock.now()

        return noticed

    async def admit(self, listener: socket.socket, connect: Connect, tls: ssl.SSLContext | None = None) -> None:
        """Let connections in for ever, until it is cancelled; then those that are being opened end.

        What fails at one of them ends that one.
        """
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    connection, address = await loop.sock_accept(listener)
                except OSError as error:
                    if error.errno in _EXHAUSTED:
                        self._make_room()
                        await asyncio.sleep(_PAUSE)
                    continue
                try:
                    self._let_in(connection, str(address[0]), connect, tls)
                except Exception:
                    connection.close()
                    _LOGGER.exception("A connection could not be let in.")
                await asyncio.sleep(0)  # a crowd must not hold up who is in
        finally:
            for guest in self._guests.values():
                if guest.opening is not None and not guest.opening.done():
                    guest.end()

    def _let_in(
        self,
        connection: socket.socket,
        address: str,
        connect: Connect,
        tls: ssl.SSLContext | None,
    ) -> None:
        network = None if self._trusts(address) else network_of(address)
        self._forget_gone()
        if not (self._may_come(network) and (len(self._guests) < self._most or self._make_room())):
            connection.close()
            return
        connection.setblocking(False)
        guest = _Guest(network, connect())
        guest.opening = asyncio.create_task(self._open(guest, connection, tls))
        guest.opening.add_done_callback(lambda _: connection.close() if guest.handler.transport is None else None)
        self._guests[guest.handler] = guest

    def _may_come(self, network: str | None) -> bool:
        """Whether its address may have one more, in place of one that it does not use where it has its share."""
        if network is None:
            return True
        if self._accepts.take(network):
            return False
        count = sum(guest.network == network for guest in self._guests.values())
        return count < self._share or self._make_room(network)

    def _make_room(self, network: str | None = None) -> bool:
        """End the oldest connection that is not used, of that network or of the one that has most; whether one was."""
        for are_due in (self._never_used, self._idle):
            guests = [guest for guest in are_due() if network is None or guest.network == network]
            if guests:
                counts = Counter(guest.network for guest in guests)
                crowd, _ = counts.most_common(1)[0]
                oldest = next(guest for guest in guests if guest.network == crowd)
                oldest.end()
                del self._guests[oldest.handler]
                return True
        return False

    def _never_used(self) -> list[_Guest]:
        return [guest for guest in self._guests.values() if not guest.has_asked]

    def _idle(self) -> list[_Guest]:
        since = self._clock.now() - _IDLE
        return [guest for guest in self._guests.values() if not guest.under_way and guest.idle_since < since]

    def _forget_gone(self) -> None:
        for guest in [guest for guest in self._guests.values() if guest.is_gone]:
            del self._guests[guest.handler]

    async def _open(self, guest: _Guest, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError, TimeoutError):  # who speaks no TLS, or has gone
            await loop.connect_accepted_socket(
                lambda: guest.handler, connection, ssl=tls, ssl_handshake_timeout=None if tls is None else _HANDSHAKE
            )
            loop.call_later(self._seconds, self._end_if_unused, guest)

    def _end_if_unused(self, guest: _Guest) -> None:
        if not guest.has_asked:
            guest.end()
