"""What a peer's session description must have, and the names of what is wrong with it. Text in, `PeerError` out."""

from collections.abc import Collection

from aiortc.sdp import MediaDescription, SessionDescription

from app.serving.codecs import PictureCodec
from engine.errors import PeerError

PICTURE_CODECS: dict[str, PictureCodec] = {"VP8": "vp8", "H264": "h264"}  # by their names in SDP

_MOST_TEXT = 100_000  # characters
_MOST_SECTIONS = 8


def parsed(sdp: str, what: str) -> SessionDescription:
    """Read a description, `what` being `offer` or `answer`; raises `PeerError` if there is nothing to connect with."""
    if len(sdp) > _MOST_TEXT:
        raise PeerError(f"Found an {what} of {len(sdp):,} characters: {_MOST_TEXT:,} is the most.")
    try:
        description = SessionDescription.parse(sdp)
    except Exception as error:  # the parser raises whatever happens to it
        raise PeerError(f"The {what} cannot be read as SDP ({_reason(error)}): send it unchanged.") from error
    if not description.media:
        raise PeerError(f"Found an {what} without any media: it must have an m=audio or m=video section.")
    if len(description.media) > _MOST_SECTIONS:
        raise PeerError(f"Found {len(description.media)} media in an {what}: {_MOST_SECTIONS} is the most.")
    for media in description.media:
        _check_section(media, what)
    return description


def check_offer(offer: SessionDescription, *, is_heard: bool, is_shown: bool) -> None:
    """Raises `PeerError` where what is wanted of a peer, or what it is to be shown, is missing in its offer."""
    if is_heard:
        sounds = [media for media in offer.media if media.kind == "audio"]
        if not any(media.direction in ("sendrecv", "sendonly") for media in sounds):
            raise PeerError("Found no sound in the offer: add a microphone, or any track of sound, and offer again.")
    if is_shown and not any(_receives(media) for media in offer.media):
        raise PeerError("Found nothing in the offer that receives: add video and audio with direction recvonly.")
    _check_codecs(offer, "audio", ("opus",))
    if is_shown:
        _check_codecs(offer, "video", tuple(PICTURE_CODECS))


def chosen_picture_codec(description: str) -> PictureCodec | None:
    """The codec of the first pictures in an answer; None if there are none."""
    pictures = [media for media in SessionDescription.parse(description).media if media.kind == "video"]
    return PICTURE_CODECS.get(pictures[0].rtp.codecs[0].name.upper()) if pictures else None


def without_hidden_hosts(text: str) -> str:
    """Without the candidates whose addresses browsers hide behind names that only their own network can resolve.

    Waiting for such a name would delay the answer by a second. The browser finds us, and so we learn where it is; for
    that its list of candidates must not seem to be complete.
    """
    lines = text.splitlines()
    if not any(map(is_hidden, lines)):
        return text
    return "".join(f"{line}\r\n" for line in lines if not is_hidden(line) and line != "a=end-of-candidates")


def is_hidden(line: str) -> bool:
    """Whether an SDP line is a candidate with such a name."""
    return line.startswith("a=candidate:") and ".local " in line


def told(error: Exception, what: str) -> PeerError:
    """What to tell the peer of a failure in using its `what`."""
    if isinstance(error, PeerError):
        return error
    return PeerError(f"The {what} cannot be used ({_reason(error)}): send it as a WebRTC library makes it.")


def _check_section(media: MediaDescription, what: str) -> None:
    if media.ice is None or not media.ice.usernameFragment or not media.ice.password:
        raise PeerError(f"Found no ICE name and password for {media.kind} in the {what}: it must be one of WebRTC.")
    if media.dtls is None or not media.dtls.fingerprints:
        raise PeerError(f"Found no DTLS fingerprint for {media.kind} in the {what}: it must be one of WebRTC.")
    if media.kind in ("audio", "video") and not media.rtcp_mux:
        raise PeerError(f"Found {media.kind} without a=rtcp-mux in the {what}: RTP and RTCP must share a port.")


def _check_codecs(offer: SessionDescription, kind: str, names: Collection[str]) -> None:
    offered = {codec.name for media in offer.media if media.kind == kind for codec in media.rtp.codecs}
    if any(media.kind == kind for media in offer.media) and not {name.lower() for name in names} & {
        name.lower() for name in offered
    }:
        found = ", ".join(sorted(offered)) or "none"
        raise PeerError(f"Found no known codec for {kind} in the offer ({found}): offer {' or '.join(names)}.")


def _receives(media: MediaDescription) -> bool:
    return media.kind in ("audio", "video") and media.direction in ("sendrecv", "recvonly")


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text or type(error).__name__)[:120]
