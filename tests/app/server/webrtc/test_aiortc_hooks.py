"""Tests of what aiortc keeps to itself: if one fails after an update of aiortc, its private names have changed."""

import asyncio
import socket
from contextlib import closing
from types import SimpleNamespace

import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    pack_remb_fci,
)

from liveface.app.server.webrtc import aiortc_hooks as taps
from liveface.app.server.webrtc.tracks import MediaClock

PRIVATE = {
    RTCRtpReceiver: ("_handle_rtp_packet", "_handle_rtcp_packet"),
    RTCRtpSender: ("_handle_rtcp_packet", "_send_rtcp"),
}


class FakeSender:
    _ssrc = 5

    def __init__(self) -> None:
        self.handled: list[AnyRtcpPacket] = []
        self.sent: list[AnyRtcpPacket] = []

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        self.handled.append(packet)

    async def _send_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        self.sent += packets


def test_all_private_names_are_there() -> None:
    for owner, names in PRIVATE.items():
        assert all(asyncio.iscoroutinefunction(getattr(owner, name)) for name in names)

    async def run() -> None:
        connection = RTCPeerConnection()
        try:
            receiver = connection.addTransceiver("audio").receiver
            assert "_RTCRtpReceiver__jitter_buffer" in vars(receiver)
            assert "_RTCRtpReceiver__timestamp_mapper" in vars(receiver)
            assert not taps.is_flooded(connection)
            connection.createDataChannel("liveface")
            assert connection.sctp is not None
            assert not taps.is_flooded(connection)
            connection.sctp._advertised_rwnd = -1
            assert taps.is_flooded(connection)
        finally:
            await connection.close()

    asyncio.run(run())


def test_feedback_reaches_the_encoder_and_the_rest_aiortc() -> None:
    sender = FakeSender()
    keys: list[bool] = []
    estimates: list[int] = []
    taps.tap_feedback(sender, lambda: keys.append(True), estimates.append)  # type: ignore[arg-type]
    bye = RtcpByePacket([1])
    for packet in (
        RtcpPsfbPacket(RTCP_PSFB_PLI, 1, 5),
        RtcpPsfbPacket(RTCP_PSFB_FIR, 1, 5),
        RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, pack_remb_fci(700_000, [5])),
        RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, pack_remb_fci(1, [6])),
        RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, b"nonsense"),
        RtcpPsfbPacket(RTCP_PSFB_APP, 1, 0, b"REMB\xff123"),
        bye,
    ):
        asyncio.run(sender._handle_rtcp_packet(packet))
    assert len(keys) == 2
    assert estimates == [pytest.approx(700_000, rel=0.01)]
    assert sender.handled == [bye]


def test_a_sender_report_tells_the_media_clocks_time_in_place_of_the_last_packets() -> None:
    sender = FakeSender()
    clock = MediaClock()
    clock.begin(0, 1000.0)
    track = SimpleNamespace(last_pts=90_000, rate=90_000, delay=0.5)
    taps.align_reports(sender, track, clock)  # type: ignore[arg-type]
    origin = (1 << 32) - 7  # so that the sum overflows
    info = RtcpSenderInfo(int(1001.25 * (1 << 32)), (origin + 90_000) % (1 << 32), 3, 99)
    asyncio.run(sender._send_rtcp([RtcpSrPacket(5, info), RtcpByePacket([5])]))
    report, _ = sender.sent
    assert isinstance(report, RtcpSrPacket)
    assert report.sender_info.rtp_timestamp == (origin + round(1.75 * 90_000)) % (1 << 32)
    assert report.sender_info.ntp_timestamp == info.ntp_timestamp


def test_a_report_before_the_first_packet_stays_as_it_is() -> None:
    sender = FakeSender()
    taps.align_reports(sender, SimpleNamespace(last_pts=0, rate=1, delay=0.0), MediaClock())  # type: ignore[arg-type]
    report = RtcpSrPacket(5, RtcpSenderInfo(0, 0, 0, 0))
    asyncio.run(sender._send_rtcp([report]))
    assert sender.sent == [report]


def test_sockets_are_bound_within_a_range_of_ports_until_all_are_taken() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        ports = range(first, min(first + 3, 65_536))
        taps.bind_within(loop, ports)
        made = [
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)) for _ in ports
        ]
        with pytest.raises(OSError, match="in use"):
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
        found = {transport.get_extra_info("sockname")[1] for transport, _ in made}
        assert found <= set(ports)
        for transport, _ in made:
            transport.close()
        await asyncio.sleep(0)

    asyncio.run(run())
