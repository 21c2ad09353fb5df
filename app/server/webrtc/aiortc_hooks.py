"""What aiortc keeps to itself of a connection's packets. All use of its private names is here.

Its jitter buffer of sound waits for four packets, and after one is lost for sixteen, for good; its encoders start at
0.5 Mbit/s and stop at 1.5; its sender reports tell when a packet was sent, not when its frame was due.
"""

import asyncio
import errno
import secrets
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpSrPacket,
    RtpPacket,
    unpack_remb_fci,
)

from liveface.app.server.webrtc.tracks import FaceTrack, MediaClock, VoiceTrack

_NTP_SECOND = 1 << 32


class _NoBuffer:
    """In place of aiortc's jitter buffer: nothing reaches its decoder and its endless queue."""

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        return False, None


def bind_within(loop: asyncio.AbstractEventLoop, ports: range) -> None:
    """Let every connection of an event loop bind its UDP sockets to some of these ports.

    aioice asks for port 0, any that is free, and leaves out an address where it gets none.
    """
    create = loop.create_datagram_endpoint

    async def create_within(*arguments: Any, **options: Any) -> Any:
        address = options.get("local_addr")
        if address is None or address[1] != 0:
            return await create(*arguments, **options)
        start = secrets.randbelow(len(ports))
        for port in (*ports[start:], *ports[:start]):
            try:
                return await create(*arguments, **options | {"local_addr": (address[0], port)})
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
        raise OSError(errno.EADDRINUSE, f"all ports from {ports[0]} to {ports[-1]} are in use")

    vars(loop)["create_datagram_endpoint"] = create_within


def tap_voice(receiver: RTCRtpReceiver, hear: Callable[[RtpPacket], None]) -> None:
    """Give each packet of a receiver to `hear` as it comes, in place of decoding it."""
    take_statistics = receiver._handle_rtp_packet

    async def handle(packet: RtpPacket, arrival_time_ms: int) -> None:
        await take_statistics(packet, arrival_time_ms)
        hear(packet)

    vars(receiver)["_RTCRtpReceiver__jitter_buffer"] = _NoBuffer()
    vars(receiver)["_handle_rtp_packet"] = handle


def tap_feedback(sender: RTCRtpSender, want_key: Callable[[], None], estimate: Callable[[int], None]) -> None:
    """Call `want_key` when the receiver asks for a key picture, `estimate` with the bits per second it could take."""
    handle_rest = sender._handle_rtcp_packet

    async def handle(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
            want_key()
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            try:
                bitrate, streams = unpack_remb_fci(packet.fci)
            except (ValueError, struct.error):
                return
            if sender._ssrc in streams:
                estimate(bitrate)
        else:
            await handle_rest(packet)

    vars(sender)["_handle_rtcp_packet"] = handle


def tap_reports(receiver: RTCRtpReceiver, note: Callable[[int, int], None]) -> None:
    """Call `note` with the NTP time and the RTP time of each sender report that comes."""
    handle_rest = receiver._handle_rtcp_packet

    async def handle(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            note(packet.sender_info.ntp_timestamp, packet.sender_info.rtp_timestamp)
        await handle_rest(packet)

    vars(receiver)["_handle_rtcp_packet"] = handle


def tap_arrivals(receiver: RTCRtpReceiver, note: Callable[[int], None]) -> None:
    """Call `note` with the RTP time of each packet that comes."""
    handle_rest = receiver._handle_rtp_packet

    async def handle(packet: RtpPacket, arrival_time_ms: int) -> None:
        note(packet.timestamp)
        await handle_rest(packet, arrival_time_ms)

    vars(receiver)["_handle_rtp_packet"] = handle


def is_flooded(connection: RTCPeerConnection) -> bool:
    """Whether the other side sends more over data channels than it was allowed to, which aiortc keeps in memory."""
    return connection.sctp is not None and connection.sctp._advertised_rwnd < 0


def first_timestamp(receiver: RTCRtpReceiver) -> int:
    """The RTP time of the decoded frame whose pts is 0."""
    return int(vars(receiver)["_RTCRtpReceiver__timestamp_mapper"]._origin)


def align_reports(sender: RTCRtpSender, track: FaceTrack | VoiceTrack, clock: MediaClock) -> None:
    """Let sender reports tell the time of frames, so that the receiver shows and plays a frame at one moment."""
    send = sender._send_rtcp

    async def send_aligned(packets: list[AnyRtcpPacket]) -> None:
        await send(
            [_aligned(packet, track, clock) if isinstance(packet, RtcpSrPacket) else packet for packet in packets]
        )

    vars(sender)["_send_rtcp"] = send_aligned


def _aligned(report: RtcpSrPacket, track: FaceTrack | VoiceTrack, clock: MediaClock) -> RtcpSrPacket:
    """The same moment, with the RTP time that the media clock shows then."""
    info = report.sender_info
    elapsed = clock.elapsed(info.ntp_timestamp / _NTP_SECOND)
    if elapsed is None or not info.packet_count:
        return report
    origin = info.rtp_timestamp - track.last_pts
    timestamp = origin + round((elapsed + track.delay) * track.rate)
    return replace(report, sender_info=replace(info, rtp_timestamp=timestamp % (1 << 32)))
