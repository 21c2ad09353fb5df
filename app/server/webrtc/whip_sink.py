"""A session's frames, sent to a WHIP server. Knows no conversation; the thread and its event loop are its own."""

import asyncio
from threading import Thread

from liveface.app.server.sessions.broadcast import Broadcast
from liveface.app.server.shutdown import end_leftovers
from liveface.app.server.webrtc.peer import Peer, PeerSettings
from liveface.app.server.webrtc.whip_client import Tell, WhipPush, check_token, parse_address
from liveface.engine.media import Frame

_LEAVING = 0.5  # s that what is left of connections gets to end


class WhipSink:
    """Implements `Sink`, to be opened once. A connection that is lost is made again; frames until then are lost."""

    def __init__(
        self,
        address: str,
        token: str | None,
        settings: PeerSettings | None = None,
        tell: Tell = lambda text, is_problem: None,
    ) -> None:
        """`tell`: gets a sentence when the connection is lost, and when it is there again, and whether it is of a
        problem; from any thread.

        Raises `ConfigurationError` for what is no address or no token.
        """
        parse_address(address)
        check_token(token)
        self._address = address
        self._token = token
        self._settings = settings or PeerSettings()
        self._tell = tell
        self._relay: Broadcast | None = None
        self._thread: Thread | None = None
        self._keeping: asyncio.Task[None] | None = None

    def open(self, width: int, height: int) -> None:
        """Connect, in some seconds; raises `OutputError` or `PeerError` if the server does not take us."""
        self._loop = asyncio.new_event_loop()
        self._relay = Broadcast(self._loop)
        self._thread = Thread(target=self._loop.run_forever, name="liveface whip")
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._connect(self._relay), self._loop).result()
        except BaseException:
            self.close(completed=False)
            raise

    def send(self, frame: Frame) -> None:
        """Give a frame to the event loop. Never blocks."""
        if self._relay is not None:
            self._relay.send(frame)

    def close(self, completed: bool) -> None:
        """Tell the server, in two seconds at most; may be called twice."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._relay = None
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _connect(self, relay: Broadcast) -> None:
        def make_peer() -> Peer:
            return Peer(self._settings, source=None, viewing=relay.view(), on_closed=lambda: None)

        push = WhipPush(make_peer, self._address, self._token, destinations=None)
        await push.start()
        self._keeping = asyncio.create_task(push.keep(lambda: True, tell=self._tell))

    async def _end(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        await end_leftovers(_LEAVING)
