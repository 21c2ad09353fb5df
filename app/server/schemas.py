"""What requests over HTTP bring and are answered, as types: the ones are held against them, the others typed so.

docs/openapi.yaml is made from them.
"""

from typing import Annotated, Literal, NotRequired, Required, TypedDict

from msgspec import Meta, Struct

from liveface.app.server.webrtc.codecs import PictureCodec
from liveface.app.settings import Lookahead
from liveface.engine.errors import ErrorObject

Size = Annotated[str, Meta(description="a text such as 512x512, width x height in pixels")]
Rate = Annotated[
    Literal[8000, 16000, 22050, 24000, 44100, 48000],
    Meta(description="one of 24000, 8000, 16000, 22050, 44100, 48000 Hz"),
]


class Wanted(Struct, frozen=True, kw_only=True):
    """What a client may leave open: the server's own choice takes its place."""

    avatar: str | None = None
    size: Size | None = None
    lookahead: Lookahead | None = None


class Offer(Wanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A WebRTC offer. `conversation`: to watch that one, with its `owner` to speak in it again."""

    sdp: str
    type: Literal["offer"]
    conversation: str | None = None
    owner: str | None = None


class AgentQuery(Wanted, frozen=True, kw_only=True):
    """How an agent's WebSocket begins. `conversation`: to which it comes back."""

    rate: Rate = 24000
    wait_for_viewer: bool = False
    conversation: str | None = None


class Mute(Struct, frozen=True):
    """Whether silence is heard in place of the source."""

    muted: bool


class Push(Struct, frozen=True):
    """A WHIP server to which a face is to be sent, and what it must be shown."""

    url: str
    token: str | None = None


class Upload(Struct, frozen=True):
    """How a photo is to be used. `face`: which one in it, by its number from the left."""

    name: str = ""
    face: Annotated[int, Meta(ge=1, le=99)] | None = None


class Failure(TypedDict):
    """Every answer from 400 on."""

    error: ErrorObject


class Answer(TypedDict):
    """The answer to an offer. `owner` is a secret that is told once."""

    sdp: str
    type: Literal["answer"]
    conversation: str
    owner: NotRequired[str]


class Sent(TypedDict, total=False):
    """What has been sent to a peer; bits per second."""

    codec: PictureCodec
    target_bitrate: int | None
    pictures_sent: int
    pictures_dropped: int
    sound_dropped: int


class Link(TypedDict, total=False):
    """What is known of the way to a peer; rates and shares are those of the latest seconds."""

    bitrate: int
    audio_loss: float
    video_loss: float
    round_trip_ms: float
    microphone_packets: int
    microphone_packets_lost: int


class PeerNumbers(Sent, Link, total=False):
    """A connection: `new`, `connecting`, `connected`, `failed` or `closed`; a push between two is `waiting`."""

    state: Required[str]


class PushNumbers(PeerNumbers, total=False):
    """A push. `error`: why the latest attempt to connect again has failed."""

    error: Required[ErrorObject | None]


class Percentiles(TypedDict):
    """Of delays, in milliseconds."""

    p50: float
    p95: float
    p99: float


class ConversationNumbers(TypedDict):
    """What has been measured of a conversation."""

    conversation: str
    avatar: str | None
    lookahead: int
    running: bool
    error: ErrorObject | None
    frames: int
    skipped: int
    fps: float
    recent_fps: float
    seconds: float
    lost_ms: int
    mic_to_picture_ms: Percentiles | None
    network_delay_ms: float | None
    viewers: int
    peers: list[PeerNumbers]


class AvatarEntry(TypedDict):
    """An avatar. `photo`: the address of its picture."""

    name: str
    photo: str
    uploaded: bool


class AvatarList(TypedDict):
    """The avatars that a client may use."""

    avatars: list[AvatarEntry]


class Uploaded(TypedDict):
    """An avatar of an uploaded photo; who shows the `secret` may list and delete it."""

    name: str
    secret: str
    photo: str


class PushBegun(TypedDict):
    """The id of a push."""

    push: str


class Condition(TypedDict):
    """Whether faces can speak here."""

    status: Literal["ok", "failed"]
    error: NotRequired[ErrorObject]


class Health(Condition):
    """The same, with numbers. `capacity`: sessions of the default size that the machine holds."""

    version: str
    sessions: int
    capacity: int
    load: float


class IceServerEntry(TypedDict):
    """As `RTCPeerConnection` of browsers takes it."""

    urls: list[str]
    username: NotRequired[str]
    credential: NotRequired[str]


class PageSettings(TypedDict):
    """What a page needs to know."""

    version: str
    ice_servers: list[IceServerEntry]
    size: str
    lookahead: int
    codec: PictureCodec
    maximum_upload_bytes: int
