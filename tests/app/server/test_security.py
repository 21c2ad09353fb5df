"""Tests of who may ask: tokens, origins, host names and rates, with real requests where a browser is meant."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from liveface.app.server.application import explained
from liveface.app.server.proxies import TrustedProxies
from liveface.app.server.security import (
    Access,
    Guard,
    RateLimits,
    header_writer,
    is_loopback,
    is_same_secret,
    parse_origin,
)
from liveface.app.session.clock import Clock, MonotonicClock
from liveface.engine.errors import ConfigurationError
from tests.app.server.application_fakes import Client, StillClock

TOKEN = "a-token-of-some-length"


def asked(visit: Callable[[Client], Awaitable[None]], access: Access, clock: Clock | None = None) -> None:
    async def welcome(request: web.Request) -> web.Response:
        return web.Response(text="welcome")

    async def run() -> None:
        application = web.Application(middlewares=[explained, Guard(access, clock or MonotonicClock()).middleware()])
        application.on_response_prepare.append(header_writer(access))
        application.add_routes([web.route("*", "/{path:.*}", welcome)])
        async with TestClient(TestServer(application)) as client:
            await visit(client)

    asyncio.run(run())


def test_a_local_server_without_a_token_answers_its_own_machine() -> None:
    async def visit(client: Client) -> None:
        assert (await client.get("/health")).status == 200

    asked(visit, Access())


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "[", "localhost."])
def test_another_sites_name_that_points_here_is_refused(host: str) -> None:
    async def visit(client: Client) -> None:
        assert (await client.get("/health", headers={"Host": host})).status in (400, 421)

    asked(visit, Access())


@pytest.mark.parametrize(
    "host", ["localhost:8080", "LOCALHOST", "127.0.0.1:1", "127.0.0.5", "[::1]:8080", "face.example.org"]
)
def test_local_names_and_those_of_allowed_sites_are_served(host: str) -> None:
    async def visit(client: Client) -> None:
        assert (await client.get("/health", headers={"Host": host})).status == 200

    asked(visit, Access(origins=frozenset({"https://face.example.org"})))


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:1", "https://face.example.org.evil.example", "file://", "["],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
def test_a_foreign_page_may_not_ask(origin: str, method: str) -> None:
    async def visit(client: Client) -> None:
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        response = await client.request(method, "/offer", headers=headers)
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers

    asked(visit, Access(origins=frozenset({"https://face.example.org"})))


def test_our_own_page_may_ask() -> None:
    async def visit(client: Client) -> None:
        headers = {"Origin": f"http://{client.host}:{client.port}"}
        assert (await client.post("/offer", headers=headers)).status == 200

    asked(visit, Access())


def test_an_allowed_site_may_ask_and_read_also_after_a_preflight_without_token() -> None:
    origin = "https://face.example.org"

    async def visit(client: Client) -> None:
        asking = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
        response = await client.options("/whip/1", headers=asking)
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert "DELETE" in response.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        response = await client.post("/whip", headers={"Origin": origin, "Authorization": f"Bearer {TOKEN}"})
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert "Location" in response.headers["Access-Control-Expose-Headers"]
        assert response.headers["Vary"] == "Origin"

    asked(visit, Access(TOKEN, frozenset({origin}), is_local=False))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN} more"},
        {"Authorization": "Bearer \udcff"},
        {"Cookie": f"liveface={TOKEN}"},
    ],
)
def test_without_the_token_nothing_is_told(headers: dict[str, str]) -> None:
    async def visit(client: Client) -> None:
        for path in ("/", "/health", f"/health?token={TOKEN}", "/?token=wrong"):
            response = await client.get(path, headers=headers)
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"

    asked(visit, Access(TOKEN, is_local=False))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER  "])
def test_the_token_opens(scheme: str) -> None:
    async def visit(client: Client) -> None:
        assert (await client.get("/health", headers={"Authorization": f"{scheme} {TOKEN}"})).status == 200

    asked(visit, Access(TOKEN, is_local=False))


def test_a_browser_shows_the_token_once_and_then_neither_keeps_nor_sends_it() -> None:
    async def visit(client: Client) -> None:
        response = await client.get(f"/?token={TOKEN}", allow_redirects=False)
        assert response.status == 303
        assert response.headers["Location"] == "/"
        cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert TOKEN not in cookie
        kept = cookie.partition(";")[0]
        assert (await client.get("/", headers={"Cookie": kept})).status == 200

    asked(visit, Access(TOKEN, is_local=False))


def test_too_many_requests_are_refused_until_some_time_has_passed() -> None:
    clock = StillClock()

    async def visit(client: Client) -> None:
        statuses = [(await client.get("/health")).status for _ in range(405)]
        assert statuses == [200] * 400 + [429] * 5
        response = await client.get("/health")
        assert int(response.headers["Retry-After"]) >= 1
        clock.moment += 1.0
        assert (await client.get("/health")).status == 200

    asked(visit, Access(), clock)


def test_guessing_tokens_is_slow() -> None:
    async def visit(client: Client) -> None:
        wrong = {"Authorization": "Bearer wrong"}
        statuses = [(await client.get("/health", headers=wrong)).status for _ in range(60)]
        assert statuses == [401] * 40 + [429] * 20
        right = {"Authorization": f"Bearer {TOKEN}"}  # which who guesses must not learn
        assert (await client.get("/health", headers=right)).status == 429
        clock.moment += 1
        assert (await client.get("/health", headers=right)).status == 200

    clock = StillClock()
    asked(visit, Access(TOKEN), clock)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_no_page_of_another_site_locks_the_owner_out(headers: dict[str, str], token: str | None) -> None:
    async def visit(client: Client) -> None:
        kept = {}
        if token is not None:
            response = await client.get(f"/?token={token}", allow_redirects=False)
            kept = {"Cookie": response.headers["Set-Cookie"].partition(";")[0]}
        for _ in range(500):
            last = (await client.get("/?token=guessed", headers=headers, allow_redirects=False)).status
        assert last == 429
        assert (await client.get("/health", headers=kept)).status == 200

    asked(visit, Access(token), StillClock())


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_sites_page_fetches_without_an_origin_is_refused_and_a_link_is_followed(site: str) -> None:
    async def visit(client: Client) -> None:
        picture = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
        assert (await client.get("/avatars/clara/photo.jpg", headers=picture)).status == 403
        link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
        assert (await client.get("/", headers=link)).status == 200
        for own in ("same-origin", "none"):
            assert (await client.get("/", headers=picture | {"Sec-Fetch-Site": own})).status == 200

    asked(visit, Access())


def test_behind_a_trusted_proxy_each_client_has_a_rate_of_its_own() -> None:
    async def visit(client: Client) -> None:
        for _ in range(401):
            last = (await client.get("/health", headers={"X-Forwarded-For": "192.0.2.1"})).status
        assert last == 429
        lying = {"X-Forwarded-For": "192.0.2.99, 192.0.2.1"}  # the first was said by the client
        assert (await client.get("/health", headers=lying)).status == 429
        assert (await client.get("/health", headers={"X-Forwarded-For": "192.0.2.2"})).status == 200

    asked(visit, Access(proxies=TrustedProxies.parse(["127.0.0.1"])), StillClock())


def test_nobody_else_is_believed_about_its_address() -> None:
    async def visit(client: Client) -> None:
        headers = [{"X-Forwarded-For": f"192.0.2.{number}"} for number in range(200)] * 3
        assert [(await client.get("/health", headers=one)).status for one in headers][-1] == 429

    asked(visit, Access(), StillClock())


@pytest.mark.parametrize(("proxies", "is_secure"), [(["127.0.0.0/8"], True), ([], False)])
def test_a_cookie_is_secure_where_the_trusted_proxy_speaks_https(proxies: list[str], is_secure: bool) -> None:
    async def visit(client: Client) -> None:
        headers = {"X-Forwarded-Proto": "https"}
        response = await client.get(f"/?token={TOKEN}", headers=headers, allow_redirects=False)
        assert ("Secure" in response.headers["Set-Cookie"]) is is_secure

    asked(visit, Access(TOKEN, proxies=TrustedProxies.parse(proxies)))


def test_two_browsers_keep_different_ids_and_a_made_up_one_opens_nothing() -> None:
    async def visit(client: Client) -> None:
        found = set()
        for _ in range(2):
            response = await client.get(f"/?token={TOKEN}", allow_redirects=False)
            found.add(response.headers["Set-Cookie"].partition(";")[0])
            client.session.cookie_jar.clear()
        assert len(found) == 2
        assert (await client.get("/", headers={"Cookie": "liveface=" + "a" * 43})).status == 401

    asked(visit, Access(TOKEN))


def test_what_was_asked_of_the_page_survives_the_login() -> None:
    async def visit(client: Client) -> None:
        response = await client.get(f"/?conversation=a%26b&token={TOKEN}", allow_redirects=False)
        assert response.headers["Location"] == "/?conversation=a%26b"

    asked(visit, Access(TOKEN))


def test_uploads_count_for_many_requests() -> None:
    async def visit(client: Client) -> None:
        statuses = [(await client.post("/avatars")).status for _ in range(21)]
        assert statuses == [200] * 20 + [429]

    asked(visit, Access(), StillClock())


def test_each_address_has_a_rate_of_its_own_and_the_number_kept_is_bounded() -> None:
    rates = RateLimits(StillClock())
    assert rates.take("192.0.2.1", 400) == 0
    assert rates.take("192.0.2.1") > 0
    assert rates.take("::ffff:192.0.2.1") > 0
    assert rates.take("192.0.2.2", 400) == 0
    assert rates.take("2001:db8:1:2::1", 400) == 0
    assert rates.take("2001:db8:1:2:ffff::2") > 0
    assert rates.take("2001:db8:1:3::1") == 0
    for number in range(5000):
        rates.take(f"10.0.{number // 256}.{number % 256}")
    assert len(rates._buckets) <= 4096


def test_every_answer_keeps_a_browser_from_harm() -> None:
    async def visit(client: Client) -> None:
        for path in ("/", "/nothing"):
            headers = (await client.get(path)).headers
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert "unsafe" not in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert "aiohttp" not in headers["Server"]

    asked(visit, Access())


@pytest.mark.parametrize(
    ("text", "origin"), [("https://Example.org/", "https://example.org"), ("http://a:81", "http://a:81")]
)
def test_an_origin_is_read_as_browsers_write_it(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text", ["*", "example.org", "https://", "https://a/b", "https://u@a", "ftp://a", "http://[", ""]
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="scheme and host"):
        parse_origin(text)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.3.2.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_only_loopback_addresses_are_local(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_secrets_of_any_text_can_be_compared() -> None:
    assert is_same_secret("abc", "abc")
    assert not is_same_secret("\udcff", "abc")
    assert not is_same_secret("ä", "abc")
