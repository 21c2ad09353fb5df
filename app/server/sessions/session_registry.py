"""Faces that speak to somebody over the network: each a session with its source, its viewers and its end."""

import asyncio
import logging
import secrets
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from liveface.app.capacity.admission import Admission, Place
from liveface.app.capacity.session_pool import SessionPool
from liveface.app.server.messages import (
    CHANNEL_MESSAGES,
    EndedMessage,
    Interrupt,
    MuteMessage,
    StatsMessage,
    read_message,
)
from liveface.app.server.refusals import RefusalError
from liveface.app.server.schemas import ConversationNumbers
from liveface.app.server.security import OWNER
from liveface.app.server.sessions.broadcast import Broadcast
from liveface.app.server.sessions.pcm_source import PacedSource
from liveface.app.server.webrtc.peer import Peer, PeerSettings
from liveface.app.server.webrtc.rtp_source import RemoteSource
from liveface.app.session.clock import Clock
from liveface.app.session.session import Session
from liveface.app.session.sources import Source
from liveface.app.session.stats import Stats
from liveface.app.settings import DEFAULT_LOOKAHEAD
from liveface.engine.errors import CapacityError, LivefaceError, NotFoundError
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import FPS

RESUME_SECONDS = 30.0

_KEPT_SECONDS = 5.0  # that a deserted conversation keeps its place even where another one needs it
_SWEEP_SECONDS = 1.0  # from one look at all conversations to the next
_CLOSING_SECONDS = 1.5  # that all of them together get to end
_LOGGER = logging.getLogger("liveface")


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """What a client asks for: an avatar framed to the size of the pictures, its name, and frames of lookahead.

    `is_private`: the name is known to who uploaded the photo only, and enough to wear the face.
    """

    avatar: Avatar
    name: str
    lookahead: int = DEFAULT_LOOKAHEAD
    is_private: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """`conversations` at once; `viewers` of each; seconds without any member and without any sound."""

    conversations: int = 16
    viewers: int = 16
    resume_seconds: float = RESUME_SECONDS
    idle_seconds: float = 600.0


class ServerSession:
    """One speaking face. Used in the event loop; `id` cannot be guessed, and `owner` proves who may end it."""

    def __init__(self, wish: SessionRequest, source: Source, stats: Stats, clock: Clock, limits: Limits) -> None:
        self.id = secrets.token_hex(12)  # a name that WHEP's players can ask for
        self.owner = secrets.token_urlsafe(16)
        self.wish = wish
        self.source = source
        self.stats = stats
        self.relay = Broadcast(asyncio.get_running_loop())
        self.peers: set[Peer] = set()
        self.failure: LivefaceError | None = None  # of which it has ended
        self._clock = clock
        self._limits = limits
        self._members: set[Hashable] = set()
        self._speaker: Peer | None = None
        self._admission: Admission | None = None
        self._encoding_cost = 0.0
        self._viewers: dict[Peer, Place | None] = {}  # the place of one of them came with the session
        self._left_at = self._unspoken_since = clock.now()
        self._performance: AbstractContextManager[Session] | None = None
        self._session: Session | None = None
        self._closing: asyncio.Task[None] | None = None

    async def start(self, ensemble: SessionPool, encoding_cost: float) -> None:
        """Let the face perform; raises `CapacityError`, and what a session's start raises."""
        wish = self.wish
        self._admission, self._encoding_cost = ensemble.admission, encoding_cost
        self._performance = ensemble.performing(
            self.source, wish.avatar, [self.relay], self.stats, wish.lookahead, encoding_cost
        )
        starting = asyncio.ensure_future(asyncio.to_thread(self._performance.__enter__))
        try:
            self._session = await asyncio.shield(starting)
        except asyncio.CancelledError:  # whoever waited has gone, but the thread goes on
            await asyncio.wait([starting])
            if starting.exception() is None:
                self._session = starting.result()
                await self.close()
            raise
        self._left_at = self._clock.now()

    def join(self, settings: PeerSettings, *, speaks: bool, views: bool = True, controls: bool = False) -> Peer:
        """A new peer of this conversation, which leaves it when its connection ends. Raises `CapacityError`.

        `speaks`: its sound drives the face, in place of that of the peer before it, which is closed; needs a
        `RemoteSource`. `controls`: it may interrupt and mute over the data channel, as who speaks always may.
        """
        source = self.source if speaks else None
        assert source is None or isinstance(source, RemoteSource), "a peer cannot speak here"
        if speaks and self._speaker is not None:
            self._speaker.give_up()
            self.leave(self._speaker)
        if len(self.peers) >= self._limits.viewers:
            raise CapacityError(code="peers_full", found=len(self.peers))
        place = self._place() if views else None
        peer = Peer(
            settings,
            source=source,
            viewing=self.relay.view() if views else None,
            on_closed=lambda: self.leave(peer),
            on_message=self._take_message if controls or speaks else _refuse,
        )
        if speaks:
            self._speaker = peer
        if views:
            self._viewers[peer] = place
        self.peers.add(peer)
        self.enter(peer)
        return peer

    def enter(self, member: Hashable) -> None:
        """Keep the conversation open for somebody who is no peer, such as a socket."""
        self._members.add(member)

    def leave(self, member: Hashable) -> None:
        """The member has gone; after `Limits.resume_seconds` without any member the conversation ends."""
        self._members.discard(member)
        if isinstance(member, Peer):
            self.peers.discard(member)
            if place := self._viewers.pop(member, None):
                place.close()
            if member is self._speaker:
                self._speaker = None
                self._unspoken_since = self._clock.now()
        if not self._members:
            self._left_at = self._clock.now()

    async def interrupt(self) -> None:
        """Forget all sound that no viewer has been sent; within 100 ms the mouth is closed."""
        if self._session is None:
            return
        if isinstance(self.source, RemoteSource):
            self.source.clear()
        elif isinstance(self.source, PacedSource):
            self.source.clear(0 if self.relay.latest is None else self.relay.latest.index + 1)
        self._session.interrupt()
        self.relay.clear()

    def mute(self, is_muted: bool) -> None:
        """Hear silence instead of the source, or the source again."""
        if self._session is not None:
            self._session.mute(is_muted)

    @property
    def is_running(self) -> bool:
        """Whether frames still come."""
        return self._session is not None and self._session.is_running and self._closing is None

    @property
    def deserted_for(self) -> float:
        """Seconds since the last member left; 0 while there is one."""
        return 0.0 if self._members else self._clock.now() - self._left_at

    @property
    def unspoken_for(self) -> float:
        """Seconds since the peer that speaks has left; 0 while there is one."""
        return 0.0 if self._speaker is not None else self._clock.now() - self._unspoken_since

    def renew_owner(self) -> str:
        """Make a new secret, which the old one's bearer is told as they take over: no secret is told twice."""
        self.owner = secrets.token_urlsafe(16)
        return self.owner

    def reason_to_end(self) -> LivefaceError | None:
        """Why the conversation should be closed now; None if it should go on."""
        if not self.is_running:
            return self.failure or LivefaceError(code="session_ended")
        if self.deserted_for >= self._limits.resume_seconds:
            return LivefaceError(code="session_deserted", seconds=round(self._limits.resume_seconds))
        if self.relay.silent >= self._limits.idle_seconds * FPS:
            return LivefaceError(code="session_idle", seconds=round(self._limits.idle_seconds))
        return None

    def numbers(self) -> ConversationNumbers:
        """What has been measured so far, for JSON."""
        report = self.stats.report()
        delay = report.mic_to_picture_ms
        return {
            "conversation": self.id,
            "avatar": None if self.wish.is_private else self.wish.name,
            "lookahead": self.wish.lookahead,
            "running": self.is_running,
            "error": None if self.failure is None else self.failure.as_object(),
            "frames": report.frames,
            "skipped": report.skipped,
            "fps": round(report.fps, 2),
            "recent_fps": round(report.recent_fps, 2),
            "seconds": round(report.seconds, 2),
            "lost_ms": round(report.lost_ms),
            "mic_to_picture_ms": None if delay is None else {"p50": delay.p50, "p95": delay.p95, "p99": delay.p99},
            "network_delay_ms": round(self.source.delay_ms, 1) if isinstance(self.source, RemoteSource) else None,
            "viewers": len(self._viewers),
            "peers": [peer.numbers() for peer in self.peers],
        }

    async def close(self, reason: LivefaceError | None = None) -> None:
        """End the session and all peers; may be called twice."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(reason))
        await asyncio.shield(self._closing)

    async def _close(self, reason: LivefaceError | None) -> None:
        for peer in self.peers:
            peer.send(EndedMessage(type="ended", error=None if reason is None else reason.as_object()))
        try:
            if self._performance is not None and self._session is not None:
                await asyncio.to_thread(self._performance.__exit__, None, None, None)
        except Exception as error:  # of this session alone: the others go on
            self.failure = error if isinstance(error, LivefaceError) else LivefaceError(code="session_failed")
            _LOGGER.error("A conversation has ended with an error.", exc_info=error)
        finally:
            await asyncio.gather(*(peer.close() for peer in list(self.peers)))

    def _place(self) -> Place | None:
        """Room for one more viewer's encoder; raises `CapacityError`."""
        if None not in self._viewers.values() or self._admission is None:
            return None
        return self._admission.admit_viewer(self._encoding_cost)

    def _take_message(self, message: dict[str, object]) -> None:
        match read_message(CHANNEL_MESSAGES, message, {"muted": "mute_missing"}):
            case Interrupt():
                self._interrupting = asyncio.create_task(self.interrupt())
            case MuteMessage(muted=is_muted):
                self.mute(is_muted)


def _refuse(message: dict[str, object]) -> None:
    """Of those who only watch; what they would change is refused."""
    raise RefusalError("owner_missing", header=OWNER)


class SessionRegistry:
    """All conversations of the server; they share what draws. Used in the event loop."""

    def __init__(self, ensemble: SessionPool, clock: Clock, limits: Limits) -> None:
        self._ensemble = ensemble
        self._clock = clock
        self._limits = limits
        self._conversations: dict[str, ServerSession] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._opening = 0
        self._has_closed = False
        self._sweeping: asyncio.Task[None] | None = None

    async def open(self, wish: SessionRequest, source: Source, encoding_cost: float, stats: Stats) -> ServerSession:
        """Start a session. `encoding_cost`: seconds of one core that its viewers' encoders take for a picture.

        `stats`: those that the source notes its losses in. Raises `CapacityError`, and what a session's start raises.
        """
        conversation = ServerSession(wish, source, stats, self._clock, self._limits)
        self._opening += 1
        try:
            await self._admit(conversation, encoding_cost)
        finally:
            self._opening -= 1
        if self._has_closed:
            await conversation.close()
            raise CapacityError(code="server_stops")
        self._conversations[conversation.id] = conversation
        if self._sweeping is None:
            self._sweeping = asyncio.create_task(self._sweep_forever())
        return conversation

    async def _admit(self, conversation: ServerSession, encoding_cost: float) -> None:
        """Start it, where there is no room in the place of one that everybody has left, the longest deserted first."""
        while True:
            try:
                if len(self) + self._opening > self._limits.conversations:
                    raise CapacityError(code="conversations_full", found=len(self), most=self._limits.conversations)
                await conversation.start(self._ensemble, encoding_cost)
                return
            except CapacityError:
                deserted = max(self, key=lambda other: other.deserted_for, default=None)
                if deserted is None or deserted.deserted_for < _KEPT_SECONDS:
                    raise
                await self.close(deserted.id)

    def get(self, identifier: str) -> ServerSession:
        """The conversation of that id; raises `NotFoundError`."""
        conversation = self._conversations.get(identifier)
        if conversation is None:
            raise NotFoundError(code="conversation_unknown")
        return conversation

    def __iter__(self) -> Iterator[ServerSession]:
        return iter(list(self._conversations.values()))

    def __len__(self) -> int:
        return len(self._conversations)

    async def close(self, identifier: str, reason: LivefaceError | None = None) -> None:
        """End a conversation and its peers, if there is one of that id."""
        conversation = self._conversations.pop(identifier, None)
        if conversation is not None:
            await asyncio.shield(self._end(conversation, reason))

    async def close_all(self) -> None:
        """End everything in less than 2 s, and begin nothing any more."""
        self._has_closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        while self._conversations:
            self._end(self._conversations.popitem()[1], CapacityError(code="server_stops"))
        if self._ending:
            await asyncio.wait(self._ending, timeout=_CLOSING_SECONDS)

    def _end(self, conversation: ServerSession, reason: LivefaceError | None) -> asyncio.Task[None]:
        """Its end goes on though whoever asked for it has gone."""
        ending = asyncio.create_task(conversation.close(reason))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return ending

    async def sweep(self) -> None:
        """End what should end, and tell the others' peers their numbers."""
        for conversation in self:
            try:
                await self._sweep_one(conversation)
            except Exception:  # of this one alone: the others must not stay for ever
                _LOGGER.exception("A conversation could not be looked after.")

    async def _sweep_one(self, conversation: ServerSession) -> None:
        if reason := conversation.reason_to_end():
            await self.close(conversation.id, reason)
            return
        numbers = StatsMessage(type="stats", **conversation.numbers())
        for peer in list(conversation.peers):
            peer.send(numbers)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self.sweep()
