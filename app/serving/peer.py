"""One WebRTC connection: a peer whose sound is heard, who sees a face, or both. Knows no session and no HTTP."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.serving.relay import Viewing
from app.serving.remote_source import RemoteSource


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server, such as stun:stun.example.org or turn:turn.example.org:3478?transport=udp."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """`bitrate`: bits per second at which pictures of 512 x 512 start. `codec`: preferred, if the peer knows it."""

    ice_servers: tuple[IceServer, ...] = ()
    bitrate: int = 2_000_000
    codec: Literal["vp8", "h264"] = "vp8"


class Peer:
    """Used once, and in one event loop: `answer`, or `offer` and `accept`; `close` in the end.

    `source`: what hears the peer's sound; None where it is not wanted. `viewing`: what the peer sees and hears; it is
    closed with the peer. `on_closed` is called once, whether the connection was closed here, there, or was lost.
    `on_message` gets what the peer sends over the data channel “liveface”.
    """

    def __init__(
        self,
        settings: PeerSettings,
        *,
        source: RemoteSource | None,
        viewing: Viewing | None,
        on_closed: Callable[[], None],
        on_message: Callable[[dict[str, object]], None] = lambda message: None,
    ) -> None:
        raise NotImplementedError

    async def answer(self, sdp: str) -> str:
        """Answer an offer; raises `PeerError` for one that cannot be used, and is closed then."""
        raise NotImplementedError

    async def offer(self) -> str:
        """An offer with all candidates; raises `PeerError`."""
        raise NotImplementedError

    async def accept(self, sdp: str) -> None:
        """Take the answer to the offer; raises `PeerError`."""
        raise NotImplementedError

    async def add_candidates(self, fragment: str) -> None:
        """Add ICE candidates that came later, as an SDP fragment (RFC 8840); raises `PeerError`."""
        raise NotImplementedError

    def send(self, message: dict[str, object]) -> None:
        """Send over the data channel, if the peer has opened it and can take more."""
        raise NotImplementedError

    async def close(self) -> None:
        """End the connection; may be called twice."""
        raise NotImplementedError

    @property
    def state(self) -> str:
        """`new`, `connecting`, `connected`, `failed` or `closed`."""
        raise NotImplementedError

    def numbers(self) -> dict[str, object]:
        """What the connection measures of itself."""
        raise NotImplementedError
