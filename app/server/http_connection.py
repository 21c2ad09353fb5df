"""One connection over HTTP, whose first words may be none of HTTP at all. Knows nothing of what is served."""

import logging

from aiohttp import hdrs, web

from liveface.app.server.refusals import RefusalError

_LOGGER = logging.getLogger("liveface")


class HttpConnection(web.RequestHandler):
    """Answers what cannot be understood as everything else is answered: with a code, and no words of a library."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """For what reaches no handler; the connection ends then."""
        if status < 500:
            _LOGGER.debug("A request cannot be understood: %s: %s", type(exc).__name__, str(message)[:200])
            refusal = RefusalError("request_malformed")
        else:
            _LOGGER.error("A connection failed.", exc_info=exc)
            refusal = RefusalError("server_failed")
        if request.writer.output_size > 0:
            raise ConnectionError("An answer has begun already.")
        answer = web.json_response({"error": refusal.as_object()}, status=status)
        answer.headers[hdrs.SERVER] = "liveface"
        answer.force_close()
        return answer
