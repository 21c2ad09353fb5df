"""The plain way to a face: one request with a WebRTC offer, one answer; and what an owner may do with a session."""

import asyncio

from aiohttp import web

from liveface.app.files.schema import FieldError, names, read, unknown
from liveface.app.server.avatars.avatar_store import encode_photo
from liveface.app.server.context import ServerContext
from liveface.app.server.refusals import RefusalError
from liveface.app.server.requests import read_body, read_json, setting_refusal
from liveface.app.server.routes.description import CHOICE, OFFERED, OPENED, OWNED, Description, described
from liveface.app.server.schemas import Answer, ConversationNumbers, Mute, Offer, Wanted
from liveface.app.server.security import OWNER, is_same_secret, require
from liveface.app.server.sessions.session_registry import ServerSession
from liveface.app.server.webrtc.negotiation import chosen
from liveface.app.server.webrtc.rtp_source import RemoteSource
from liveface.app.session.stats import Stats


def routes(stage: ServerContext) -> list[web.RouteDef]:
    """The requests about conversations."""
    offers = _Offers(stage)
    address = "/conversations/{conversation}"
    return [
        web.post("/offer", offers.answer),
        web.get(address, offers.numbers),
        web.get(f"{address}/photo.jpg", offers.photo),
        web.delete(address, offers.end),
        web.post(f"{address}/interrupt", offers.interrupt),
        web.post(f"{address}/mute", offers.mute),
    ]


def owned(stage: ServerContext, request: web.Request) -> ServerSession:
    """The conversation that the path names; refuses who does not own it. Raises `NotFoundError`."""
    conversation = stage.conversations.get(request.match_info["conversation"])
    if not is_same_secret(request.headers.get(OWNER, ""), conversation.owner):
        raise _forbidden()
    return conversation


class _Offers:
    def __init__(self, stage: ServerContext) -> None:
        self._stage = stage

    @described(
        Description(
            body=Offer,
            answer=Answer,
            codes=(
                *(
                    "body_not_json",
                    "offer_key",
                    "offer_missing",
                    "offer_value",
                    "conversation_unknown",
                    "owner_missing",
                ),
                *("scope_missing", "offer_without_sound", "offer_receives_nothing", *CHOICE, *OFFERED, *OPENED),
            ),
        )
    )
    async def answer(self, request: web.Request) -> web.Response:
        """Answer a WebRTC offer: a new conversation, a viewer of one, or its owner who comes back within 30 s.

        Numbers and the end of the conversation are told over the data channel “liveface”, where the owner may also
        interrupt and mute.
        """
        offer = await _read_offer(request)
        async with self._stage.turnstile.turn():
            if offer.conversation is not None:
                return web.json_response(await self._join(offer))
            require(request, "publish")
            return web.json_response(await self._begin(offer))

    @described(Description(answer=ConversationNumbers, codes=("conversation_unknown",)))
    async def numbers(self, request: web.Request) -> web.Response:
        """What has been measured of a conversation so far."""
        return web.json_response(self._named(request).numbers())

    @described(Description(answer="image/jpeg", codes=("conversation_unknown",)))
    async def photo(self, request: web.Request) -> web.Response:
        """The face as it is before it speaks, for who watches; its name is nothing that they need to know."""
        avatar = self._named(request).wish.avatar
        picture = await asyncio.to_thread(encode_photo, avatar)
        return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})

    @described(Description(status=204, is_owners=True, codes=OWNED))
    async def end(self, request: web.Request) -> web.Response:
        """End a conversation."""
        await self._stage.conversations.close(owned(self._stage, request).id)
        return web.Response(status=204)

    @described(Description(status=204, is_owners=True, codes=OWNED))
    async def interrupt(self, request: web.Request) -> web.Response:
        """Forget all sound that was not heard yet; the mouth closes."""
        await owned(self._stage, request).interrupt()
        return web.Response(status=204)

    @described(Description(body=Mute, status=204, is_owners=True, codes=("body_not_json", "mute_missing", *OWNED)))
    async def mute(self, request: web.Request) -> web.Response:
        """Hear silence instead of the source, or the source again."""
        conversation = owned(self._stage, request)
        conversation.mute((await read_body(request, Mute, "mute_missing")).muted)
        return web.Response(status=204)

    async def _begin(self, offer: Offer) -> Answer:
        """A new conversation, which ends at once if its peer cannot be answered."""
        chosen(offer.sdp, is_heard=True, is_shown=True)  # before anything is begun for it
        wish = await self._stage.wish(offer)
        stats = Stats()
        source = RemoteSource(self._stage.clock, stats)
        cost = self._stage.encoding_cost(wish)
        conversation = await self._stage.conversations.open(wish, source, cost, stats)
        try:
            return {**await self._answered(conversation, offer, speaks=True), "owner": conversation.owner}
        except BaseException:
            await self._stage.conversations.close(conversation.id)
            raise

    async def _join(self, offer: Offer) -> Answer:
        """A viewer of a conversation, or its owner who comes back."""
        assert offer.conversation is not None
        conversation = self._stage.conversations.get(offer.conversation)
        if offer.owner is None:
            return await self._answered(conversation, offer, speaks=False)
        if not is_same_secret(offer.owner, conversation.owner):
            raise _forbidden()
        speaks = isinstance(conversation.source, RemoteSource)
        chosen(offer.sdp, is_heard=speaks, is_shown=True)  # before the peer there is gives way
        answer = await self._answered(conversation, offer, speaks=speaks, controls=True)
        # Who takes over is told a new secret; who looks on while an agent speaks leaves the agent its own.
        return {**answer, "owner": conversation.renew_owner()} if speaks else answer

    async def _answered(
        self, conversation: ServerSession, offer: Offer, *, speaks: bool, controls: bool = False
    ) -> Answer:
        peer = conversation.join(self._stage.settings, speaks=speaks, controls=controls)
        try:
            sdp = await peer.answer(offer.sdp)
        except BaseException:
            await peer.close()
            raise
        return {"sdp": sdp, "type": "answer", "conversation": conversation.id}

    def _named(self, request: web.Request) -> ServerSession:
        return self._stage.conversations.get(request.match_info["conversation"])


async def _read_offer(request: web.Request) -> Offer:
    """Raises `RefusalError` for what cannot be an offer."""
    document = await read_json(request)
    if (key := unknown(Offer, document)) is not None:
        raise RefusalError("offer_key", key=key, known=sorted(names(Offer)))
    try:
        return read(Offer, document, is_text=True)
    except FieldError as fault:
        if fault.name in names(Wanted):
            raise setting_refusal(fault) from None
        if fault.is_missing or (fault.name == "type" and isinstance(fault.value, str)):
            raise RefusalError("offer_missing") from None
        raise RefusalError("offer_value", key=fault.name) from None


def _forbidden() -> RefusalError:
    return RefusalError("owner_missing", header=OWNER)
