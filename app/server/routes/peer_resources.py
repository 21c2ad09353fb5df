"""Peers that were signalled over HTTP, each with an address of its own: what WHIP (RFC 9725) and WHEP share.

Knows nothing of what a peer sends or sees.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from aiohttp import hdrs, web
from multidict import CIMultiDict

from liveface.app.server.refusals import RefusalError
from liveface.app.server.routes.description import Description, described
from liveface.app.server.security import is_same_secret
from liveface.app.server.webrtc.negotiation import chosen
from liveface.app.server.webrtc.peer import IceServer, Peer
from liveface.app.server.webrtc.sdp import SessionDescription
from liveface.engine.errors import NotFoundError, PeerError

OFFER = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
OPENED_HEADERS = ("Location", "ETag", "Accept-Patch", "Link")  # of the answer to an offer

_METHODS = "OPTIONS, GET, POST, PATCH, DELETE"
_OF_PATCHES = (
    *("content_type", "session_unknown", "tag_missing", "tag_other", "ice_restart"),
    *("sdp_line", "sdp_too_long", "sdp_media_full", "sdp_unusable", "peer_has_ended"),
)
_ENDED = ("failed", "closed")  # states of a peer

End = Callable[[Peer], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PeerSession:
    """What is known of a peer that was answered. `tag`: its entity-tag, which names its run of ICE.

    `media`: the names of those that were not refused. `end`: what DELETE does.
    """

    key: str
    tag: str
    ice_names: frozenset[str]
    media: tuple[str, ...]
    end: End


class PeerSessions:
    """The peers that can be changed or ended at `path`/{id}; an id cannot be guessed."""

    def __init__(self, path: str, ice_servers: Callable[[], Sequence[IceServer]]) -> None:
        self._path = path
        self._ice_servers = ice_servers
        self._sessions: WeakKeyDictionary[Peer, PeerSession] = WeakKeyDictionary()  # of those that somebody keeps

    def routes(self) -> list[web.RouteDef]:
        """Where sessions are changed and ended."""
        session = f"{self._path}/{{session}}"
        return [
            web.patch(session, self._patch),
            web.delete(session, self._delete),
            web.get(session, nothing),
            web.options(session, self.describe),
        ]

    async def open(self, peer: Peer, offer: SessionDescription, end: End) -> web.Response:
        """Answer an offer; raises `PeerError`."""
        try:
            answer = SessionDescription.parse(await peer.answer(str(offer), refuses_rest=True))
        except BaseException:
            await peer.close()
            raise
        key, tag = secrets.token_urlsafe(16), f'"{secrets.token_hex(8)}"'
        media = tuple(section.name for section in answer.sections if not section.is_refused)
        self._sessions[peer] = PeerSession(key, tag, offer.ice_names(), media, end)
        headers = self._headers({hdrs.LOCATION: f"{self._path}/{key}", hdrs.ETAG: tag, "Accept-Patch": FRAGMENT})
        return web.Response(status=201, text=str(answer), content_type=OFFER, headers=headers)

    @described(Description(headers=("Allow", "Accept-Post", "Accept-Patch", "Link")))
    async def describe(self, request: web.Request) -> web.Response:
        """What may be sent. Some browser clients trickle candidates only where they see PATCH among the methods."""
        kinds = {"Accept-Post": OFFER, "Accept-Patch": FRAGMENT}
        methods = {hdrs.ALLOW: _METHODS, hdrs.ACCESS_CONTROL_ALLOW_METHODS: _METHODS}
        return web.Response(headers=self._headers(kinds | methods))

    @described(Description(body=FRAGMENT, status=204, codes=_OF_PATCHES))
    async def _patch(self, request: web.Request) -> web.Response:
        """Add ICE candidates that came later, as an SDP fragment; `If-Match` holds the `ETag` of the answer."""
        peer, session = self._find(request)
        fragment = SessionDescription.parse(await read(request, FRAGMENT, "Accept-Patch"))
        # Eyevinn's client names the session in ETag, where RFC 9725 has If-Match.
        tags = request.headers.get(hdrs.IF_MATCH, request.headers.get(hdrs.ETAG))
        if tags is None:
            raise RefusalError("tag_missing")
        if "*" not in tags and session.tag not in tags:
            raise RefusalError("tag_other", found=tags)
        if not fragment.ice_names() <= session.ice_names:
            raise RefusalError("ice_restart")
        await peer.add_candidates(str(fragment.candidates_for(session.media)))
        return web.Response(status=204)

    @described(Description(codes=("session_unknown",)))
    async def _delete(self, request: web.Request) -> web.Response:
        """End the session."""
        peer, session = self._find(request)
        await session.end(peer)
        return web.Response()  # OBS takes 200 only

    def _find(self, request: web.Request) -> tuple[Peer, PeerSession]:
        for peer, session in self._sessions.items():
            if is_same_secret(request.match_info["session"], session.key) and peer.state not in _ENDED:
                return peer, session
        raise NotFoundError(code="session_unknown")

    def _headers(self, headers: dict[str, str]) -> CIMultiDict[str]:
        links = [link for server in self._ice_servers() for link in _links(server)]
        return CIMultiDict([*headers.items(), *((hdrs.LINK, link) for link in links)])


async def read_offer(request: web.Request) -> SessionDescription:
    """The offer in a request's body; refuses another type of content, raises `PeerError` if it is none."""
    offer = SessionDescription.parse(await read(request, OFFER, "Accept-Post"))
    if not offer.sections or offer.head[:1] != ("v=0",):
        raise PeerError(code="sdp_missing")
    return offer


def check_acceptable(offer: SessionDescription, *, is_heard: bool) -> None:
    """Refuse an offer of which nothing can be answered, where the peer `is_heard` or else is shown a face.

    Raises `NotAcceptableError`, and `PeerError` for what cannot be read.
    """
    chosen(str(offer), is_heard=is_heard, is_shown=not is_heard)


async def read(request: web.Request, kind: str, header: str) -> str:
    """The body of a request; refuses another type of content than `kind`, and names it in `header`."""
    if request.content_type != kind:
        raise RefusalError("content_type", {header: kind}, found=request.content_type, expected=kind)
    return (await request.read()).decode(errors="replace")


@described(Description(status=204))
async def nothing(request: web.Request) -> web.Response:
    """What there is to get: RFC 9725 wants success without content."""
    return web.Response(status=204)


def _links(server: IceServer) -> list[str]:
    """A server as the header that tells clients of it (RFC 9725, section 4.5)."""
    named = {"username": server.username, "credential": server.credential}
    secret = "".join(f'; {name}="{value}"' for name, value in named.items() if value is not None)
    kind = '; credential-type="password"' if server.credential is not None else ""
    return [f'<{url}>; rel="ice-server"{secret}{kind}' for url in server.urls]
