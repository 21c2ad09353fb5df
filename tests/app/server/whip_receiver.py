"""A WHIP server made of aiortc, which keeps what it is sent."""

from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription

from tests.app.server.player import Watched, keep


class Receiver:
    """Takes one publisher. `requests`: method and token of each. `codec`: the only one of pictures that is taken."""

    def __init__(self, codec: str = "VP8") -> None:
        self.watched = Watched()
        self.requests: list[tuple[str, str | None]] = []
        self._codec = codec
        self._connection: RTCPeerConnection | None = None

    def application(self) -> web.Application:
        application = web.Application()
        application.add_routes([web.post("/whip", self._take), web.delete("/whip/1", self._end)])
        return application

    async def _take(self, request: web.Request) -> web.Response:
        self._note(request)
        connection = self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        keep(connection, self.watched)
        video = connection.addTransceiver("video", "recvonly")
        known = RTCRtpReceiver.getCapabilities("video").codecs
        video.setCodecPreferences([codec for codec in known if codec.mimeType == f"video/{self._codec}"])
        await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return web.Response(
            status=201,
            text=connection.localDescription.sdp,
            content_type="application/sdp",
            headers={"Location": "/whip/1"},
        )

    async def _end(self, request: web.Request) -> web.Response:
        self._note(request)
        if self._connection is not None:
            await self._connection.close()
        return web.Response()

    def _note(self, request: web.Request) -> None:
        self.requests.append((request.method, request.headers.get("Authorization")))
