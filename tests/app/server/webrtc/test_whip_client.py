"""Tests of the WHIP client: what it sends, whom it trusts, and what it says when it is refused."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from liveface.app.server.settings import ServeSettings
from liveface.app.server.webrtc.whip_client import Destinations, WhipPush, parse_address
from liveface.engine.errors import ConfigurationError, OutputError, PeerError
from tests.app.server.test_settings import make_certificate

Handler = Callable[[web.Request], Awaitable[web.Response]]
ANYWHERE = None


class FakePeer:
    """Offers and accepts plain text."""

    def __init__(self) -> None:
        self.accepted: str | None = None
        self.closed = 0
        self.state = "new"

    async def offer(self) -> str:
        return "v=0 offer"

    async def accept(self, sdp: str) -> None:
        if sdp != "v=0 answer":
            raise PeerError("no answer")
        self.accepted = sdp
        self.state = "connected"

    async def close(self) -> None:
        self.closed += 1
        self.state = "closed"

    def numbers(self) -> dict[str, object]:
        return {"state": self.state}


class FakeServer:
    """Answers requests with what it is told to, and remembers them."""

    def __init__(self, *answers: web.Response) -> None:
        self.requests: list[tuple[str, str, str | None, str]] = []
        self.answers = list(answers)

    async def answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.requests.append((request.method, request.path_qs, request.headers.get("Authorization"), text))
        return self.answers.pop(0) if self.answers else web.Response()


@asynccontextmanager
async def listened(server: FakeServer, context: ssl.SSLContext | None = None) -> AsyncIterator[TestServer]:
    """It takes all requests, over https with a context."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    running = TestServer(application, scheme="http" if context is None else "https")
    await running.start_server(ssl=context)
    try:
        yield running
    finally:
        await running.close()


def created(location: str | None = "/session/1") -> web.Response:
    headers = {} if location is None else {"Location": location}
    return web.Response(status=201, text="v=0 answer", content_type="application/sdp", headers=headers)


def redirected(location: str) -> web.Response:
    return web.Response(status=307, headers={"Location": location})


async def pushed(
    server: FakeServer, destinations: Callable[[str], Destinations | None] = lambda base: None
) -> FakePeer:
    """Push to /whip?key=1 of a server with a token, then stop twice."""
    peer: Any = FakePeer()
    async with listened(server) as running:
        base = str(running.make_url("/"))
        push = WhipPush(lambda: peer, f"{base}whip?key=1", "secret", destinations(base))
        try:
            await push.start()
        finally:
            await push.stop()
            await push.stop()
    assert isinstance(peer, FakePeer)
    return peer


def test_the_offer_is_posted_with_the_token_and_deleted_in_the_end() -> None:
    server = FakeServer(created())
    peer = asyncio.run(pushed(server))
    assert server.requests == [
        ("POST", "/whip?key=1", "Bearer secret", "v=0 offer"),
        ("DELETE", "/session/1", "Bearer secret", ""),
    ]
    assert peer.accepted == "v=0 answer"
    assert peer.closed


def test_a_server_that_names_no_session_is_not_told_of_the_end() -> None:
    server = FakeServer(created(location=None))
    asyncio.run(pushed(server))
    assert [method for method, *_ in server.requests] == ["POST"]


def test_a_redirection_is_followed_with_the_same_offer() -> None:
    server = FakeServer(redirected("/elsewhere"), redirected("again?x=2"), created("1"))
    asyncio.run(pushed(server))
    assert [(method, path) for method, path, *_ in server.requests] == [
        ("POST", "/whip?key=1"),
        ("POST", "/elsewhere"),
        ("POST", "/again?x=2"),
        ("DELETE", "/1"),
    ]
    assert server.requests[2][2:] == ("Bearer secret", "v=0 offer")


def test_redirections_in_a_circle_end() -> None:
    server = FakeServer(*(redirected("/whip?key=1") for _ in range(20)))
    with pytest.raises(OutputError, match="redirects without end"):
        asyncio.run(pushed(server))
    assert len(server.requests) < 10


def test_a_redirection_to_what_is_not_allowed_is_not_followed() -> None:
    server = FakeServer(redirected("http://169.254.169.254/latest"))
    with pytest.raises(ConfigurationError, match=r"169\.254\.169\.254\S* is not allowed"):
        asyncio.run(pushed(server, lambda base: Destinations([base])))
    assert len(server.requests) == 1


def test_a_session_where_nothing_may_be_sent_is_left_alone() -> None:
    server = FakeServer(created("http://169.254.169.254/delete-me"))
    peer = asyncio.run(pushed(server, lambda base: Destinations([base])))
    assert peer.accepted
    assert [method for method, *_ in server.requests] == ["POST"]


@pytest.mark.parametrize("is_redirected", [False, True])
def test_a_token_that_was_sent_over_https_is_not_sent_over_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_redirected: bool
) -> None:
    """Whether the server redirects there or names a session there."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_certificate(cert, key)
    context = ServeSettings(cert=str(cert), key=str(key)).tls()
    client = aiohttp.ClientSession
    monkeypatch.setattr(
        aiohttp, "ClientSession", lambda **given: client(**given, connector=aiohttp.TCPConnector(ssl=False))
    )
    peer: Any = FakePeer()

    async def run() -> None:
        async with listened(elsewhere) as plain, listened(server, context) as secure:
            location = str(plain.make_url("/session"))
            server.answers.append(redirected(location) if is_redirected else created(location))
            push = WhipPush(lambda: peer, str(secure.make_url("/whip")), "secret", ANYWHERE)
            with pytest.raises(OutputError, match="from https to http") if is_redirected else nullcontext():
                await push.start()
            await push.stop()

    server, elsewhere = FakeServer(), FakeServer()
    asyncio.run(run())
    assert [method for method, *_ in server.requests] == ["POST"]
    assert not elsewhere.requests


@pytest.mark.parametrize("token", ["secret\n", "sec\r\nret", "\0", "\udcff"])
def test_a_token_that_cannot_be_sent_is_refused_and_not_repeated(token: str) -> None:
    peer: Any = FakePeer()
    with pytest.raises(ConfigurationError, match="The token holds") as refusal:
        WhipPush(lambda: peer, "https://example.org/live", token, ANYWHERE)
    assert "sec" not in str(refusal.value)


@pytest.mark.parametrize(
    ("status", "headers", "remedy"),
    [
        (401, {}, "check the token"),
        (404, {}, "check the address"),
        (406, {}, "choose another codec"),
        (500, {}, "try again later"),
        (503, {"Retry-After": "7"}, "try again in 7 s"),
    ],
)
def test_a_refusal_is_one_sentence_with_what_the_server_said(status: int, headers: dict[str, str], remedy: str) -> None:
    server = FakeServer(web.Response(status=status, text="too\n bad", headers=headers))
    with pytest.raises(OutputError, match=rf"^The WHIP server at \S+ refuses: {status} .* \(“too bad”\): {remedy}\.$"):
        asyncio.run(pushed(server))
    assert len(server.requests) == 1  # nothing was begun, so nothing is deleted


def test_no_error_tells_the_key_that_an_address_holds() -> None:
    server = FakeServer(web.Response(status=403))
    with pytest.raises(OutputError) as caught:
        asyncio.run(pushed(server))
    assert "key=1" not in str(caught.value)


def test_an_answer_that_the_peer_cannot_use_ends_the_session_there() -> None:
    server = FakeServer(web.Response(status=201, text="v=0 nonsense", headers={"Location": "/session/1"}))
    with pytest.raises(PeerError):
        asyncio.run(pushed(server))
    assert [method for method, *_ in server.requests] == ["POST", "DELETE"]


def test_an_answer_without_end_is_not_read() -> None:
    server = FakeServer(web.Response(status=201, body=b"x" * 200_000))
    with pytest.raises(OutputError, match="answers too much"):
        asyncio.run(pushed(server))


def test_a_server_that_is_not_there_is_named() -> None:
    peer: Any = FakePeer()
    push = WhipPush(lambda: peer, f"http://127.0.0.1:{unused_port()}/whip", None, ANYWHERE)
    with pytest.raises(OutputError, match=r"127\.0\.0\.1:\d+ does not answer"):
        asyncio.run(push.start())
    assert peer.closed


class Losses:
    """Lets each connection be lost that is waited for, without time going by; `count` of them are wanted."""

    def __init__(self, count: int) -> None:
        self.peers: list[FakePeer] = []
        self.waits: list[float] = []
        self._count = count

    def make_peer(self) -> Any:
        self.peers.append(FakePeer())
        return self.peers[-1]

    def is_wanted(self) -> bool:
        return len(self.peers) < self._count

    async def sleep(self, seconds: float) -> None:
        if self.peers[-1].state == "connected":
            self.peers[-1].state = "failed"
        else:
            self.waits.append(seconds)


async def kept(
    server: FakeServer, losses: Losses, tell: Callable[[str, bool], None] = lambda text, is_problem: None
) -> WhipPush:
    async with listened(server) as running:
        push = WhipPush(losses.make_peer, str(running.make_url("/whip")), None, ANYWHERE)
        await push.start()
        await push.keep(losses.is_wanted, losses.sleep, tell)
        return push


def test_a_loss_is_told_once_with_what_stands_in_the_way_and_so_is_the_return() -> None:
    good = {"status": 201, "text": "v=0 answer"}
    refused = [web.Response(status=503) for _ in range(2)]
    server = FakeServer(web.Response(**good), *refused, web.Response(status=404), web.Response(**good))
    told: list[str] = []
    problems: list[bool] = []

    def note(text: str, is_problem: bool) -> None:
        told.append(text)
        problems.append(is_problem)

    asyncio.run(kept(server, Losses(5), note))
    assert problems == [True, True, True, False]
    assert [text.partition(" at ")[0] for text in told[:1]] == ["The connection to the WHIP server"]
    assert "is lost" in told[0]
    assert "503" in told[1]
    assert "404" in told[2]
    assert "takes face and voice again" in told[3]
    assert len(told) == 4


def test_an_unexpected_failure_is_logged_and_the_next_attempt_is_made(caplog: pytest.LogCaptureFixture) -> None:
    losses = Losses(3)
    make_peer = losses.make_peer

    def fail_once() -> Any:
        peer = make_peer()
        if len(losses.peers) == 2:
            peer.offer = None
        return peer

    losses.make_peer = fail_once  # type: ignore[method-assign]
    server = FakeServer(*(web.Response(status=201, text="v=0 answer") for _ in range(3)))
    told: list[str] = []
    asyncio.run(kept(server, losses, lambda text, is_problem: told.append(text)))
    assert len(losses.peers) == 3
    assert "unexpectedly (TypeError)" in told[1]
    assert "TypeError" in caplog.text


def test_a_lost_connection_is_made_again_with_a_new_peer() -> None:
    server, losses = FakeServer(created("/1"), web.Response(), created("/2")), Losses(2)
    asyncio.run(kept(server, losses))
    assert [(method, path) for method, path, *_ in server.requests] == [
        ("POST", "/whip"),
        ("DELETE", "/1"),
        ("POST", "/whip"),
        ("DELETE", "/2"),
    ]
    assert [peer.closed for peer in losses.peers] == [1, 1]


def test_a_server_that_stays_away_is_asked_ever_more_seldom() -> None:
    refusals = (web.Response(status=503) for _ in range(7))
    server, losses = FakeServer(created(None), *refusals), Losses(8)
    push = asyncio.run(kept(server, losses))
    assert losses.waits == [1, 2, 4, 8, 16, 30, 30]
    numbers = push.numbers()
    assert numbers["state"] == "waiting"
    assert "503" in str(numbers["error"])


@pytest.mark.parametrize(
    "address",
    [
        "",
        "whip",
        "ftp://example.org/",
        "http://",
        "file:///etc/passwd",
        "http://user:secret@example.org/",
        "http://[::",
    ],
)
def test_what_is_no_address_of_a_server_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_address(address)


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("https://example.org/live", True),
        ("https://example.org:443/live/key?x=1", True),
        ("https://EXAMPLE.org/live/", True),
        ("http://example.org/live", False),
        ("https://example.org:8443/live", False),
        ("https://example.org/lively", False),
        ("https://example.org/live/../admin", False),
        ("https://example.org/live/%2e%2e/admin", False),
        ("https://example.org.evil.org/live", False),
        ("https://example.org@evil.org/live", False),
        ("https://sub.example.org/live", False),
    ],
)
def test_only_what_is_at_or_below_a_named_address_is_allowed(address: str, is_allowed: bool) -> None:
    peer: Any = FakePeer()
    try:
        WhipPush(lambda: peer, address, None, Destinations(["https://example.org/live"]))
    except ConfigurationError:
        assert not is_allowed
    else:
        assert is_allowed


def test_without_named_addresses_nothing_is_allowed() -> None:
    peer: Any = FakePeer()
    with pytest.raises(ConfigurationError, match="--push-to"):
        WhipPush(lambda: peer, "https://example.org/live", None, Destinations([]))
