"""A test of the ports over which peers are met, with the real server in a process of its own and a real peer."""

import asyncio
import re
import socket

import aiohttp
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from tests.app.server.loopback import here, until
from tests.web.live_server import serving


def free_range(size: int) -> range:
    """Ports of UDP that nobody uses now."""
    for first in range(40_000, 60_000, size):
        held = []
        try:
            for port in range(first, first + size):
                held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                held[-1].bind(("0.0.0.0", port))
            return range(first, first + size)
        except OSError:
            continue
        finally:
            for one in held:
                one.close()
    pytest.fail("no free ports")


def test_peers_are_met_over_the_given_ports_and_where_all_are_taken_that_is_told() -> None:
    ports = free_range(12)

    async def visit(address: str) -> None:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        peer.addTransceiver(AudioStreamTrack(), "sendrecv")
        peer.addTransceiver("video", "recvonly")
        await peer.setLocalDescription(await peer.createOffer())
        offer = {"type": "offer", "sdp": peer.localDescription.sdp, "size": "128x128"}
        async with aiohttp.ClientSession(address) as session:
            held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in ports]
            for one, port in zip(held, ports, strict=True):
                one.bind(("127.0.0.1", port))
            async with session.post("offer", json=offer) as response:
                error = (await response.json())["error"]
                assert (response.status, error["code"]) == (503, "ports_full")
                assert "no free UDP port" in error["message"]
            for one in held:
                one.close()
            async with session.post("offer", json=offer) as response:
                answer = await response.json()
                assert response.status == 200, answer
            named = {int(port) for port in re.findall(r"a=candidate:\S+ 1 udp \d+ \S+ (\d+) ", answer["sdp"])}
            assert named
            assert named <= set(ports)
            await peer.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
            await until(lambda: peer.connectionState == "connected", 20)
        await peer.close()

    with here(), serving("--size", "128x128", "--udp-ports", f"{ports[0]}-{ports[-1]}") as (address, _):
        asyncio.run(visit(address))
