"""The web application: joins the requests that can be made, refuses what is too much, explains what fails."""

import asyncio
import logging
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from liveface.app.capacity.session_pool import SessionPool
from liveface.app.server.avatars.photo_worker import MAXIMUM_BYTES
from liveface.app.server.context import ServerContext
from liveface.app.server.metrics import CONTENT_TYPE, Metrics
from liveface.app.server.refusals import RefusalError, status_of
from liveface.app.server.routes import agent_websocket as pcm_socket
from liveface.app.server.routes import avatars as gallery
from liveface.app.server.routes import offers, whip
from liveface.app.server.routes.description import Description, described
from liveface.app.server.schemas import Condition, Failure, Health, IceServerEntry, PageSettings
from liveface.app.server.security import HEALTHZ, Access, Guard, header_writer
from liveface.app.server.sessions import pushes
from liveface.app.server.webrtc.peer import IceServer
from liveface.app.session.pipeline import ASSETS
from liveface.app.settings import parse_size
from liveface.engine.errors import CapacityError, LivefaceError

PAGE = ASSETS.parent / "ui" / "web"

_LARGEST_BODY = 256 * 1024  # bytes of everything but photos: session descriptions have some thousands
_BODY_SECONDS = 10.0  # for all of it
_RETRY_SECONDS = 5  # after which one who found no room may ask again
_KINDS = {  # of the page's files, by how their names end
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_TOLD = (hdrs.ALLOW, hdrs.RETRY_AFTER, hdrs.WWW_AUTHENTICATE, "Accept-Post", "Accept-Patch")  # headers of refusals
_LOGGER = logging.getLogger("liveface")


def make_application(stage: ServerContext, ensemble: SessionPool, access: Access, page: Path = PAGE) -> web.Application:
    """Everything that is served; `page` is a folder whose files are served by name, `index.html` as /.

    When the application is shut down, all conversations end.
    """
    metrics = Metrics(stage, ensemble)
    application = web.Application(
        client_max_size=_LARGEST_BODY,
        middlewares=[metrics.middleware(), explained, Guard(access, stage.clock).middleware(), _received],
    )
    application.on_response_prepare.append(header_writer(access))
    about = _About(stage, ensemble, metrics)
    application.add_routes(
        [
            web.get("/health", about.health),
            web.get(HEALTHZ, about.healthz),
            web.get("/metrics", about.metrics),
            web.get("/settings", about.settings),
            *offers.routes(stage),
            *gallery.routes(stage.avatars, access.proxies.client),
            *whip.routes(stage),
            *pushes.routes(stage),
            *pcm_socket.routes(stage),
            *(_file_route(path) for path in sorted(page.iterdir()) if path.suffix in _KINDS),
        ]
    )

    async def end(_: web.Application) -> None:
        await stage.conversations.close_all()

    application.on_shutdown.append(end)
    return application


class _About:
    """What the server tells of itself."""

    def __init__(self, stage: ServerContext, ensemble: SessionPool, metrics: Metrics) -> None:
        self._stage = stage
        self._ensemble = ensemble
        self._metrics = metrics

    @described(Description(answer=Health))
    async def health(self, request: web.Request) -> web.Response:
        """How well the server is, with numbers; 503 where nothing is drawn any more."""
        width, height = parse_size(self._stage.size)
        admission = self._ensemble.admission
        health: Health = {
            **self._condition(),
            "version": version("liveface"),
            "sessions": len(self._stage.conversations),
            "capacity": admission.holds(width, height, self._stage.encoding.predict(width * height)),
            "load": round(admission.load(), 3),
        }
        return _answered_well(health)

    @described(Description(answer=Condition))
    async def healthz(self, request: web.Request) -> web.Response:
        """The same in short, for everybody, without a token."""
        return _answered_well(self._condition())

    def _condition(self) -> Condition:
        """Whether faces can speak here: where they cannot, none ever will until the program is started again."""
        if self._ensemble.scheduler.is_running:
            return {"status": "ok"}
        return {"status": "failed", "error": LivefaceError(code="drawing_stopped").as_object()}

    @described(Description(answer="text/plain"))
    async def metrics(self, request: web.Request) -> web.Response:
        """Numbers for Prometheus."""
        return web.Response(body=self._metrics.text(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})

    @described(Description(answer=PageSettings))
    async def settings(self, request: web.Request) -> web.Response:
        """What a page needs to know."""
        settings: PageSettings = {
            "version": version("liveface"),
            "ice_servers": [_entry(server) for server in self._stage.settings.servers()],
            "size": self._stage.size,
            "lookahead": self._stage.lookahead,
            "codec": self._stage.settings.codec,
            "maximum_upload_bytes": MAXIMUM_BYTES,
        }
        return web.json_response(settings)


def _answered_well(condition: Condition) -> web.Response:
    return web.json_response(condition, status=200 if condition["status"] == "ok" else 503)


def _entry(server: IceServer) -> IceServerEntry:
    entry: IceServerEntry = {"urls": list(server.urls)}
    if server.username:
        entry["username"] = server.username
    if server.credential:
        entry["credential"] = server.credential
    return entry


@web.middleware
async def explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every refusal and failure as a code, its values and a sentence."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        headers = {name: value for name, value in error.headers.items() if name in _TOLD}
        return _answered(request, _own_words(request, error), error.status, headers)
    except RefusalError as refusal:
        return _answered(request, refusal, status_of(refusal), refusal.headers)
    except LivefaceError as error:
        headers = {hdrs.RETRY_AFTER: str(_RETRY_SECONDS)} if isinstance(error, CapacityError) else {}
        return _answered(request, error, status_of(error), headers)
    except Exception:
        _LOGGER.exception("A request to %s failed.", request.match_info.route)
        return _answered(request, RefusalError("server_failed"), 500, {})


def _own_words(request: web.Request, error: web.HTTPException) -> RefusalError:
    """For what aiohttp itself refuses, whose words are not ours."""
    match error:
        case web.HTTPNotFound():
            return RefusalError("route_unknown")
        case web.HTTPMethodNotAllowed():
            return RefusalError("method_unknown", method=request.method, methods=sorted(error.allowed_methods))
        case web.HTTPRequestEntityTooLarge():
            return RefusalError("body_too_large", most=_LARGEST_BODY)
    return RefusalError("request_refused", status=error.status)


@web.middleware
async def _received(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Read the body in bounded time and memory before anything is done; a photo's is read where it is needed."""
    if request.can_read_body and (request.method, request.path) != ("POST", "/avatars"):
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                await request.read()
        except TimeoutError as error:
            raise RefusalError("body_too_slow", seconds=round(_BODY_SECONDS)) from error
    return await handler(request)


def _answered(request: web.Request, error: LivefaceError, status: int, headers: Mapping[str, str]) -> web.Response:
    """JSON, or plain text for a person who opens an address in a browser."""
    if "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        return web.Response(status=status, text=error.told("client"), headers=headers)
    return web.json_response(Failure(error=error.as_object()), status=status, headers=headers)


def _file_route(path: Path) -> web.RouteDef:
    async def send(request: web.Request) -> web.FileResponse:
        return web.FileResponse(path, headers={hdrs.CACHE_CONTROL: "no-cache", hdrs.CONTENT_TYPE: _KINDS[path.suffix]})

    return web.get("/" if path.name == "index.html" else f"/{path.name}", send)
