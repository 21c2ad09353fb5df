"""WHIP (RFC 9725): programs such as OBS and FFmpeg send sound, and a face speaks it. Knows nothing of who watches."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from aiohttp import hdrs, web

from liveface.app.server.context import ServerContext
from liveface.app.server.refusals import RefusalError
from liveface.app.server.requests import read_query
from liveface.app.server.routes import whep
from liveface.app.server.routes.description import CHOICE, OFFERED, OPENED, Description, described
from liveface.app.server.routes.peer_resources import (
    OFFER,
    OPENED_HEADERS,
    PeerSessions,
    check_acceptable,
    nothing,
    read_offer,
)
from liveface.app.server.schemas import Wanted
from liveface.app.server.security import OWNER, is_same_secret
from liveface.app.server.sessions.session_registry import RESUME_SECONDS, ServerSession, SessionRequest
from liveface.app.server.sessions.stream_names import Publications, check_name
from liveface.app.server.webrtc.peer import Peer
from liveface.app.server.webrtc.rtp_source import RemoteSource
from liveface.app.server.webrtc.sdp import SessionDescription
from liveface.app.session.stats import Stats

PATH = "/whip"


def routes(stage: ServerContext) -> list[web.RouteDef]:
    """Where sound is published, and where its face is watched."""
    publications = Publications(stage.conversations)
    return [*_Ingest(stage, publications).routes(), *whep.routes(stage, publications)]


@dataclass(frozen=True, slots=True)
class _Publisher:
    """Who publishes: under which name, if any, and what shows that it has done so before.

    `owner`: the secret that was told with the last answer. `resource`: the key of the one that was made then.
    """

    name: str | None
    owner: str
    resource: str | None = None

    def owns(self, conversation: ServerSession, resource: str | None) -> bool:
        """Whether it may go on in the place of the publisher there is, whose resource is that one."""
        if is_same_secret(self.owner, conversation.owner):
            return True
        return self.resource is not None and resource is not None and is_same_secret(self.resource, resource)


class _Ingest:
    def __init__(self, stage: ServerContext, publications: Publications) -> None:
        self._stage = stage
        self._publications = publications
        self._sessions = PeerSessions(PATH, stage.settings.servers)
        self._resources: dict[str, str] = {}  # the key of each conversation's latest
        self._taken: set[str] = set()  # names under which somebody is being answered

    def routes(self) -> list[web.RouteDef]:
        here = (PATH, f"{PATH}/")
        return [
            *(web.post(path, self._publish) for path in (*here, f"{PATH}/{{name}}")),
            *(web.get(path, nothing) for path in here),
            *(web.options(path, self._sessions.describe) for path in here),
            *self._sessions.routes(),
        ]

    @described(
        Description(
            body=OFFER,
            query=Wanted,
            answer=OFFER,
            status=201,
            headers=(*OPENED_HEADERS, "Liveface-Conversation", OWNER),
            codes=(
                *("content_type", "name_invalid", "name_taken", "name_is_id", "offer_without_sound"),
                *(*CHOICE, *OFFERED, *OPENED),
            ),
        )
    )
    async def _publish(self, request: web.Request) -> web.Response:
        """WHIP: publish sound, which a face speaks.

        A publisher that was lost goes on at its resource, or under its name with the secret in `Liveface-Owner`.
        """
        offer = await read_offer(request)
        check_acceptable(offer, is_heard=True)
        async with self._stage.turnstile.turn():
            publisher = self._publisher(request)
            with self._one_at_a_time(publisher.name):
                return await self._answered(offer, read_query(request.query, Wanted), publisher)

    def _publisher(self, request: web.Request) -> _Publisher:
        """Who posts, to the name in the query or the path, or to the resource that it was given before."""
        owner = request.headers.get(OWNER, "")
        name = request.match_info.get("name")
        if name is not None and (conversation := self._made_for(name)) is not None:
            return _Publisher(self._publications.name_of(conversation), owner, name)
        if name is None:
            name = request.query.get("name")
        return _Publisher(None if name is None else check_name(name), owner)

    def _made_for(self, resource: str) -> ServerSession | None:
        """The running conversation whose latest resource has that key."""
        running = [one for one in self._stage.conversations if one.is_running]
        return next((one for one in running if is_same_secret(resource, self._resources.get(one.id, ""))), None)

    @contextmanager
    def _one_at_a_time(self, name: str | None) -> Iterator[None]:
        """While a publisher is answered, nobody else gets its name."""
        if name is None:
            yield
            return
        if name in self._taken:
            raise _taken(name)
        self._taken.add(name)
        try:
            yield
        finally:
            self._taken.discard(name)

    async def _answered(self, offer: SessionDescription, wanted: Wanted, publisher: _Publisher) -> web.Response:
        wish = await self._stage.wish(wanted)
        conversation = await self._resumed(publisher, wish)
        is_new = conversation is None
        if conversation is None:
            conversation = await self._open(wish, publisher.name)
        try:
            peer = conversation.join(self._stage.settings, speaks=True, views=False)
            response = await self._sessions.open(peer, offer, partial(self._end, conversation.id))
        except BaseException:
            if is_new:
                await self._stage.conversations.close(conversation.id)
            raise
        running = {one.id for one in self._stage.conversations}
        self._resources = {one: key for one, key in self._resources.items() if one in running}
        self._resources[conversation.id] = response.headers[hdrs.LOCATION].rpartition("/")[2]
        response.headers["Liveface-Conversation"] = conversation.id
        response.headers[OWNER] = conversation.owner if is_new else conversation.renew_owner()
        return response

    async def _end(self, identifier: str, _: Peer) -> None:
        await self._stage.conversations.close(identifier)

    async def _resumed(self, publisher: _Publisher, wish: SessionRequest) -> ServerSession | None:
        """The conversation that its publisher goes on with; one with another face ends.

        Refuses who asks for somebody else's name, unless nobody has spoken under it for as long as one may come back.
        """
        conversation = self._resumable(publisher)
        if conversation is None:
            return None
        if not publisher.owns(conversation, self._resources.get(conversation.id)):
            if conversation.unspoken_for < RESUME_SECONDS:
                raise _taken(publisher.name or "")
            return None
        if _is_alike(conversation.wish, wish):
            return conversation
        await self._stage.conversations.close(conversation.id)
        return None

    def _resumable(self, publisher: _Publisher) -> ServerSession | None:
        if publisher.resource is not None:
            return self._made_for(publisher.resource)
        if publisher.name is None:
            return None
        if self._publications.is_identifier(publisher.name):
            raise RefusalError("name_is_id")
        return self._publications.named(publisher.name)

    async def _open(self, wish: SessionRequest, name: str | None) -> ServerSession:
        stats = Stats()
        source = RemoteSource(self._stage.clock, stats)
        cost = self._stage.encoding_cost(wish)
        conversation = await self._stage.conversations.open(wish, source, cost, stats)
        if name is not None:
            self._publications.name(name, conversation)
        return conversation


def _taken(name: str) -> RefusalError:
    return RefusalError("name_taken", {hdrs.RETRY_AFTER: str(round(RESUME_SECONDS))}, name=name, header=OWNER)


def _is_alike(one: SessionRequest, other: SessionRequest) -> bool:
    return _face(one) == _face(other)


def _face(wish: SessionRequest) -> tuple[str, int, tuple[int, ...]]:
    return wish.name, wish.lookahead, wish.avatar.photo.shape
