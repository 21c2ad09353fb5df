"""A WebSocket over which a voice agent sends speech in bursts, and is told how far the face has come with it.

The messages are those of OpenAI's realtime interface where it has one. Knows nothing of who watches.
"""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import WSMsgType, hdrs, web
from msgspec import to_builtins

from liveface.app.files.schema import names, parse_object, unknown
from liveface.app.server.context import ServerContext
from liveface.app.server.messages import (
    AGENT_MESSAGES,
    Append,
    Cleared,
    Commit,
    Committed,
    ErrorKind,
    Event,
    Position,
    Refused,
    SessionCreated,
    Started,
    Stopped,
    read_message,
)
from liveface.app.server.refusals import RefusalError
from liveface.app.server.requests import read_query
from liveface.app.server.routes.description import CHOICE, OPENED, Description, described
from liveface.app.server.schemas import AgentQuery
from liveface.app.server.security import OWNER, is_same_secret
from liveface.app.server.sessions.pcm_source import AHEAD_SECONDS, PacedSource, decode_pcm16
from liveface.app.server.sessions.session_registry import ServerSession
from liveface.app.server.whole_samples import WholeSamples
from liveface.app.session.stats import Stats
from liveface.engine.errors import LivefaceError
from liveface.engine.media import SAMPLE_RATE

PATH = "/pcm"

_PROTOCOL = "liveface"  # of WebSocket, for pages: they may name protocols, but send no headers
_OWNER_PROTOCOL = "liveface.owner."  # before the secret
_LARGEST_MESSAGE = 2**20  # bytes: 16 s and more
_LARGEST_READ = 2**24  # bytes, beyond which a message is not even read to its end, and the socket is closed
_MOST_MESSAGES = 1000  # in a second; more of them wait
_MOST_ERRORS = 20  # after which the socket is closed
_POSITION_FRAMES = 5  # from one reply about the position to the next
_FULL_WAIT = 0.1  # s, from one look for room to the next
_HEARTBEAT = 15.0  # s, from one ping to the next; a peer that does not answer has gone
_CLOSING_SECONDS = 0.5  # for the other side to say that it closes too


def routes(stage: ServerContext) -> list[web.RouteDef]:
    """Where agents connect."""
    return [web.get(PATH, _Sockets(stage).serve)]


class _Sockets:
    def __init__(self, stage: ServerContext) -> None:
        self._stage = stage
        self._open: dict[str, _Dialogue] = {}  # by conversation

    @described(
        Description(
            query=AgentQuery,
            status=101,
            is_owners=True,
            codes=(
                *("websocket_expected", "owner_in_address", "setting_unknown", "owner_missing", "conversation_unknown"),
                *("peer_speaks", *CHOICE, *OPENED),
            ),
        )
    )
    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """A WebSocket over which a voice agent sends speech, and is told how far the face has come with it.

        To come back, `Liveface-Owner` holds the secret, or the WebSocket protocol liveface.owner.SECRET beside
        liveface.
        """
        socket = web.WebSocketResponse(
            max_msg_size=_LARGEST_READ,
            compress=False,
            heartbeat=_HEARTBEAT,
            timeout=_CLOSING_SECONDS,
            protocols=(_PROTOCOL,),
        )
        if not socket.can_prepare(request):
            raise RefusalError("websocket_expected")
        if "owner" in request.query:
            raise RefusalError("owner_in_address", header=OWNER, protocol=_OWNER_PROTOCOL)
        if (name := unknown(AgentQuery, request.query)) is not None:
            raise RefusalError("setting_unknown", name=name, known=sorted(names(AgentQuery)))
        wanted = read_query(request.query, AgentQuery)
        conversation, source = await self._conversation(request, wanted)
        dialogue = _Dialogue(socket, conversation, source, wanted)
        source.is_paused = wanted.wait_for_viewer
        conversation.enter(dialogue)
        before = self._open.get(conversation.id)
        self._open[conversation.id] = dialogue
        try:
            if before is not None:
                await before.give_up()
            await socket.prepare(request)
            await dialogue.hold()
        finally:
            conversation.leave(dialogue)
            if self._open.get(conversation.id) is dialogue:
                del self._open[conversation.id]
        return socket

    async def _conversation(self, request: web.Request, wanted: AgentQuery) -> tuple[ServerSession, PacedSource]:
        """A new one, or that to which its owner comes back."""
        conversations = self._stage.conversations
        if wanted.conversation is None:
            wish = await self._stage.wish(wanted)
            source = PacedSource(self._stage.clock)
            return await conversations.open(wish, source, self._stage.encoding_cost(wish), Stats()), source
        conversation = conversations.get(wanted.conversation)
        if not is_same_secret(_shown_owner(request), conversation.owner):
            raise RefusalError("owner_missing", header=OWNER)
        if not isinstance(conversation.source, PacedSource):
            raise RefusalError("peer_speaks")
        return conversation, conversation.source


@dataclass(slots=True)
class _Item:
    """One utterance: what was sent between two commits. `begin` and `end` count the source's samples."""

    name: str
    begin: int
    end: int | None = None
    samples: int = 0  # of the sender
    told: int = 0  # likewise, of which was told that they were heard

    def heard(self, heard: int, rate: int) -> int:
        """Samples of the sender, where the source tells `heard`."""
        if self.end is not None and heard >= self.end:
            return self.samples
        return min(self.samples, max(0, heard - self.begin) * rate // SAMPLE_RATE)


class _Dialogue:
    """What is said over one socket, in an event loop."""

    def __init__(
        self, socket: web.WebSocketResponse, conversation: ServerSession, source: PacedSource, wanted: AgentQuery
    ) -> None:
        self._socket = socket
        self._conversation = conversation
        self._source = source
        self._rate = wanted.rate
        self._waits_for_viewer = wanted.wait_for_viewer
        self._is_back = wanted.conversation is not None
        self._items: deque[_Item] = deque()  # of which something has not been heard; the last one may be open
        self._last_item: str | None = None
        self._clears = source.clears
        self._count = {"item": 0, "event": 0, "error": 0}
        self._whole = WholeSamples()
        self._is_full = False
        self._is_held = False
        self._is_replaced = False

    async def hold(self) -> None:
        """Greet, then follow messages and tell positions until either side closes. The socket must be prepared."""
        self._is_held = True
        if self._is_replaced:
            await self.give_up()
            return
        height, width = self._conversation.wish.avatar.photo.shape[:2]
        await self._send(
            SessionCreated(
                conversation=self._conversation.id,
                owner=self._conversation.renew_owner() if self._is_back else self._conversation.owner,
                whep="/whep?" + urlencode({"conversation": self._conversation.id}),
                avatar=self._conversation.wish.name,
                width=width,
                height=height,
                lookahead=self._conversation.wish.lookahead,
                rate=self._rate,
            )
        )
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(self._tell_forever())
            await self._follow_forever()
            telling.cancel()

    async def give_up(self) -> None:
        """Close, or be closed when it is to be held, as the agent speaks over another socket now."""
        self._is_replaced = True
        if self._is_held:
            await self._socket.close(code=1012, message=b"The agent has connected again.")

    async def _follow_forever(self) -> None:
        loop = asyncio.get_running_loop()
        second, count = loop.time(), 0
        async for message in self._socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break  # the error of a message that is far too long, after which aiohttp has closed the socket
            await self._follow(message.data)
            count += 1
            if count >= _MOST_MESSAGES:
                await asyncio.sleep(max(0.0, second + 1 - loop.time()))
                second, count = loop.time(), 0
            if self._count["error"] >= _MOST_ERRORS:
                await self._socket.close(code=1008, message=b"Too many messages could not be understood.")

    async def _follow(self, data: str | bytes) -> None:
        event: object = None
        try:
            if len(data) > _LARGEST_MESSAGE:
                raise RefusalError("message_too_large", found=len(data), most=_LARGEST_MESSAGE)
            if isinstance(data, bytes):
                await self._append(data)
                return
            document = parse_object(data)
            if document is None:
                raise RefusalError("invalid_json")
            event = document.get("event_id")
            await self._act(document)
        except RefusalError as refusal:
            self._count["error"] += 1
            await self._refuse(refusal, event)

    async def _act(self, document: dict[str, object]) -> None:
        match read_message(AGENT_MESSAGES, document, {"audio": "invalid_audio"}):
            case Append(audio=audio):
                await self._append(audio)
            case Commit():
                await self._commit()
            case _:
                self._whole.clear()
                await self._conversation.interrupt()
                await self._tell_interruption()

    async def _append(self, pcm: bytes) -> None:
        pcm = self._whole.feed(pcm)
        await self._tell_interruption()  # before there is an item that is not meant by it
        clears = self._source.clears
        second = 2 * self._rate
        for start in range(0, len(pcm), second):
            piece = pcm[start : start + second]
            begin = self._source.pushed
            while not self._source.push(decode_pcm16(piece), self._rate):
                await self._wait_for_room()
                if self._source.clears != clears or not self._conversation.is_running:
                    return  # an interrupt that came another way is meant for the rest of this sound, too
            self._is_full = self._is_full and self._source.ahead > AHEAD_SECONDS / 2
            self._item(begin).samples += len(piece) // 2
            await asyncio.sleep(0)  # long messages must not hold up other conversations
            if self._source.clears != clears:
                return

    def _item(self, begin: int) -> _Item:
        if not self._items or self._items[-1].end is not None:
            self._count["item"] += 1
            self._items.append(_Item(f"item_{self._count['item']}", begin))
        return self._items[-1]

    async def _wait_for_room(self) -> None:
        if not self._is_full:
            self._is_full = True
            await self._refuse(RefusalError("input_audio_buffer_full", seconds=AHEAD_SECONDS), None)
        await asyncio.sleep(_FULL_WAIT)

    async def _commit(self) -> None:
        if not self._items or self._items[-1].end is not None:
            raise RefusalError("input_audio_buffer_commit_empty")
        self._whole.clear()
        item = self._items[-1]
        item.end = self._source.pushed
        await self._send(Committed(item_id=item.name, previous_item_id=self._last_item))
        self._last_item = item.name

    async def _tell_forever(self) -> None:
        viewing = self._conversation.relay.view()
        try:
            while (frame := await viewing.next()) is not None:
                await self._tell(frame.index + 1)
                self._source.is_paused = self._waits_for_viewer and not self._is_watched()
        finally:
            viewing.close()
        failure = self._conversation.failure or RefusalError("session_ended")
        await self._refuse(failure, None, "server_error")
        await self._socket.close(code=1001)

    def _is_watched(self) -> bool:
        return any(peer.state == "connected" for peer in self._conversation.peers)

    async def _tell(self, frames: int) -> None:
        await self._tell_interruption()
        heard = self._source.heard(frames)
        is_over = True
        while self._items and is_over:
            item = self._items[0]
            is_over = item.end is not None and heard >= item.end
            if is_over:  # before anything is awaited, in which an interrupt may come
                self._items.popleft()
            await self._tell_of(item, item.heard(heard, self._rate), is_over, is_due=frames % _POSITION_FRAMES == 0)

    async def _tell_of(self, item: _Item, samples: int, is_over: bool, is_due: bool) -> None:
        before = item.told
        if samples > before and (is_due or is_over or not before):
            item.told = samples
            if not before:
                await self._send(Started(item_id=item.name))
            await self._send(Position(item_id=item.name, samples=samples, ms=self._ms(samples)))
        if is_over:
            await self._send(Stopped(item_id=item.name, samples=samples, ms=self._ms(samples)))

    async def _tell_interruption(self) -> None:
        """Of whichever way it came: over this socket, from a viewer, by a request."""
        if self._source.clears == self._clears:
            return
        self._clears = self._source.clears
        item = self._items[0] if self._items else None
        samples = item.heard(self._source.heard_then, self._rate) if item else 0
        self._items.clear()
        await self._send(Cleared(item_id=None if item is None else item.name, samples=samples, ms=self._ms(samples)))

    def _ms(self, samples: int) -> int:
        return samples * 1000 // self._rate

    async def _refuse(self, refusal: LivefaceError, event: object, kind: ErrorKind = "invalid_request_error") -> None:
        await self._send(Refused(error={"type": kind, **refusal.as_object(), "event_id": event}))

    async def _send(self, event: Event) -> None:
        self._count["event"] += 1
        event.event_id = f"event_{self._count['event']}"
        with suppress(ConnectionError):  # the other side has gone, which the next read tells
            await self._socket.send_json(to_builtins(event))


def _shown_owner(request: web.Request) -> str:
    """The secret that a client has sent; empty without one."""
    protocols = (name.strip() for name in request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(","))
    shown = (name.removeprefix(_OWNER_PROTOCOL) for name in protocols if name.startswith(_OWNER_PROTOCOL))
    return request.headers.get(OWNER) or next(shown, "")
