"""What the handlers of requests need: conversations, avatars, and what a client may leave open."""

from dataclasses import dataclass, field

from liveface.app.server.avatars.avatar_store import AvatarStore
from liveface.app.server.offer_limits import OfferLimits
from liveface.app.server.schemas import Wanted
from liveface.app.server.sessions.session_registry import SessionRegistry, SessionRequest
from liveface.app.server.webrtc.encoding_cost import EncodingCost
from liveface.app.server.webrtc.peer import PeerSettings
from liveface.app.session.clock import Clock
from liveface.app.session.pipeline import DEFAULT_AVATAR
from liveface.app.settings import DEFAULT_LOOKAHEAD, Settings, parse_size


@dataclass(frozen=True, slots=True)
class ServerContext:
    """`encoding`: of `settings.codec`. `size`, such as 512x512, and `lookahead` are for clients that name none.

    `push_to`: addresses of other servers at or below which clients may have faces sent to.
    """

    conversations: SessionRegistry
    avatars: AvatarStore
    settings: PeerSettings
    clock: Clock
    encoding: EncodingCost
    size: str = "512x512"
    lookahead: int = DEFAULT_LOOKAHEAD
    push_to: tuple[str, ...] = ()
    turnstile: OfferLimits = field(default_factory=OfferLimits)

    async def wish(self, wanted: Wanted) -> SessionRequest:
        """What a client asks for, and the server's own choice of what it leaves open.

        Raises `NotFoundError` for an avatar that is not there, `ConfigurationError` for a size that cannot be.
        """
        name = wanted.avatar or DEFAULT_AVATAR.name
        lookahead = self.lookahead if wanted.lookahead is None else wanted.lookahead
        size = Settings(*parse_size((wanted.size or self.size)[:20]))
        avatar = await self.avatars.framed(name, size.width, size.height)
        return SessionRequest(avatar, name, lookahead, self.avatars.is_uploaded(name))

    def encoding_cost(self, wish: SessionRequest) -> float:
        """Seconds of one core that one viewer's encoder takes for a picture."""
        height, width = wish.avatar.photo.shape[:2]
        return self.encoding.predict(width * height)
