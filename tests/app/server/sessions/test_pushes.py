"""Tests of sending a face on to another server, with stand-ins for sessions, peers and that server."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from tests.app.server.application_fakes import Client, FakeConversation, World, visited
from tests.app.server.whip_offers import SOUND

SDP = {"Content-Type": "application/sdp"}


class FakeServer:
    """Answers every offer with `status`, and remembers what it was asked."""

    def __init__(self, status: int = 201) -> None:
        self.requests: list[tuple[str, str, str | None]] = []
        self.status = status

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, request.path, request.headers.get("Authorization")))
        return web.Response(status=self.status, text="v=0", headers={"Location": "/session/1"})


Visit = Callable[[Client, World, str, str], Awaitable[None]]


def pushing(folder: Path, server: FakeServer, visit: Visit) -> None:
    """Let a test visit a server with one conversation, which may push to the other server below /live."""
    port = unused_port()
    base = f"http://127.0.0.1:{port}"

    async def run(client: Client, world: World) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", server.answer)
        async with TestServer(application, port=port):
            published = await client.post("/whip", data=SOUND, headers=SDP)
            address = f"/conversations/{published.headers['Liveface-Conversation']}/push"
            client.session.headers["Liveface-Owner"] = published.headers["Liveface-Owner"]
            await visit(client, world, address, base)

    visited(folder, run, push_to=(f"{base}/live", f"{base}/session"))


def only_conversation(world: World) -> FakeConversation:
    (conversation,) = world.conversations
    return conversation


def test_a_push_begins_tells_its_numbers_and_ends(tmp_path: Path) -> None:
    server = FakeServer()

    async def visit(client: Client, world: World, address: str, base: str) -> None:
        begun = await client.post(address, json={"url": f"{base}/live/me", "token": "secret"})
        assert begun.status == 201
        push = begun.headers["Location"]
        assert push == f"{address}/{(await begun.json())['push']}"
        assert (await (await client.get(push)).json()) == {"state": "connected", "error": None}
        assert [(peer.speaks, peer.views) for peer in only_conversation(world).peers] == [(True, False), (False, True)]
        assert (await client.delete(push)).status == 204
        assert only_conversation(world).peers[1].is_closed
        assert (await client.get(push)).status == 404

    pushing(tmp_path, server, visit)
    assert server.requests == [("POST", "/live/me", "Bearer secret"), ("DELETE", "/session/1", "Bearer secret")]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 400),
        ({"url": 5}, 400),
        ({"url": "BASE/live", "token": 5}, 400),
        ({"url": "BASE/live", "token": "a line\n"}, 400),
        ({"url": "nonsense"}, 400),
        ({"url": "BASE/elsewhere"}, 400),
        ({"url": "http://169.254.169.254/live"}, 400),
    ],
)
def test_what_may_not_be_sent_to_is_never_asked(tmp_path: Path, asked: dict[str, Any], status: int) -> None:
    server = FakeServer()

    async def visit(client: Client, world: World, address: str, base: str) -> None:
        named = {key: value.replace("BASE", base) if isinstance(value, str) else value for key, value in asked.items()}
        response = await client.post(address, json=named)
        assert response.status == status
        assert (await response.json())["error"]["message"]
        assert len(only_conversation(world).peers) == 1

    pushing(tmp_path, server, visit)
    assert not server.requests


def test_a_server_that_refuses_is_told_of_and_no_peer_is_left(tmp_path: Path) -> None:
    async def visit(client: Client, world: World, address: str, base: str) -> None:
        response = await client.post(address, json={"url": f"{base}/live"})
        assert response.status == 502
        assert "401" in (await response.json())["error"]["message"]
        assert only_conversation(world).peers[1].is_closed

    pushing(tmp_path, FakeServer(status=401), visit)


def test_only_the_owner_may_push_look_and_end(tmp_path: Path) -> None:
    async def visit(client: Client, world: World, address: str, base: str) -> None:
        push = (await client.post(address, json={"url": f"{base}/live"})).headers["Location"]
        stranger = {"Liveface-Owner": "somebody"}
        assert (await client.post(address, json={"url": f"{base}/live"}, headers=stranger)).status == 403
        assert (await client.get(push, headers=stranger)).status == 403
        assert (await client.delete(push, headers=stranger)).status == 403
        other = await client.post("/whip", data=SOUND, headers=SDP)
        named = f"/conversations/{other.headers['Liveface-Conversation']}/push/{push.rpartition('/')[2]}"
        assert (await client.delete(named, headers={"Liveface-Owner": other.headers["Liveface-Owner"]})).status == 404
        assert (await client.get(push)).status == 200

    pushing(tmp_path, FakeServer(), visit)


def test_one_conversation_is_not_pushed_to_many_servers(tmp_path: Path) -> None:
    async def visit(client: Client, world: World, address: str, base: str) -> None:
        statuses = [(await client.post(address, json={"url": f"{base}/live"})).status for _ in range(5)]
        assert statuses == [201, 201, 201, 201, 503]

    pushing(tmp_path, FakeServer(), visit)


def test_those_that_begin_at_the_same_time_count_too_until_they_fail(tmp_path: Path) -> None:
    async def begin(client: Client, address: str, base: str, count: int) -> list[int]:
        requests = (client.post(address, json={"url": f"{base}/live"}) for _ in range(count))
        return sorted([response.status for response in await asyncio.gather(*requests)])

    async def visit(client: Client, world: World, address: str, base: str) -> None:
        server.status = 401
        assert await begin(client, address, base, 4) == [502] * 4
        server.status = 201
        assert await begin(client, address, base, 6) == [201] * 4 + [503] * 2

    server = FakeServer()
    pushing(tmp_path, server, visit)


def test_without_allowed_servers_nothing_is_pushed(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        published = await client.post("/whip", data=SOUND, headers=SDP)
        address = f"/conversations/{published.headers['Liveface-Conversation']}/push"
        owner = {"Liveface-Owner": published.headers["Liveface-Owner"]}
        response = await client.post(address, json={"url": "https://example.org/whip"}, headers=owner)
        assert response.status == 400
        assert "--push-to" in (await response.json())["error"]["message"]

    visited(tmp_path, visit)
