"""WHEP (draft-ietf-wish-whep): players watch the face of a conversation. Knows nothing of whose sound it speaks."""

from aiohttp import hdrs, web

from liveface.app.server.context import ServerContext
from liveface.app.server.refusals import RefusalError
from liveface.app.server.routes.description import OFFERED, Description, described
from liveface.app.server.routes.peer_resources import (
    OFFER,
    OPENED_HEADERS,
    PeerSessions,
    check_acceptable,
    nothing,
    read_offer,
)
from liveface.app.server.sessions.stream_names import Publications, check_name
from liveface.app.server.webrtc.peer import Peer

PATH = "/whep"

_RETRY_SECONDS = 2


def routes(stage: ServerContext, publications: Publications) -> list[web.RouteDef]:
    """Where conversations are watched."""
    return _Playback(stage, publications).routes()


class _Playback:
    def __init__(self, stage: ServerContext, publications: Publications) -> None:
        self._stage = stage
        self._publications = publications
        self._sessions = PeerSessions(f"{PATH}/session", stage.settings.servers)

    def routes(self) -> list[web.RouteDef]:
        paths = (PATH, f"{PATH}/", f"{PATH}/{{conversation}}")
        return [
            *(web.post(path, self._play) for path in paths),
            *(web.get(path, nothing) for path in paths),
            *(web.options(path, self._sessions.describe) for path in paths),
            *self._sessions.routes(),
        ]

    @described(
        Description(
            body=OFFER,
            answer=OFFER,
            status=201,
            headers=OPENED_HEADERS,
            codes=("content_type", "name_invalid", "nobody_publishes", "offer_receives_nothing", *OFFERED),
        )
    )
    async def _play(self, request: web.Request) -> web.Response:
        """WHEP: watch the face of a conversation, by its id or by the name that it is published under."""
        offer = await read_offer(request)
        check_acceptable(offer, is_heard=False)
        name = check_name(request.match_info.get("conversation") or request.query.get("conversation", ""))
        conversation = self._publications.watched(name)
        if conversation is None:
            # The draft's answer to a player that comes before its publisher.
            raise RefusalError(
                "nobody_publishes", {hdrs.RETRY_AFTER: str(_RETRY_SECONDS)}, name=name, seconds=_RETRY_SECONDS
            )
        async with self._stage.turnstile.turn():
            peer = conversation.join(self._stage.settings, speaks=False)
            return await self._sessions.open(peer, offer, _leave)


async def _leave(peer: Peer) -> None:
    await peer.close()
