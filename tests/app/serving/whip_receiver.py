"""A WHIP server made of aiortc, which keeps what it is sent."""

from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from tests.app.serving.player import Watched, keep


class Receiver:
    """Takes one publisher. `requests`: method and token of each."""

    def __init__(self) -> None:
        self.watched = Watched()
        self.requests: list[tuple[str, str | None]] = []
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    def application(self) -> web.Application:
        application = web.Application()
        application.add_routes([web.post("/whip", self._take), web.delete("/whip/1", self._end)])
        return application

    async def _take(self, request: web.Request) -> web.Response:
        self._note(request)
        keep(self._connection, self.watched)
        await self._connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return web.Response(
            status=201,
            text=self._connection.localDescription.sdp,
            content_type="application/sdp",
            headers={"Location": "/whip/1"},
        )

    async def _end(self, request: web.Request) -> web.Response:
        self._note(request)
        await self._connection.close()
        return web.Response()

    def _note(self, request: web.Request) -> None:
        self.requests.append((request.method, request.headers.get("Authorization")))
