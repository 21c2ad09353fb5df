"""A server whose sessions are stand-ins: real requests, real avatars, no drawing and no network but HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import get_type_hints

import cv2
import msgspec
import numpy as np
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from liveface.app.capacity.admission import Admission
from liveface.app.capacity.draw_cost import DrawingCost
from liveface.app.capacity.scheduler import Drawn
from liveface.app.server.application import make_application
from liveface.app.server.avatars.avatar_store import AvatarStore
from liveface.app.server.avatars.photo_worker import PhotoWorker
from liveface.app.server.context import ServerContext
from liveface.app.server.routes.description import description_of
from liveface.app.server.schemas import ConversationNumbers
from liveface.app.server.security import Access
from liveface.app.server.sessions.session_registry import Limits, SessionRequest
from liveface.app.server.webrtc.encoding_cost import EncodingCost
from liveface.app.server.webrtc.negotiation import chosen
from liveface.app.server.webrtc.peer import IceServer, PeerSettings
from liveface.app.server.webrtc.rtp_source import RemoteSource
from liveface.app.session.clock import Clock, Condition, MonotonicClock
from liveface.app.session.sources import Source
from liveface.app.session.stats import Stats
from liveface.engine.errors import CapacityError, NotFoundError, PeerError
from liveface.engine.face.avatar import Avatar
from scripts.describe_interface import COMMON
from tests import faces

_SECURITY = (
    "a=ice-ufrag:abcd",
    "a=ice-pwd:0123456789abcdef0123456789",
    f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}",
    "a=setup:actpass",
    "a=rtcp-mux",
)
_LINES = (
    *("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"),
    *("m=audio 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:0", "a=sendrecv", "a=rtpmap:96 opus/48000/2"),
    *_SECURITY,
    *("m=video 9 UDP/TLS/RTP/SAVPF 97", "c=IN IP4 0.0.0.0", "a=mid:1", "a=recvonly", "a=rtpmap:97 VP8/90000"),
    *_SECURITY,
)
SDP = "".join(f"{line}\r\n" for line in _LINES)


NUMBERS: ConversationNumbers = {
    "conversation": "conversation1",
    "avatar": None,
    "lookahead": 2,
    "running": True,
    "error": None,
    "frames": 100,
    "skipped": 0,
    "fps": 25.0,
    "recent_fps": 25.0,
    "seconds": 4.0,
    "lost_ms": 0,
    "mic_to_picture_ms": {"p50": 146.0, "p95": 155.0, "p99": 160.0},
    "network_delay_ms": 40.0,
    "viewers": 1,
    "peers": [{"state": "connected"}],
}


class StillClock:
    """Time that moves only when a test moves it."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def now(self) -> float:
        return self.moment

    def condition(self) -> Condition:
        return MonotonicClock().condition()


class FakePeer:
    """Answers every offer but one that says so; `speaks` and `views` as it was made."""

    def __init__(self, speaks: bool, views: bool, gate: asyncio.Event) -> None:
        self.speaks = speaks
        self.views = views
        self.is_closed = False
        self.fragments: list[str] = []
        self._gate = gate

    async def answer(self, sdp: str, *, refuses_rest: bool = False) -> str:
        await self._gate.wait()
        choice = chosen(sdp, is_heard=self.speaks, is_shown=self.views, refuses_rest=refuses_rest)
        if "unusable" in sdp:
            raise PeerError("The offer cannot be used.")
        if "explosive" in sdp:
            raise ZeroDivisionError("secret detail")
        named = [line for line in choice.wanted.splitlines() if line.startswith(("m=", "a=mid:"))]
        return choice.answered("\r\n".join(["v=0 answer", *named]))

    async def add_candidates(self, fragment: str) -> None:
        self.fragments.append(fragment)

    async def offer(self) -> str:
        return SDP

    async def accept(self, sdp: str) -> None:
        if "unusable" in sdp:
            raise PeerError("The answer cannot be used.")

    def numbers(self) -> dict[str, object]:
        return {"state": self.state}

    async def close(self) -> None:
        self.is_closed = True

    def give_up(self) -> None:
        self.is_closed = True

    @property
    def state(self) -> str:
        return "closed" if self.is_closed else "connected"


class FakeConversation:
    def __init__(self, number: int, wish: SessionRequest, source: Source, gate: asyncio.Event) -> None:
        self.id = f"conversation{number}"
        self.owner = f"owner{number}"
        self.wish = wish
        self.source = source
        self.stats = Stats()
        self.peers: list[FakePeer] = []
        self.interruptions = 0
        self.is_muted = False
        self.is_running = True
        self.unspoken_for = 0.0
        self._gate = gate
        self._renewed = 0

    def renew_owner(self) -> str:
        self._renewed += 1
        self.owner = f"{self.owner.partition('again')[0]}again{self._renewed}"
        return self.owner

    def join(self, settings: PeerSettings, *, speaks: bool, views: bool = True, controls: bool = False) -> FakePeer:
        assert not speaks or isinstance(self.source, RemoteSource), "a peer cannot speak here"
        if speaks:
            for peer in self.peers:
                if peer.speaks:
                    peer.give_up()
        if sum(not peer.is_closed for peer in self.peers) >= Limits().viewers:
            raise CapacityError("Found too many peers.")
        self.peers.append(FakePeer(speaks, views, self._gate))
        return self.peers[-1]

    async def interrupt(self) -> None:
        self.interruptions += 1

    def mute(self, is_muted: bool) -> None:
        self.is_muted = is_muted

    def numbers(self) -> ConversationNumbers:
        return NUMBERS


class FakeConversations:
    """Holds `most`; answers to offers come when `gate` is set."""

    def __init__(self, most: int = 100) -> None:
        self.open_ones: dict[str, FakeConversation] = {}
        self.most = most
        self.opened = 0
        self.costs: list[float] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def open(
        self, wish: SessionRequest, source: Source, encoding_cost: float, stats: Stats | None = None
    ) -> FakeConversation:
        if len(self.open_ones) >= self.most:
            raise CapacityError("Found no room.")
        self.opened += 1
        self.costs.append(encoding_cost)
        conversation = FakeConversation(self.opened, wish, source, self.gate)
        self.open_ones[conversation.id] = conversation
        return conversation

    def get(self, identifier: str) -> FakeConversation:
        if identifier not in self.open_ones:
            raise NotFoundError(code="conversation_unknown")
        return self.open_ones[identifier]

    def __iter__(self) -> Iterator[FakeConversation]:
        return iter(list(self.open_ones.values()))

    def __len__(self) -> int:
        return len(self.open_ones)

    async def close(self, identifier: str) -> None:
        self.open_ones.pop(identifier, None)

    async def close_all(self) -> None:
        self.open_ones.clear()


class FakeWorker(PhotoWorker):
    """Makes a face of any bytes but "bad"; keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[bytes, str, int | None]] = []

    async def prepare(self, photo: bytes, folder: Path, name: str, face: int | None = None) -> None:
        self.asked.append((photo, name, face))
        faces.avatar().save(folder)


class World:
    """One server of a test."""

    def __init__(
        self,
        folder: Path,
        access: Access,
        clock: Clock,
        page: Path | None = None,
        push_to: tuple[str, ...] = (),
        peers: PeerSettings | None = None,
    ) -> None:
        self.conversations = FakeConversations()
        self.worker = FakeWorker()
        shipped = folder / "shipped"
        if not shipped.exists():
            for name in ("clara", "jonas"):
                faces.avatar(seed=len(name)).save(shipped / name)
        (folder / "uploads").mkdir(exist_ok=True)
        self.shelf = AvatarStore(clock, folder / "uploads", self.worker, shipped)
        ice = (IceServer(("stun:stun.example.org",)), IceServer(("turn:turn.example.org",), "user", "word"))
        self.stage = ServerContext(
            self.conversations,  # type: ignore[arg-type]
            self.shelf,
            peers or PeerSettings(ice),
            clock,
            EncodingCost(0.001, 1e-8),
            push_to=push_to,
        )
        self.ensemble = SimpleNamespace(
            admission=Admission(DrawingCost(0.0, 0.0125, 0.0), 0.0, cores=2),
            scheduler=SimpleNamespace(drawn=Drawn(3, 5, 1, 0.25), is_running=True),
        )
        application = make_application(self.stage, self.ensemble, access, page or folder)  # type: ignore[arg-type]
        application.on_response_prepare.append(check_described)
        self.server = TestServer(application)


async def check_described(request: web.Request, response: web.StreamResponse) -> None:
    """Whether an answer is one that its route's description tells of."""
    about = description_of(request.match_info.handler)
    if about is None or not isinstance(response, web.Response):
        return
    if response.content_type != "application/json":
        assert response.status >= 400 or not isinstance(about.answer, type)
        return
    assert isinstance(response.body, bytes)
    answer = json.loads(response.body)
    if answer.keys() != {"error"}:
        assert isinstance(about.answer, type)
        msgspec.convert(answer, about.answer)
        assert answer.keys() <= get_type_hints(about.answer).keys()
    else:
        code = answer["error"]["code"]
        assert code in {*about.codes, *COMMON}, f"{request.method} {request.path} does not tell of {code}"


Client = TestClient  # type: ignore[type-arg]
Visit = Callable[[Client, World], Awaitable[None]]


def visited(
    folder: Path,
    visit: Visit,
    access: Access | None = None,
    page: Path | None = None,
    push_to: tuple[str, ...] = (),
    peers: PeerSettings | None = None,
) -> None:
    """Start a server, let a test visit it, and end it."""

    async def run() -> None:
        world = World(folder, access or Access(), MonotonicClock(), page, push_to, peers)
        async with TestClient(world.server) as client:
            await visit(client, world)

    asyncio.run(run())


def a_jpeg() -> bytes:
    """A photo of nobody."""
    _, data = cv2.imencode(".jpg", np.zeros((256, 256, 3), np.uint8))
    return data.tobytes()


def an_avatar_folder(folder: Path) -> Avatar:
    avatar = faces.avatar()
    avatar.save(folder)
    return avatar
