"""Tests of the whole application: the page, what the server tells of itself, and what it refuses."""

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import pytest
from yarl import URL

from liveface.app.server import application as server
from liveface.app.server.security import Access
from tests.app.server.application_fakes import SDP, Client, World, visited


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>A page</title>")
    (folder / "client.js").write_text("export {};")
    (folder / "style.css").write_text("body { margin: 0 }")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def test_the_page_and_its_files_are_served(tmp_path: Path, page: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        for path, kind in (("/", "text/html"), ("/client.js", "text/javascript"), ("/style.css", "text/css")):
            response = await client.get(path)
            assert response.status == 200
            assert response.content_type == kind
            assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert response.headers["Cache-Control"] == "no-cache"
            assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert (await client.head("/")).status == 200

    visited(tmp_path, visit, page=page)


@pytest.mark.parametrize(
    "path",
    [
        *("/index.html", "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2fetc%2fpasswd", "/page/"),
        *("/client.js/", "/client.js%00", "/page/../../secret.txt", "/client.js/../../secret.txt"),
    ],
)
def test_only_the_pages_own_files_are_served(tmp_path: Path, page: Path, path: str) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.get(URL(path, encoded=True))
        assert response.status in (400, 404)
        assert "secret" not in await response.text()

    visited(tmp_path, visit, page=page)


def test_the_shipped_page_is_complete() -> None:
    assert (server.PAGE / "index.html").is_file()


def test_health_tells_when_nothing_is_drawn_any_more(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        world.ensemble.scheduler.is_running = False
        for path in ("/health", "/healthz"):
            response = await client.get(path, headers={"Authorization": "Bearer a-token"})
            assert response.status == 503
            found = await response.json()
            assert found["status"] == "failed"
            assert found["error"]["code"] == "drawing_stopped"

    visited(tmp_path, visit, Access("a-token"))


def test_everybody_may_ask_whether_the_server_is_well_and_learns_nothing_else(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        assert await (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/health")).status == 401

    visited(tmp_path, visit, Access("a-token"))


def test_health_tells_how_many_sessions_there_are_and_can_be(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        await client.post("/offer", json={"type": "offer", "sdp": SDP})
        health = await (await client.get("/health")).json()
        assert health == {"status": "ok", "version": version("liveface"), "sessions": 1, "capacity": 2, "load": 0.0}

    visited(tmp_path, visit)


def test_the_settings_tell_a_page_what_it_needs(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        assert await (await client.get("/settings")).json() == {
            "version": version("liveface"),
            "ice_servers": [
                {"urls": ["stun:stun.example.org"]},
                {"urls": ["turn:turn.example.org"], "username": "user", "credential": "word"},
            ],
            "size": "512x512",
            "lookahead": 2,
            "codec": "vp8",
            "maximum_upload_bytes": 10_000_000,
        }

    visited(tmp_path, visit)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"' + b"a" * 1000, b"[" * 100_000, b"1" * 5000, b'{"a": NaN']
)
def test_a_body_that_is_no_object_is_refused(tmp_path: Path, body: bytes) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.post("/offer", data=body)
        assert response.status == 400
        assert "object" in (await response.json())["error"]["message"]

    visited(tmp_path, visit)


@pytest.mark.parametrize("path", ["/offer", "/conversations/1/mute", "/whip", "/nothing"])
def test_a_message_of_10_mb_is_refused(tmp_path: Path, path: str) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.post(path, data=BytesIO(bytes(10_000_000)))
        assert response.status in (404, 413)
        assert (await response.json())["error"]["message"]
        assert (await client.get("/health")).status == 200

    visited(tmp_path, visit)


def test_a_body_that_does_not_come_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_BODY_SECONDS", 0.05)

    async def visit(client: Client, world: World) -> None:
        waiting = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"{"
            await waiting.wait()

        assert (await client.post("/offer", data=slow())).status == 408
        waiting.set()

    visited(tmp_path, visit)


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/offer", 405), ("DELETE", "/health", 405)]
)
def test_what_cannot_be_asked_is_refused_in_json(tmp_path: Path, method: str, path: str, status: int) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.request(method, path)
        assert response.status == status
        assert (await response.json())["error"]["message"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert (status == 405) == ("Allow" in response.headers)

    visited(tmp_path, visit)


def test_nothing_is_served_without_the_token(tmp_path: Path, page: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        for path in ("/", "/client.js", "/health", "/metrics", "/avatars", "/avatars/clara/photo.jpg", "/settings"):
            response = await client.get(path)
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await client.post("/offer", json={"type": "offer", "sdp": SDP})).status == 401
        assert not len(world.conversations)

    visited(tmp_path, visit, Access("a-token-of-some-length", is_local=False), page)


def test_a_person_without_the_token_is_told_in_plain_text(tmp_path: Path, page: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.get("/", headers={"Accept": "text/html,application/xhtml+xml"})
        assert response.status == 401
        assert response.content_type == "text/plain"
        assert (await response.text()).startswith("This server needs its token: open the address")

    visited(tmp_path, visit, Access("a-token-of-some-length", is_local=False), page)


def test_the_end_of_the_server_ends_all_conversations(tmp_path: Path) -> None:
    worlds = []

    async def visit(client: Client, world: World) -> None:
        worlds.append(world)
        await client.post("/offer", json={"type": "offer", "sdp": SDP})
        assert len(world.conversations) == 1

    visited(tmp_path, visit)
    assert len(worlds[0].conversations) == 0
