"""Who may ask: token, origin, host name and rate; knows nothing of what is served."""

import hmac
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlencode

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from liveface.app.server.logins import LIFE_SECONDS, Logins
from liveface.app.server.proxies import TrustedProxies
from liveface.app.server.refusals import RefusalError
from liveface.app.server.tokens import EVERYTHING, Pass, Scope, read
from liveface.app.session.clock import Clock
from liveface.engine.errors import ConfigurationError

COOKIE = "liveface"
OWNER = "Liveface-Owner"  # the header with the secret of who opened a conversation or uploaded a photo
HEALTHZ = "/healthz"  # tells everybody whether the server is well, and nothing else

_REQUESTS_PER_SECOND = 20.0  # of one address, in the long run
_BURST = 400.0  # requests of one address at once
_UPLOAD_COST = 20.0  # requests, that a photo counts for
_WRONG_TOKEN_COST = 10.0
_ADDRESSES = 4096  # remembered; the one that asked least recently is forgotten
_SCOPES = web.RequestKey("scopes", frozenset[Scope])  # what its token allows
_METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
_ALLOWED_HEADERS = "Authorization, Content-Type, If-Match, ETag, Liveface-Owner"  # ETag: see peer_resources.py
_EXPOSED_HEADERS = ", ".join(
    (
        *("Location", "Link", "ETag", "Accept-Patch", "Accept-Post", "Retry-After"),
        *("Access-Control-Allow-Methods", "Liveface-Conversation", "Liveface-Owner"),
    )
)
_POLICY = "; ".join(
    (
        *("default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"),
        *("img-src 'self' blob: data:", "media-src 'self' blob:", "manifest-src 'self'"),
        *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Server": "liveface",
}


@dataclass(frozen=True, slots=True)
class Access:
    """`token`: None where none is needed. `origins`: of other sites that may ask, such as https://example.org.

    `proxies`: whose word about clients is taken. `key`: with which tokens are signed that allow a part.

    `is_local`: bound to a loopback address, so that the host's name in a request must be a local one or that of an
    allowed origin: another site's name that points here (DNS rebinding) is refused.
    """

    token: str | None = None
    origins: frozenset[str] = frozenset()
    is_local: bool = True
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    key: str | None = None

    def knows_host(self, host: str) -> bool:
        """Whether a request for `host`, as its header has it, is meant for this server."""
        if not self.is_local:
            return True
        name = _name_of(host)
        if name is None:
            return False
        return is_loopback(name.strip("[]")) or name in {_name_of(origin.partition("//")[2]) for origin in self.origins}

    def knows_origin(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` may ask: our own page at `host`, or that of an allowed site."""
        return origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower()) or self.allows(origin)

    def allows(self, origin: str) -> bool:
        """Whether another site may read our answers."""
        return origin in self.origins

    def allowed(self, token: str) -> Pass | None:
        """What a client that shows this token may do; None for a wrong one, for each of which it takes as long."""
        if self.token is not None and is_same_secret(token, self.token):
            return Pass(EVERYTHING)
        return None if self.key is None else read(token, self.key)


def parse_origin(text: str) -> str:
    """An origin such as https://example.org, as browsers write it; raises `ConfigurationError`."""
    origin = text.strip().rstrip("/").lower()
    scheme, _, host = origin.partition("://")
    if scheme not in ("http", "https") or _name_of(host) is None:
        raise ConfigurationError(f"The origin is “{text[:100]}”: write scheme and host, such as https://example.org.")
    return origin


class RateLimits:
    """How often each address may ask: a bucket of requests that refills steadily. Used in one thread."""

    def __init__(self, clock: Clock, per_second: float = _REQUESTS_PER_SECOND, at_once: float = _BURST) -> None:
        self._clock = clock
        self._per_second = per_second
        self._at_once = at_once
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when it was

    def take(self, address: str, cost: float = 1.0, least: float = 0.0) -> float:
        """Count a request; returns 0 if it is allowed, or after how many seconds the next one will be.

        `least`: what must be left for it, where that is more than its cost.
        """
        key = network_of(address)
        now = self._clock.now()
        left, moment = self._buckets.pop(key, (self._at_once, now))
        left = min(self._at_once, left + (now - moment) * self._per_second)
        is_allowed = left >= max(cost, least)
        self._buckets[key] = (left - cost if is_allowed else left, now)
        if len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        return 0.0 if is_allowed else (max(cost, least) - left) / self._per_second


class Guard:
    """Lets through only who may ask. Belongs to one event loop.

    Those who are refused are counted apart: no page of another site, and nobody who guesses, uses up what the owner of
    the same address may ask.
    """

    def __init__(self, access: Access, clock: Clock) -> None:
        self._access = access
        self._requests = RateLimits(clock)
        self._refusals = RateLimits(clock)  # of other sites' pages, and of those who show nothing
        self._guesses = RateLimits(clock)
        self._logins = Logins(clock)

    def middleware(self) -> Middleware:
        """Refuses with a `RefusalError`."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            address = self._access.proxies.client(request)
            self._check_origin(request, address)
            if request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers:
                _check_rate(self._refusals, address, 1.0)
                return web.Response(status=204)
            if self._access.token is not None and request.path != HEALTHZ:
                shown = request.query.get("token") if request.path == "/" else None
                if shown is not None and (found := self._accepted(shown, address)) is not None:
                    return self._remembering(request, found)
                request[_SCOPES] = self._check_token(request, address).scopes
                require(request, needed(request.method, request.path))
            if _is_led_here(request):  # from another site, by whoever made it
                _check_rate(self._refusals, address, 1.0)
            else:
                _check_rate(self._requests, address, _UPLOAD_COST if _is_upload(request) else 1.0)
            return await handler(request)

        return guarded

    def _check_origin(self, request: web.Request, address: str) -> None:
        """Refuse what is meant for another host, and what another site's page asks for."""
        access = self._access
        if not access.knows_host(request.host):
            _check_rate(self._refusals, address, 1.0)
            raise RefusalError("host_unknown", host=request.host)
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not access.knows_origin(origin, request.host):
            _check_rate(self._refusals, address, 1.0)
            raise RefusalError("origin_refused", origin=origin)
        # What a page fetches as a picture, a script or the like has no origin, but browsers say where it comes from.
        is_foreign = origin is None and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
        if is_foreign and not _is_led_here(request):
            _check_rate(self._refusals, address, 1.0)
            raise RefusalError("page_refused")

    def _check_token(self, request: web.Request, address: str) -> Pass:
        cookie, shown = request.cookies.get(COOKIE), bearer(request)
        if cookie is not None and (found := self._logins.found(cookie)) is not None:
            return found
        if shown is not None and (found := self._accepted(shown, address)) is not None:
            return found
        _check_rate(self._refusals, address, 1.0)
        raise RefusalError("token_missing", {hdrs.WWW_AUTHENTICATE: "Bearer"})

    def _accepted(self, shown: str, address: str) -> Pass | None:
        """What a token allows; refuses an address that has guessed too often, whatever it shows."""
        _check_rate(self._guesses, address, 0.0, least=_WRONG_TOKEN_COST)
        found = self._access.allowed(shown)
        if found is None:
            self._guesses.take(address, _WRONG_TOKEN_COST)
        return found

    def _remembering(self, request: web.Request, found: Pass) -> web.Response:
        """Sends the browser to the page without the token in its address, where no history or log can keep it."""
        asked = [(name, value) for name, value in request.query.items() if name != "token"]
        location = f"/?{urlencode(asked)}" if asked else "/"
        response = web.Response(status=303, headers={hdrs.LOCATION: location})
        is_secure = self._access.proxies.is_secure(request)
        response.set_cookie(
            COOKIE,
            self._logins.open(found),
            max_age=LIFE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=is_secure,
            path="/",
        )
        return response


def require(request: web.Request, scope: Scope) -> None:
    """Refuse a request whose token does not allow that; without tokens everything is allowed."""
    scopes = request.get(_SCOPES, EVERYTHING)
    if scope not in scopes:
        raise RefusalError("scope_missing", scopes=sorted(scopes), needed=scope)


def needed(method: str, path: str) -> Scope:
    """What a token must allow for a request, as far as its first line tells: /offer asks for more where it begins."""
    if path in ("/metrics", "/health"):
        return "metrics"
    is_reading = method in (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS) and path != "/pcm"
    return "view" if is_reading or path == "/offer" or path.split("/")[1] == "whep" else "publish"


def header_writer(access: Access) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Adds to every answer what keeps a browser from harm, and tells an allowed site that it may read it."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        response.headers.add(hdrs.VARY, "Origin")
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or not access.allows(origin):
            response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
            return
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = _EXPOSED_HEADERS
        if hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = _METHODS
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = _ALLOWED_HEADERS
            response.headers[hdrs.ACCESS_CONTROL_MAX_AGE] = "600"

    return add


def bearer(request: web.Request) -> str | None:
    """The token in a request's header, if it has one."""
    found = re.fullmatch(r"bearer +(\S+)", request.headers.get(hdrs.AUTHORIZATION, ""), re.IGNORECASE)
    return found and found[1]


def is_same_secret(shown: str, secret: str) -> bool:
    """Compare in a time that tells nothing of the secret."""
    return hmac.compare_digest(shown.encode(errors="surrogateescape"), secret.encode())


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name_of(host: str) -> str | None:
    """The name in HOST:PORT, in small letters; None if that is no host."""
    found = re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]+)?", host, re.IGNORECASE)
    return found and found[1].lower()


def _check_rate(rates: RateLimits, address: str, cost: float, least: float = 0.0) -> None:
    if wait := rates.take(address, cost, least):
        seconds = max(1, round(wait))
        raise RefusalError("too_many_requests", {hdrs.RETRY_AFTER: str(seconds)}, seconds=seconds)


def _is_upload(request: web.Request) -> bool:
    return request.method == hdrs.METH_POST and request.path == "/avatars"


def _is_led_here(request: web.Request) -> bool:
    """Whether another site's link, or the like, brought a person to our page, which only they can see."""
    headers = request.headers
    is_elsewhere = headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") and hdrs.ORIGIN not in headers
    return is_elsewhere and request.method == hdrs.METH_GET and headers.get("Sec-Fetch-Mode") == "navigate"


def network_of(address: str) -> str:
    """What one client can choose freely counts as one address: of IPv6 the last 64 bits."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else parsed.exploded[:19]
    return address
