"""A WebRTC client that sends sound and notes what comes back and when, over a link that may lose and delay packets.

It sees what a browser sees: packets, their times in RTP, and the sender's reports of what those mean.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial

import av
import numpy as np
from aiortc import (
    RTCConfiguration,
    RTCIceTransport,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtpPacket

from liveface.app.server.webrtc.aiortc_hooks import first_timestamp, tap_arrivals, tap_reports, tap_voice
from liveface.app.server.webrtc.codecs import VOICE_RATE, VoiceDecoder
from liveface.app.server.webrtc.sender_clock import SenderClock
from liveface.app.server.webrtc.tracks import PICTURE_RATE
from liveface.engine.media import Picture, Samples

_BLOCK = VOICE_RATE // 50  # samples in a packet of sound
_MOST_UNDECODED = 100  # pictures


@dataclass(frozen=True, slots=True)
class Link:
    """What happens to packets on their way, in both directions: `loss`, a share; `jitter`, up to so many seconds."""

    loss: float = 0.0
    jitter: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture, the moment of its arrival in seconds of the loop's clock, and its time in RTP."""

    moment: float
    timestamp: int
    image: Picture


@dataclass(frozen=True, slots=True)
class Heard:
    """20 ms of sound at 48 kHz, likewise."""

    moment: float
    timestamp: int
    pcm: Samples


@dataclass(slots=True)
class Reception:
    """All that came back. `spoken`: the moment at which the first sample was sent; `clocks`: of the sender, by kind."""

    began: float = 0.0
    spoken: float | None = None
    pictures: list[Seen] = field(default_factory=list)
    sounds: list[Heard] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    clocks: dict[str, SenderClock] = field(
        default_factory=lambda: {"audio": SenderClock(VOICE_RATE), "video": SenderClock(PICTURE_RATE)}
    )


class Probe:
    """One connection: `offer`, `accept` the answer, wait, `close`. `look` is called with each picture."""

    def __init__(
        self,
        sound: Samples | None,
        *,
        link: Link | None = None,
        look: Callable[[Seen], None] | None = None,
        keeps_pictures: bool = True,
        picture_codec: str = "VP8",
    ) -> None:
        """`sound`: float32 (n,) at 48 kHz, sent in a loop; None sends nothing."""
        self.received = Reception()
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.connection.createDataChannel("liveface")
        self.channel.on("message", self.received.messages.append)
        self._link = link
        self._look = look
        self._keeps_pictures = keeps_pictures
        self._decoder = VoiceDecoder()
        self._arrived: dict[int, float] = {}  # by RTP time: when the latest packet of a picture came
        self._watching: asyncio.Task[None] | None = None
        if sound is None:
            audio = self.connection.addTransceiver("audio", "recvonly")
        else:
            audio = self.connection.addTransceiver(SpeakingTrack(sound, self.received))
        video = self.connection.addTransceiver("video", "recvonly")
        known = RTCRtpReceiver.getCapabilities("video")
        assert known is not None
        video.setCodecPreferences(
            [codec for codec in known.codecs if codec.mimeType in (f"video/{picture_codec}", "video/rtx")]
        )
        tap_voice(audio.receiver, self._hear)
        for kind, transceiver in (("audio", audio), ("video", video)):
            tap_reports(transceiver.receiver, partial(self._note_report, kind))
        tap_arrivals(video.receiver, self._note_arrival)
        self._audio, self._video = audio, video

    async def offer(self) -> str:
        """What to send to the server."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def accept(self, sdp: str) -> None:
        """Connect; returns before anything has come."""
        self.received.began = asyncio.get_running_loop().time()
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        if self._link is not None:
            impair(self._audio.receiver.transport.transport, self._link)
        self._watching = asyncio.create_task(self._watch(self._video.receiver.track))

    async def close(self) -> None:
        """End the connection."""
        await self.connection.close()
        if self._watching is not None:
            await self._watching

    def _hear(self, packet: RtpPacket) -> None:
        pcm = self._decoder.decode(packet.payload)
        self.received.sounds.append(Heard(asyncio.get_running_loop().time(), packet.timestamp, pcm))

    def _note_arrival(self, timestamp: int) -> None:
        self._arrived[timestamp] = asyncio.get_running_loop().time()
        if len(self._arrived) > _MOST_UNDECODED:
            del self._arrived[min(self._arrived, key=self._arrived.__getitem__)]

    def _note_report(self, kind: str, ntp: int, timestamp: int) -> None:
        self.received.clocks[kind].note(asyncio.get_running_loop().time(), ntp, timestamp)

    async def _watch(self, track: MediaStreamTrack) -> None:
        loop = asyncio.get_running_loop()
        with suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.VideoFrame)
                timestamp = (first_timestamp(self._video.receiver) + (frame.pts or 0)) % (1 << 32)
                # A browser shows a picture when its last packet has come; aiortc waits for the first of the next one.
                moment = self._arrived.pop(timestamp, loop.time())
                image: Picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                seen = Seen(moment, timestamp, image if self._keeps_pictures else image[:0].copy())
                self.received.pictures.append(seen)
                if self._look is not None:
                    self._look(Seen(moment, timestamp, image))


class SpeakingTrack(MediaStreamTrack):
    """Sound in a loop, at the pace at which a microphone brings it."""

    kind = "audio"

    def __init__(self, sound: Samples, reception: Reception) -> None:
        """`sound`: float32 (n,) at 48 kHz."""
        super().__init__()
        self._sound = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
        self._reception = reception
        self._position = 0

    async def recv(self) -> av.AudioFrame:
        """The next 20 ms."""
        loop = asyncio.get_running_loop()
        if self._reception.spoken is None:
            self._reception.spoken = loop.time()
        due = self._reception.spoken + (self._position + _BLOCK) / VOICE_RATE
        await asyncio.sleep(max(0.0, due - loop.time()))
        block = np.take(self._sound, range(self._position, self._position + _BLOCK), mode="wrap")
        frame = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
        frame.sample_rate = VOICE_RATE
        frame.pts = self._position
        frame.time_base = Fraction(1, VOICE_RATE)
        self._position += _BLOCK
        return frame


def impair(transport: RTCIceTransport, link: Link) -> None:
    """Lose and delay packets of sound and pictures, not those that make the connection."""
    loop = asyncio.get_running_loop()
    chance = random.Random(link.seed)
    send, receive = transport._send, transport._connection.data_received

    async def send_if_open(data: bytes) -> None:
        with suppress(ConnectionError):
            await send(data)

    async def send_impaired(data: bytes) -> None:
        if not _is_media(data):
            await send(data)
        elif chance.random() >= link.loss:
            loop.call_later(chance.uniform(0, link.jitter), lambda: asyncio.ensure_future(send_if_open(data)))

    def receive_impaired(data: bytes, component: int) -> None:
        if not _is_media(data):
            receive(data, component)
        elif chance.random() >= link.loss:
            loop.call_later(chance.uniform(0, link.jitter), receive, data, component)

    vars(transport)["_send"] = send_impaired
    vars(transport._connection)["data_received"] = receive_impaired


def _is_media(data: bytes) -> bool:
    """Whether a packet is of RTP or RTCP (RFC 7983)."""
    return 128 <= data[0] < 192
