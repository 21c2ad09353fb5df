"""A WHEP player made of aiortc, which keeps what it sees and hears."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import av
import numpy as np
from aiohttp import ClientSession
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray
from yarl import URL

PATIENCE = 30.0  # s, for anything that a loaded machine has to do


@dataclass
class Watched:
    """`pictures`: uint8 (height, width, 3); `sound`: pieces of 48 kHz; `has_spoken`: what was listened for has come."""

    pictures: list[NDArray[np.uint8]] = field(default_factory=list)
    sound: list[NDArray[np.float32]] = field(default_factory=list)
    has_spoken: bool = False

    def forget(self) -> None:
        self.pictures.clear()
        self.sound.clear()
        self.has_spoken = False

    def pcm(self) -> NDArray[np.float32]:
        return np.concatenate([np.zeros(0, np.float32), *self.sound])


async def watch(address: str, token: str, has_seen: Callable[[Watched], bool]) -> Watched:
    """Ask again until there is something to watch, then watch it until `has_seen` enough, or for half a minute."""
    watched = Watched()
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("video", "recvonly")
    connection.addTransceiver("audio", "recvonly")
    reading = keep(connection, watched)
    await connection.setLocalDescription(await connection.createOffer())
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with asyncio.timeout(PATIENCE), ClientSession(headers=headers) as client:
            session, answer = await _asked(client, address, connection.localDescription.sdp)
            await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            while not has_seen(watched):
                await asyncio.sleep(0.2)
            async with client.delete(session) as deleted:
                assert deleted.status == 200
    except TimeoutError:
        pass  # what was seen tells more than that it took too long
    finally:
        await connection.close()
        await asyncio.gather(*reading)
    return watched


def keep(connection: RTCPeerConnection, watched: Watched) -> list[asyncio.Task[None]]:
    """Read all tracks to come; the tasks end with them."""
    reading: list[asyncio.Task[None]] = []
    connection.on("track", lambda track: reading.append(asyncio.create_task(_read(track, watched))))
    return reading


async def _asked(client: ClientSession, address: str, offer: str) -> tuple[URL, str]:
    """The address of the session, and the answer."""
    while True:
        async with client.post(address, data=offer, headers={"Content-Type": "application/sdp"}) as response:
            answer = await response.text()
            if response.status == 201:
                return response.url.join(URL(response.headers["Location"])), answer
            assert response.status == 409, answer
        await asyncio.sleep(0.1)


async def _read(track: MediaStreamTrack, watched: Watched) -> None:
    try:
        while True:
            frame = await track.recv()
            if isinstance(frame, av.VideoFrame):
                watched.pictures.append(frame.to_ndarray(format="rgb24"))
            elif isinstance(frame, av.AudioFrame):
                pcm = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
                watched.sound.append(pcm.astype(np.float32) / 32768)
    except MediaStreamError:
        pass
