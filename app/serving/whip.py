"""WHIP (RFC 9725): programs such as OBS and FFmpeg send sound, and a face speaks it. Knows nothing of who watches."""

from collections.abc import Mapping
from functools import partial

from aiohttp import web

from app.serving import whep
from app.serving.conversation import Conversation, Wish
from app.serving.peer import Peer
from app.serving.peer_sessions import PeerSessions, check_acceptable, nothing, read_offer
from app.serving.publications import Publications, check_name
from app.serving.remote_source import RemoteSource
from app.serving.session_description import SessionDescription
from app.serving.stage import Stage
from app.stats import Stats

PATH = "/whip"


def routes(stage: Stage) -> list[web.RouteDef]:
    """Where sound is published, and where its face is watched."""
    publications = Publications(stage.conversations)
    return [*_Ingest(stage, publications).routes(), *whep.routes(stage, publications)]


class _Ingest:
    def __init__(self, stage: Stage, publications: Publications) -> None:
        self._stage = stage
        self._publications = publications
        self._sessions = PeerSessions(PATH, stage.settings.ice_servers)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(PATH, self._publish),
            web.get(PATH, nothing),
            web.options(PATH, self._sessions.describe),
            *self._sessions.routes(),
        ]

    async def _publish(self, request: web.Request) -> web.Response:
        offer = await read_offer(request)
        kept = _sound_only(offer)
        check_acceptable(offer, kept, is_heard=True)
        async with self._stage.turnstile.turn():
            return await self._answered(offer, kept, request.query)

    async def _answered(self, offer: SessionDescription, kept: list[bool], query: Mapping[str, str]) -> web.Response:
        name = query.get("name")
        wish = await self._stage.wish(query)
        conversation = None if name is None else await self._resumed(check_name(name), wish)
        is_new = conversation is None
        if conversation is None:
            conversation = await self._open(wish, name)
        try:
            peer = conversation.join(self._stage.settings, speaks=True, views=False)
            response = await self._sessions.open(peer, offer, kept, partial(self._end, conversation.id))
        except BaseException:
            if is_new:
                await self._stage.conversations.close(conversation.id)
            raise
        response.headers["Liveface-Conversation"] = conversation.id
        response.headers["Liveface-Owner"] = conversation.owner
        return response

    async def _end(self, identifier: str, _: Peer) -> None:
        await self._stage.conversations.close(identifier)

    async def _resumed(self, name: str, wish: Wish) -> Conversation | None:
        """The conversation that a publisher goes on with under its name; one with another face ends."""
        conversation = self._publications.find(name)
        if conversation is None or _is_alike(conversation.wish, wish):
            return conversation
        await self._stage.conversations.close(conversation.id)
        return None

    async def _open(self, wish: Wish, name: str | None) -> Conversation:
        stats = Stats()
        source = RemoteSource(self._stage.clock, stats)
        cost = self._stage.encoding_cost(wish)
        conversation = await self._stage.conversations.open(wish, source, cost, stats)
        if name is not None:
            other = self._publications.find(name)
            self._publications.name(name, conversation)
            if other is not None:  # which was being opened at the same moment
                await self._stage.conversations.close(other.id)
        return conversation


def _sound_only(offer: SessionDescription) -> list[bool]:
    """Which sections are answered: the first sound, and data. A picture is not used, so none should be sent."""
    sounds = [section.kind == "audio" and section.direction.startswith("send") for section in offer.sections]
    if not any(sounds):
        raise web.HTTPNotAcceptable(text="Found no sound in the offer: send audio, which makes the face speak.")
    first = sounds.index(True)
    return [index == first or section.kind == "application" for index, section in enumerate(offer.sections)]


def _is_alike(one: Wish, other: Wish) -> bool:
    return _face(one) == _face(other)


def _face(wish: Wish) -> tuple[str, int, tuple[int, ...]]:
    return wish.name, wish.lookahead, wish.avatar.photo.shape
