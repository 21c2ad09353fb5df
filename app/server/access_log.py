"""A line for each request: when, from where, what kind, how it was answered. Never a secret, whoever wrote it where."""

import logging
import time

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from liveface.app.server.proxies import TrustedProxies

LOGGER = logging.getLogger("liveface.access")

_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS")


def access_log(proxies: TrustedProxies) -> Middleware:
    """To be the outermost. What a client wrote into its address is left out: the route stands for it."""

    @web.middleware
    async def logged(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.perf_counter()
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            resource = request.match_info.route.resource
            numbers = {
                "client": proxies.client(request),
                "method": request.method if request.method in _METHODS else "other",
                "route": "none" if resource is None else resource.canonical,
                "status": status,
                "ms": round((time.perf_counter() - started) * 1000, 1),
            }
            text = "{client} {method} {route} {status} {ms} ms".format(**numbers)
            LOGGER.info(text, extra={"access": numbers})

    return logged
