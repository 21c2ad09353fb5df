"""Faces that speak to somebody over the network: each a session with its source, its viewers and its end."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from app.clock import Clock
from app.config import DEFAULT_LOOKAHEAD
from app.ensemble import Ensemble
from app.serving.peer import Peer, PeerSettings
from app.serving.relay import Relay
from app.sources import Source
from app.stats import Stats
from engine.avatar import Avatar

RESUME_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks for: an avatar framed to the size of the pictures, its name, and frames of lookahead."""

    avatar: Avatar
    name: str
    lookahead: int = DEFAULT_LOOKAHEAD


@dataclass(frozen=True, slots=True)
class Limits:
    """`conversations` at once; `viewers` of each; seconds without any member and without any sound."""

    conversations: int = 16
    viewers: int = 16
    resume_seconds: float = RESUME_SECONDS
    idle_seconds: float = 600.0


class Conversation:
    """One speaking face. Used in the event loop; `id` cannot be guessed, and `owner` proves who may end it."""

    id: str
    owner: str
    wish: Wish
    source: Source
    relay: Relay
    stats: Stats
    peers: set[Peer]

    def join(self, settings: PeerSettings, *, speaks: bool, views: bool = True) -> Peer:
        """A new peer of this conversation, which leaves it when its connection ends. Raises `CapacityError`.

        `speaks`: its sound drives the face, in place of that of a peer before it; needs a `RemoteSource`.
        """
        raise NotImplementedError

    def enter(self, member: Hashable) -> None:
        """Keep the conversation open for somebody who is no peer, such as a socket."""
        raise NotImplementedError

    def leave(self, member: Hashable) -> None:
        """The member has gone; after `Limits.resume_seconds` without any member the conversation ends."""
        raise NotImplementedError

    async def interrupt(self) -> None:
        """Forget all sound that no viewer has been sent; within 100 ms the mouth is closed."""
        raise NotImplementedError

    def mute(self, is_muted: bool) -> None:
        """Hear silence instead of the source, or the source again."""
        raise NotImplementedError

    @property
    def is_running(self) -> bool:
        """Whether frames still come."""
        raise NotImplementedError

    def numbers(self) -> dict[str, object]:
        """What has been measured so far, for JSON."""
        raise NotImplementedError


class Conversations:
    """All conversations of the server; they share what draws. Used in the event loop."""

    def __init__(self, ensemble: Ensemble, settings: PeerSettings, clock: Clock, limits: Limits) -> None:
        raise NotImplementedError

    async def open(self, wish: Wish, source: Source, encoding_cost: float, stats: Stats | None = None) -> Conversation:
        """Start a session. `encoding_cost`: seconds of one core that its viewers' encoders take for a picture.

        `stats`: those that the source notes its losses in. Raises `CapacityError`, and what a session's start raises.
        """
        raise NotImplementedError

    def get(self, identifier: str) -> Conversation:
        """The conversation of that id; raises `NotFoundError`."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Conversation]:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    async def close(self, identifier: str) -> None:
        """End a conversation and its peers, if there is one of that id."""
        raise NotImplementedError

    async def close_all(self) -> None:
        """End everything in less than 2 s."""
        raise NotImplementedError
