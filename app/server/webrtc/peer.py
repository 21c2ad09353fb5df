"""One WebRTC connection: a peer whose sound is heard, who sees a face, or both. Knows no session and no HTTP."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    clock,
)
from aiortc.rtp import RtpPacket
from aiortc.sdp import candidate_from_sdp
from aiortc.stats import (
    RTCInboundRtpStreamStats,
    RTCOutboundRtpStreamStats,
    RTCRemoteInboundRtpStreamStats,
    RTCTransportStats,
)

from liveface.app.files.schema import parse_object
from liveface.app.server.candidates import Candidates
from liveface.app.server.messages import ErrorMessage
from liveface.app.server.refusals import RefusalError
from liveface.app.server.schemas import Link, PeerNumbers, Sent
from liveface.app.server.sessions.broadcast import Subscription
from liveface.app.server.turn import credentials
from liveface.app.server.webrtc.aiortc_hooks import align_reports, is_flooded, tap_feedback, tap_voice
from liveface.app.server.webrtc.codecs import PictureCodec
from liveface.app.server.webrtc.negotiation import Role, check_answer, chosen, chosen_picture_codec, told
from liveface.app.server.webrtc.peer_sender import PeerSender
from liveface.app.server.webrtc.rtp_source import RemoteSource
from liveface.engine.errors import CapacityError, PeerError

CHANNEL = "liveface"

_CONNECTING_SECONDS = 20.0  # until a connection that has not come about is given up
_SILENT_SECONDS = 12.0  # without any packet, after which a peer counts as lost
_CLOSING_SECONDS = 1.0  # that saying goodbye may take
_WATCHED = 1.0  # s from one look at the connection to the next
_MOST_MESSAGE = 4096  # characters over the data channel
_MOST_WAITING = 65_536  # bytes in the data channel, beyond which messages are left out
_NTP_SECOND = 1 << 32
_LOGGER = logging.getLogger("liveface")


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server, such as stun:stun.example.org or turn:turn.example.org:3478?transport=udp."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """`bitrate`: bits per second at which pictures of 512 x 512 start. `codec`: preferred, if the peer knows it.

    `public_only`: peers' addresses in private networks are not tried. `turn_secret`: with which short-lived credentials
    are made for those TURN servers that have none.
    """

    ice_servers: tuple[IceServer, ...] = ()
    bitrate: int = 2_000_000
    codec: PictureCodec = "vp8"
    public_only: bool = False
    turn_secret: str | None = None

    def servers(self) -> tuple[IceServer, ...]:
        """The ICE servers with the credentials that are good now."""
        if self.turn_secret is None:
            return self.ice_servers
        username, credential = credentials(self.turn_secret, time.time())
        return tuple(
            replace(server, username=username, credential=credential)
            if server.username is None and server.urls[0].startswith("turn")
            else server
            for server in self.ice_servers
        )


class Peer:
    """Used once, and in one event loop: `answer`, or `offer` and `accept`; `close` in the end.

    `source`: what hears the peer's sound; None where it is not wanted. `viewing`: what the peer sees and hears; it is
    closed with the peer. `on_closed` is called once, whether the connection was closed here, there, or was lost.
    `on_message` gets what the peer sends over the data channel “liveface”; a `RefusalError` of it is told there.
    """

    def __init__(
        self,
        settings: PeerSettings,
        *,
        source: RemoteSource | None,
        viewing: Subscription | None,
        on_closed: Callable[[], None],
        on_message: Callable[[dict[str, object]], None] = lambda message: None,
    ) -> None:
        self._settings = settings
        self._source = source
        self._outlet = (
            PeerSender(viewing, settings.codec, settings.bitrate, _ntp_seconds, self._fail)
            if viewing is not None
            else None
        )
        self._candidates = Candidates(public_only=settings.public_only)
        self._on_closed = on_closed
        self._on_message = on_message
        self._connection: RTCPeerConnection | None = None
        self._channel: RTCDataChannel | None = None
        self._watching: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._link: Link = {}

    async def answer(self, sdp: str, *, refuses_rest: bool = False) -> str:
        """Answer an offer; raises `PeerError` for one that cannot be used, and is closed then.

        `refuses_rest`: sections that are not used are refused in the answer; else they stay, and nothing goes there.
        """
        is_heard, is_shown = self._source is not None, self._outlet is not None
        try:
            choice = chosen(sdp, is_heard=is_heard, is_shown=is_shown, refuses_rest=refuses_rest)
            connection = self._connect(RTCBundlePolicy.MAX_COMPAT)
            self._add_transceivers(connection, choice.roles)
            wanted = self._candidates.filtered(choice.wanted)
            await connection.setRemoteDescription(RTCSessionDescription(wanted, "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
            answer = str(connection.localDescription.sdp)
            self._check_ports(answer)
            self._begin(connection, answer)
            return choice.answered(answer)
        except Exception as error:
            await self.close()
            raise told(error, "offer") from error

    async def offer(self) -> str:
        """An offer with all candidates; raises `PeerError`."""
        try:
            connection = self._connect(RTCBundlePolicy.MAX_BUNDLE)
            is_heard, is_shown = self._source is not None, self._outlet is not None
            roles = [Role("audio", is_heard, is_shown), Role("video", is_heard=False, is_shown=is_shown)]
            self._add_transceivers(connection, roles if is_shown else roles[:1])
            await connection.setLocalDescription(await connection.createOffer())
            offer = str(connection.localDescription.sdp)
            self._check_ports(offer)
            return offer
        except Exception as error:
            await self.close()
            raise told(error, "offer") from error

    async def accept(self, sdp: str) -> None:
        """Take the answer to the offer; raises `PeerError`, and is closed then."""
        assert self._connection is not None, "nothing has been offered"
        try:
            check_answer(sdp)
            await self._connection.setRemoteDescription(RTCSessionDescription(self._candidates.filtered(sdp), "answer"))
            self._begin(self._connection, sdp)
        except Exception as error:
            await self.close()
            raise told(error, "answer") from error

    async def add_candidates(self, fragment: str) -> None:
        """Add ICE candidates that came later, as an SDP fragment (RFC 8840); raises `PeerError`.

        Those that cannot be used, and those beyond what a peer may name, are passed over.
        """
        if self._connection is None or self._closing is not None:
            raise PeerError(code="peer_has_ended")
        section, name = -1, ""
        try:
            for line in fragment.splitlines():
                if line.startswith("m="):
                    section, name = section + 1, ""
                elif line.startswith("a=mid:"):
                    name = line.removeprefix("a=mid:").strip()
                elif line.startswith("a=candidate:") and self._candidates.admits(line):
                    candidate = candidate_from_sdp(line.removeprefix("a=candidate:"))
                    candidate.sdpMid, candidate.sdpMLineIndex = name, max(0, section)
                    await self._connection.addIceCandidate(candidate)
        except Exception as error:
            raise told(error, "list of ICE candidates") from error

    def send(self, message: Mapping[str, object]) -> None:
        """Send over the data channel, if the peer has opened it and can take more."""
        channel = self._channel
        if channel is not None and channel.readyState == "open" and channel.bufferedAmount < _MOST_WAITING:
            channel.send(json.dumps(message))

    async def close(self) -> None:
        """End the connection, in about a second at most; may be called twice."""
        self.give_up()
        assert self._closing is not None
        await asyncio.shield(self._closing)

    def give_up(self) -> None:
        """Begin to close, without waiting."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())

    @property
    def state(self) -> str:
        """`new`, `connecting`, `connected`, `failed` or `closed`."""
        if self._closing is not None:
            return "closed"
        return "new" if self._connection is None else str(self._connection.connectionState)

    def numbers(self) -> PeerNumbers:
        """What the connection measures of itself, for JSON; rates and shares are those of the latest seconds."""
        sent: Sent = self._outlet.numbers() if self._outlet is not None else {}
        return {"state": self.state, **sent, **self._link}

    def _connect(self, bundling: RTCBundlePolicy) -> RTCPeerConnection:
        servers = [
            RTCIceServer(list(server.urls), server.username, server.credential) for server in self._settings.servers()
        ]
        # An empty list is not the same as none, for which aiortc would ask a public server of its choice.
        connection = RTCPeerConnection(RTCConfiguration(iceServers=servers, bundlePolicy=bundling))
        connection.on("connectionstatechange", self._notice_state)
        connection.on("datachannel", self._open_channel)
        self._connection = connection
        return connection

    def _add_transceivers(self, connection: RTCPeerConnection, roles: Sequence[Role]) -> None:
        """What is sent and received, in the order of the sections, to which the connection gives them by their kind.

        To be called before the other side's wishes are made known to the connection.
        """
        for role in roles:
            if not (role.is_heard or role.is_shown):
                connection.addTransceiver(role.kind, "inactive")
            elif role.kind == "audio":
                self._add_audio(connection, role)
            elif self._outlet is not None:
                self._add_video(connection, self._outlet)

    def _add_audio(self, connection: RTCPeerConnection, role: Role) -> None:
        outlet = self._outlet
        if outlet is None or not role.is_shown:
            audio = connection.addTransceiver("audio", "recvonly")
        else:
            audio = connection.addTransceiver(outlet.voice, "sendrecv" if role.is_heard else "sendonly")
            align_reports(audio.sender, outlet.voice, outlet.clock)
        if role.is_heard:
            tap_voice(audio.receiver, self._hear)
        known = RTCRtpSender.getCapabilities("audio").codecs
        audio.setCodecPreferences([codec for codec in known if codec.mimeType == "audio/opus"])

    def _add_video(self, connection: RTCPeerConnection, outlet: PeerSender) -> None:
        video = connection.addTransceiver(outlet.face, "sendonly")
        align_reports(video.sender, outlet.face, outlet.clock)
        loop = asyncio.get_running_loop()
        tap_feedback(video.sender, outlet.face.want_key, lambda bitrate: outlet.note_estimate(bitrate, loop.time()))
        known = RTCRtpSender.getCapabilities("video").codecs
        preferred = f"video/{self._settings.codec}"
        video.setCodecPreferences(sorted(known, key=lambda codec: codec.mimeType.lower() != preferred))

    def _check_ports(self, description: str) -> None:
        if "a=candidate:" not in description:
            raise CapacityError(code="ports_full")

    def _begin(self, connection: RTCPeerConnection, answer: str) -> None:
        """Both sides have agreed on what the answer says, whoever gave it."""
        codec = chosen_picture_codec(answer)
        if self._outlet is not None and codec is not None:
            self._outlet.codec = codec
        self._watching = asyncio.create_task(self._watch_guarded(connection))

    def _hear(self, packet: RtpPacket) -> None:
        if self._source is not None and self._closing is None:
            try:
                self._source.receive(packet.ssrc, packet.sequence_number, packet.timestamp, packet.payload)
            except Exception as error:
                self._fail(error)

    def _open_channel(self, channel: RTCDataChannel) -> None:
        if channel.label == CHANNEL:
            self._channel = channel
            channel.on("message", self._take_message)

    def _take_message(self, text: str | bytes) -> None:
        try:
            if len(text) > _MOST_MESSAGE:
                raise RefusalError("message_too_large", found=len(text), most=_MOST_MESSAGE)
            if (message := parse_object(text)) is None:
                raise RefusalError("invalid_json")
            self._on_message(message)
        except RefusalError as refusal:
            self.send(ErrorMessage(type="error", error=refusal.as_object()))
        except Exception as error:
            self._fail(error)

    def _notice_state(self) -> None:
        if self._connection is not None and self._connection.connectionState in ("failed", "closed"):
            self.give_up()

    def _fail(self, error: Exception) -> None:
        """End a connection that would stand still, and say why where somebody can see it."""
        _LOGGER.error("A connection is closed, as something failed in it.", exc_info=error)
        self.give_up()

    async def _watch_guarded(self, connection: RTCPeerConnection) -> None:
        try:
            await self._watch(connection)
        except Exception as error:
            self._fail(error)

    async def _watch(self, connection: RTCPeerConnection) -> None:
        """Look at the connection every second until it is lost: aiortc itself notices that after half a minute."""
        loop = asyncio.get_running_loop()
        heard, heard_at = 0, loop.time()
        sent, sent_at = 0, loop.time()
        while True:
            await asyncio.sleep(_WATCHED)
            now = loop.time()
            received = 0
            bytes_sent = 0
            for entry in (await connection.getStats()).values():
                if isinstance(entry, RTCTransportStats):
                    received += entry.packetsReceived
                elif isinstance(entry, RTCOutboundRtpStreamStats):
                    bytes_sent += entry.bytesSent
                elif isinstance(entry, RTCRemoteInboundRtpStreamStats):
                    self._note_reception(entry, now)
                elif isinstance(entry, RTCInboundRtpStreamStats):
                    self._link["microphone_packets"] = entry.packetsReceived
                    self._link["microphone_packets_lost"] = entry.packetsLost
            bitrate = round((bytes_sent - sent) * 8 / (now - sent_at))
            sent, sent_at = bytes_sent, now
            self._link["bitrate"] = bitrate
            if self._outlet is not None:
                self._outlet.note_sent(bitrate)
            if received > heard:
                heard, heard_at = received, now
            is_silent = now - heard_at > (_SILENT_SECONDS if heard else _CONNECTING_SECONDS)
            if is_silent or is_flooded(connection):
                self.give_up()
                return

    def _note_reception(self, report: RTCRemoteInboundRtpStreamStats, now: float) -> None:
        share = report.fractionLost / 256
        self._link["audio_loss" if report.kind == "audio" else "video_loss"] = round(share, 3)
        # Of pictures it is wrong: it counts from the last packet before the report, and pictures may pause.
        if report.kind == "audio" and report.roundTripTime is not None:
            self._link["round_trip_ms"] = round(report.roundTripTime * 1000, 1)
        if report.kind == "video" and self._outlet is not None:
            self._outlet.note_loss(share, now)

    async def _close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._outlet is not None:
            self._outlet.close()
        if self._connection is not None:
            with suppress(Exception):  # what has failed need not be told goodbye
                await asyncio.wait_for(self._connection.close(), _CLOSING_SECONDS)
        self._on_closed()


def _ntp_seconds() -> float:
    """The clock of aiortc's sender reports."""
    return clock.current_ntp_time() / _NTP_SECOND
