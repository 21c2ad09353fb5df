"""A WHIP client (RFC 9725): sends what a peer sees to another server. Knows no conversation."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import aiohttp
from aiohttp import hdrs
from yarl import URL

from liveface.app.files.schema import parse_object
from liveface.app.server.routes.peer_resources import OFFER
from liveface.app.server.schemas import PeerNumbers, PushNumbers
from liveface.app.server.webrtc.peer import Peer
from liveface.engine.errors import ConfigurationError, LivefaceError, OutputError

_SECONDS = 10.0  # for each answer of the other server
_GOODBYE_SECONDS = 1.0  # likewise, when nothing depends on it
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # s before connecting again; each failure doubles it
_WATCHED = 0.5  # s from one look at a connection to the next
_MOST_REDIRECTIONS = 5
_LARGEST_ANSWER = 64 * 1024  # bytes
_QUOTED = 200  # characters of what a server says of its refusal
_REMEDIES = {
    400: "choose another codec",
    401: "check the token",
    403: "check the token",
    404: "check the address",
    405: "check the address",
    406: "choose another codec",
    409: "end what it gets already",
    415: "check the address",
    422: "choose another codec",
}

_LOGGER = logging.getLogger("liveface")

Tell = Callable[[str, bool], None]  # a sentence, and whether it is of a problem


class Destinations:
    """Where may be sent to: what is at or below one of some addresses. Without any, nowhere."""

    def __init__(self, addresses: Sequence[str]) -> None:
        """Raises `ConfigurationError` for what is no address."""
        self._addresses = [parse_address(address) for address in addresses]

    def check(self, url: URL) -> None:
        """Raise `ConfigurationError` if nothing may be sent there."""
        if not any(_is_within(url, address) for address in self._addresses):
            raise ConfigurationError(
                f"Sending to {url.scheme}://{url.authority} is not allowed: the server's --push-to must name it."
            )


class WhipPush:
    """Sends what peers view to one address: `start`, then `keep`, and `stop` in the end."""

    def __init__(
        self, make_peer: Callable[[], Peer], address: str, token: str | None, destinations: Destinations | None
    ) -> None:
        """`make_peer`: a new peer for each connection. `destinations`: where the server may have us redirected.

        None of them: anywhere, where the user is who chose. Raises `ConfigurationError` for what is no address or not
        allowed, and for what is no token.
        """
        check_token(token)
        self._make_peer = make_peer
        self._destinations = destinations
        self._address = self._checked(parse_address(address))
        self._headers = {} if token is None else {hdrs.AUTHORIZATION: f"Bearer {token}"}
        self._peer: Peer | None = None
        self._resource: URL | None = None
        self._failure: LivefaceError | None = None

    async def start(self) -> None:
        """Connect; raises `OutputError` where the server refuses or does not answer, or what a peer raises."""
        try:
            self._peer = self._make_peer()
            await self._peer.accept(await self._post(await self._peer.offer()))
        except BaseException:
            await self.stop()
            raise

    async def keep(
        self,
        is_wanted: Callable[[], bool],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tell: Tell = lambda text, is_problem: None,
    ) -> None:
        """Connect again whenever the connection is lost, while that `is_wanted`; may be cancelled.

        `tell` is called when it is lost, when it cannot be made again for another reason than before, and when it is
        there again.
        """
        wait = _FIRST_WAIT
        try:
            while True:
                while self._peer is not None and self._peer.state not in ("failed", "closed"):
                    wait = _FIRST_WAIT if self._peer.state == "connected" else wait
                    await sleep(_WATCHED)
                has_been_told = self._peer is None
                await self.stop()
                if not is_wanted():
                    return
                if not has_been_told:
                    tell(
                        f"The connection to the WHIP server at {self._address.authority} is lost: it is made again.",
                        True,
                    )
                await sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT)
                if is_wanted():
                    await self._try_again(tell)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End the connection and tell the server; may be called twice."""
        peer, self._peer = self._peer, None
        resource, self._resource = self._resource, None
        if peer is not None:
            await peer.close()
        if resource is not None:
            # A server that cannot be told notices that nothing comes any more.
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._client(_GOODBYE_SECONDS) as client, client.delete(resource, allow_redirects=False):
                    pass

    def numbers(self) -> PushNumbers:
        """How it goes, for JSON; `error` is why the latest attempt to connect again failed."""
        sent: PeerNumbers = {"state": "waiting"} if self._peer is None else self._peer.numbers()
        return {**sent, "error": None if self._failure is None else self._failure.as_object()}

    async def _try_again(self, tell: Tell) -> None:
        before = str(self._failure)
        try:
            await self.start()
            self._failure = None
            tell(f"The WHIP server at {self._address.authority} takes face and voice again.", False)
        except Exception as error:  # whatever it is, the next attempt may do better
            if isinstance(error, LivefaceError):
                self._failure = error
            else:
                self._failure = LivefaceError(f"The connection failed unexpectedly ({type(error).__name__}).")
                _LOGGER.error("A face could not be sent on.", exc_info=error)
            if str(self._failure) != before:
                tell(str(self._failure), True)

    async def _post(self, offer: str) -> str:
        url = self._address
        try:
            async with self._client(_SECONDS) as client:
                for _ in range(_MOST_REDIRECTIONS):
                    sent = client.post(url, data=offer, headers={hdrs.CONTENT_TYPE: OFFER}, allow_redirects=False)
                    async with sent as response:
                        location = response.headers.get(hdrs.LOCATION)
                        if response.status not in (307, 308) or location is None:
                            return await self._answer(response, location)
                        url = self._named(url, location)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OutputError(
                f"The WHIP server at {url.authority} does not answer ({_reason(error)}): check address and network."
            ) from error
        raise OutputError(f"The WHIP server at {self._address.authority} redirects without end: check the address.")

    async def _answer(self, response: aiohttp.ClientResponse, location: str | None) -> str:
        text = await _read(response)
        if response.status not in (200, 201):
            raise OutputError(_refusal(response, text))
        if location is not None:
            with suppress(ConfigurationError, OutputError):  # what may not be asked for is not asked to end
                self._resource = self._named(response.url, location)
        return text

    def _named(self, url: URL, location: str) -> URL:
        """Where the server at `url` sends us; raises `ConfigurationError` or `OutputError` if we may not go there."""
        named = self._checked(_joined(url, location))
        if url.scheme == "https" and named.scheme == "http":
            raise OutputError(
                f"The WHIP server at {url.authority} redirects from https to http, where others could read the token: "
                "give the address that is meant."
            )
        return named

    def _checked(self, url: URL) -> URL:
        if self._destinations is not None:
            self._destinations.check(url)
        return url

    def _client(self, seconds: float) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(headers=self._headers, timeout=aiohttp.ClientTimeout(total=seconds))


def parse_address(text: str) -> URL:
    """An http or https address; raises `ConfigurationError`. It may hold a key, so errors show its beginning only."""
    try:
        url = URL(text)
        is_address = url.scheme in ("http", "https") and url.host is not None and url.user is None
    except ValueError:
        is_address = False
    if not is_address:
        raise ConfigurationError(
            f"The address begins with “{text[:20]}”: write that of a WHIP server, such as https://example.org/whip."
        )
    return url


def check_token(token: str | None) -> None:
    """Raise `ConfigurationError` for what cannot be sent as a token."""
    if token is not None and not token.isprintable():
        raise ConfigurationError("The token holds a line end or another unprintable character: give it without.")


def _is_within(url: URL, address: URL) -> bool:
    parts = [part for part in url.path.split("/") if part]
    wanted = [part for part in address.path.split("/") if part]
    is_there = (url.scheme, url.host, url.port) == (address.scheme, address.host, address.port)
    return is_there and parts[: len(wanted)] == wanted and not {".", ".."} & set(parts)


def _joined(url: URL, location: str) -> URL:
    try:
        return parse_address(str(url.join(URL(location))))
    except ValueError as error:
        raise OutputError(
            f"The WHIP server at {url.authority} names an address that is none: report it there."
        ) from error


async def _read(response: aiohttp.ClientResponse) -> str:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > _LARGEST_ANSWER:
            raise OutputError(f"The WHIP server at {response.url.authority} answers too much: check the address.")
    return body.decode(errors="replace")


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or "no connection"
    return str(error) or f"nothing within {_SECONDS:.0f} s"


def _said(text: str) -> str:
    """What a server says of its refusal: the message, where it is one of ours."""
    told = (parse_object(text) or {}).get("error")
    return str(told.get("message", text)) if isinstance(told, dict) else text


def _refusal(response: aiohttp.ClientResponse, text: str) -> str:
    said = " ".join(_said(text).split())[:_QUOTED]
    wait = response.headers.get(hdrs.RETRY_AFTER)
    remedy = _REMEDIES.get(response.status, "try again later" if wait is None else f"try again in {wait[:10]} s")
    quoted = f" (“{said}”)" if said else ""
    return (
        f"The WHIP server at {response.url.authority} refuses: {response.status} {response.reason}{quoted}: {remedy}."
    )
