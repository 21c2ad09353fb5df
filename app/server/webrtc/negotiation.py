"""Which sections of a peer's offer are answered, and the names of what is wrong with it. Text in, `PeerError` out."""

import logging
from collections import Counter
from dataclasses import dataclass

from aiortc import RTCRtpCodecParameters, RTCRtpSender
from aiortc import sdp as webrtc
from aiortc.rtcpeerconnection import is_codec_compatible

from liveface.app.server.webrtc.codecs import PictureCodec
from liveface.app.server.webrtc.sdp import SessionDescription
from liveface.engine.errors import CapacityError, PeerError

PICTURE_CODECS: dict[str, PictureCodec] = {"VP8": "vp8", "H264": "h264"}  # by their names in SDP

_MOST_TEXT = 100_000  # characters
_MOST_SECTIONS = 32
_UNKNOWN_PORTS = ("0", "9")  # of connections that have not come about (RFC 8840, section 4.1)
_WANTED = {"audio": "opus", "video": "VP8, or H.264 as constrained baseline with packetization-mode=1"}
_LOGGER = logging.getLogger("liveface")


class NotAcceptableError(PeerError):
    """An offer that is sound in itself, and asks for what is not done here."""

    kind = "not_acceptable"


@dataclass(frozen=True, slots=True)
class Role:
    """What a section with sound or pictures is for: the peer `is_heard` in it, or `is_shown` something, or both."""

    kind: str
    is_heard: bool
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """An offer, each of whose sections is `kept` or refused; `roles` of those that are kept, data apart.

    `leading`: names of sections that come first in the group which shares a connection, see `_leading`.
    """

    offer: SessionDescription
    kept: tuple[bool, ...]
    roles: tuple[Role, ...]
    leading: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        """The offer without what is refused."""
        return str(self.offer.named().only(list(self.kept)).led_by(self.leading))

    def answered(self, answer: str) -> str:
        """The answer to the whole offer, where `answer` is that to what is wanted."""
        named = self.offer.named()
        whole = SessionDescription.parse(answer).refusing(named, list(self.kept)).led_by(self.leading)
        return str(whole if named == self.offer else whole.unnamed())


def chosen(sdp: str, *, is_heard: bool, is_shown: bool, refuses_rest: bool = True) -> Choice:
    """The sections of an offer that fit, wherever they are, for a peer that is heard, is shown a face, or both.

    `refuses_rest`: what is not needed is refused. Some libraries cannot bear that of their own offers: for them it is
    kept where it can be, with a role for nothing.
    Raises `NotAcceptableError` where none fits, and `PeerError` where the offer itself is broken.
    """
    offer = _read(sdp, "offer")
    found = [_Section.of(offer, place) for place in range(len(offer.sections))]
    heard = _fitting(found, "audio", ("sendrecv", "sendonly")) if is_heard else None
    voice, picture = (
        (_fitting(found, kind, ("sendrecv", "recvonly")) if is_shown else None) for kind in ("audio", "video")
    )
    if heard is not None and voice is not None and found[heard].media.direction == "sendrecv":
        voice = heard
    if is_heard and heard is None:
        raise NotAcceptableError(code="offer_without_sound")
    if is_shown and voice is None and picture is None:
        raise NotAcceptableError(code="offer_receives_nothing")
    data = next((place for place, one in enumerate(found) if one.kind == "application" and not one.fault), None)
    kept = {place for place in (heard, voice, picture, data) if place is not None}
    if not refuses_rest:
        kept |= {place for place, one in enumerate(found) if one.is_possible}
    roles = tuple(Role(found[place].kind, place == heard, place in (voice, picture)) for place in sorted(kept - {data}))
    return Choice(offer, tuple(place in kept for place in range(len(found))), roles, _leading(offer, kept))


def check_answer(sdp: str) -> None:
    """Raises `PeerError` for what is no answer of WebRTC."""
    answer = _read(sdp, "answer")
    sections = [_Section.of(answer, place, "answer") for place in range(len(answer.sections))]
    for one in sections:
        if one.is_refused:
            raise PeerError(code="answer_refuses", kind=one.kind[:20])
        if one.fault is not None:
            raise one.fault


def chosen_picture_codec(description: str) -> PictureCodec | None:
    """The codec of the first pictures in an answer that are not refused; None if there are none."""
    pictures = [media for media in webrtc.SessionDescription.parse(description).media if media.kind == "video"]
    used = [media.rtp.codecs for media in pictures if media.port and media.direction != "inactive"]
    codecs = next(filter(None, used), None)
    return PICTURE_CODECS.get(codecs[0].name.upper()) if codecs else None


def told(error: Exception, what: str) -> PeerError | CapacityError:
    """What to tell the peer of a failure in using its `what`: what a library says of it is for the log only."""
    if isinstance(error, PeerError | CapacityError):
        return error
    _LOGGER.info("An %s of a peer cannot be used: %s: %s", what, type(error).__name__, str(error)[:200])
    return PeerError(code="sdp_unusable", what=what)


@dataclass(frozen=True, slots=True)
class _Section:
    """`media`: as read by WebRTC. `fault`: why it cannot be used, whatever for. `is_refused`: by who sent it."""

    kind: str
    media: webrtc.MediaDescription
    is_refused: bool
    fault: Exception | None

    @property
    def is_possible(self) -> bool:
        """Whether it could be used for sound or pictures."""
        return self.kind in ("audio", "video") and self.fault is None and _codec_fault(self.media) is None

    @classmethod
    def of(cls, description: SessionDescription, place: int, what: str = "offer") -> "_Section":
        section = description.sections[place]
        alone = str(description.only([number == place for number in range(len(description.sections))]))
        nothing = webrtc.MediaDescription(section.kind, 0, "", [])
        if section.is_refused:
            return cls(section.kind, nothing, True, PeerError("It is refused."))
        try:
            (media,) = webrtc.SessionDescription.parse(alone).media
        except Exception as error:  # the parser raises whatever happens to it
            _LOGGER.info("A section of an %s cannot be read: %s", what, str(error)[:200])
            fault = PeerError(code="sdp_unreadable", what=what, kind=section.kind[:20])
            return cls(section.kind, nothing, False, fault)
        return cls(section.kind, media, False, _fault(media, what))


def _read(sdp: str, what: str) -> SessionDescription:
    if len(sdp) > _MOST_TEXT:
        raise PeerError(code="sdp_too_long", what=what, found=len(sdp), most=_MOST_TEXT)
    description = SessionDescription.parse(sdp)
    if not description.sections:
        raise PeerError(code="sdp_without_media", what=what)
    if len(description.sections) > _MOST_SECTIONS:
        raise PeerError(code="sdp_media_full", what=what, found=len(description.sections), most=_MOST_SECTIONS)
    return description


def _leading(offer: SessionDescription, kept: set[int]) -> tuple[str, ...]:
    """Names of the sections whose connection must become that of all.

    A client that has one connection for each kind (the policy “balanced”) gives up the others when all share the first
    one's. aiortc 1.16 moves one section of each there and leaves further ones of the same kind with what it has closed,
    so that nothing comes over them. With several of one kind, theirs is used therefore. Raises `NotAcceptableError`
    where that holds for two kinds.
    """
    named = [section for place, section in enumerate(offer.named().sections) if place in kept]
    ports = Counter(section.port for section in named if section.port not in _UNKNOWN_PORTS)
    crowded = [port for port, count in ports.items() if count > 1]
    if len(ports) < 2 or not crowded:
        return ()
    if len(crowded) > 1:
        raise NotAcceptableError(code="offer_over_connections")
    return tuple(section.name for section in named if section.port == crowded[0])


def _fitting(found: list[_Section], kind: str, directions: tuple[str, ...]) -> int | None:
    """The first section that can be used for it; None where none was meant for it, else its fault is raised."""
    meant = [place for place, one in enumerate(found) if one.kind == kind and not one.is_refused]
    unreadable = [one.fault for one in (found[place] for place in meant) if one.fault and not one.media.fmt]
    meant = [place for place in meant if found[place].media.fmt and found[place].media.direction in directions]
    fault: Exception | None = unreadable[0] if unreadable else None
    for place in meant:
        complaint = found[place].fault or _codec_fault(found[place].media)
        if complaint is None:
            return place
        fault = fault or complaint
    if fault is not None:
        raise fault
    return None


def _fault(media: webrtc.MediaDescription, what: str) -> PeerError | None:
    if media.ice is None or not media.ice.usernameFragment or not media.ice.password:
        return PeerError(code="sdp_without_ice", kind=media.kind, what=what)
    if media.dtls is None or not media.dtls.fingerprints:
        return PeerError(code="sdp_without_dtls", kind=media.kind, what=what)
    if media.kind in ("audio", "video") and not media.rtcp_mux:
        return PeerError(code="sdp_without_mux", kind=media.kind, what=what)
    return None


def _codec_fault(media: webrtc.MediaDescription) -> PeerError | None:
    """Whether none of its codecs, with their parameters, is one that is spoken here."""
    names = {"audio": ("audio/opus",), "video": ("video/vp8", "video/h264")}[media.kind]
    spoken = [
        RTCRtpCodecParameters(codec.mimeType, codec.clockRate, codec.channels, parameters=codec.parameters)
        for codec in RTCRtpSender.getCapabilities(media.kind).codecs
        if codec.mimeType.lower() in names
    ]
    if any(is_codec_compatible(ours, theirs) for ours in spoken for theirs in media.rtp.codecs):
        return None
    offered = ", ".join(sorted({codec.name for codec in media.rtp.codecs}))[:100] or "none"
    return NotAcceptableError(code="offer_without_codec", kind=media.kind, offered=offered, wanted=_WANTED[media.kind])
