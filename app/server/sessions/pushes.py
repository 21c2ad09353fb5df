"""Faces that are sent on to other WHIP servers, as their owners ask. Knows nothing of how a push is done."""

import asyncio
import secrets
from dataclasses import dataclass
from functools import partial

from aiohttp import hdrs, web

from liveface.app.server.context import ServerContext
from liveface.app.server.requests import read_body
from liveface.app.server.routes.description import OWNED, Description, described
from liveface.app.server.routes.offers import owned
from liveface.app.server.schemas import Push, PushBegun, PushNumbers
from liveface.app.server.sessions.session_registry import ServerSession
from liveface.app.server.webrtc.whip_client import Destinations, WhipPush
from liveface.engine.errors import CapacityError, NotFoundError

_MOST = 4  # of one conversation


def routes(stage: ServerContext) -> list[web.RouteDef]:
    """Where pushes are begun, looked at and ended; raises `ConfigurationError` for what `stage.push_to` cannot be."""
    pushes = _Pushes(stage)
    address = "/conversations/{conversation}/push"
    return [
        web.post(address, pushes.begin),
        web.get(f"{address}/{{push}}", pushes.numbers),
        web.delete(f"{address}/{{push}}", pushes.end),
    ]


@dataclass(slots=True)
class _Running:
    """`keeping`: None until it has started."""

    conversation: ServerSession
    push: WhipPush
    keeping: asyncio.Task[None] | None = None


class _Pushes:
    def __init__(self, stage: ServerContext) -> None:
        self._stage = stage
        self._destinations = Destinations(stage.push_to)
        self._running: dict[str, _Running] = {}

    @described(
        Description(
            body=Push,
            answer=PushBegun,
            status=201,
            is_owners=True,
            headers=("Location",),
            codes=("body_not_json", "push_missing", "configuration_invalid", "output_failed", "answer_refuses")
            + ("pushes_full", "offers_waiting", "offer_too_slow", "peers_full", "ports_full", *OWNED),
        )
    )
    async def begin(self, request: web.Request) -> web.Response:
        """Send the face and voice of a conversation to another WHIP server, one that --push-to allows."""
        conversation = owned(self._stage, request)
        asked = await read_body(request, Push, "push_missing")
        if sum(one.conversation is conversation for one in self._running.values()) >= _MOST:
            raise CapacityError(code="pushes_full", found=_MOST)
        make_peer = partial(conversation.join, self._stage.settings, speaks=False)
        push = WhipPush(make_peer, asked.url, asked.token, self._destinations)
        key = secrets.token_urlsafe(8)
        running = self._running[key] = _Running(conversation, push)  # those that start at the same time count, too
        try:
            async with self._stage.turnstile.turn():
                await push.start()
        except BaseException:
            del self._running[key]
            raise
        running.keeping = asyncio.create_task(push.keep(lambda: conversation.is_running))
        running.keeping.add_done_callback(lambda _: self._running.pop(key, None))
        return web.json_response(PushBegun(push=key), status=201, headers={hdrs.LOCATION: f"{request.path}/{key}"})

    @described(Description(answer=PushNumbers, is_owners=True, codes=("push_unknown", *OWNED)))
    async def numbers(self, request: web.Request) -> web.Response:
        """How a push goes."""
        return web.json_response(self._find(request).push.numbers())

    @described(Description(status=204, is_owners=True, codes=("push_unknown", *OWNED)))
    async def end(self, request: web.Request) -> web.Response:
        """End a push, and tell the other server."""
        running = self._find(request)
        assert running.keeping is not None, "its key was told before it had started"
        running.keeping.cancel()
        await asyncio.wait([running.keeping])
        return web.Response(status=204)

    def _find(self, request: web.Request) -> _Running:
        conversation = owned(self._stage, request)
        running = self._running.get(request.match_info["push"])
        if running is None or running.conversation is not conversation:
            raise NotFoundError(code="push_unknown")
        return running
