"""Tests of what a signalled peer's address can be asked, with stand-ins for sessions and peers."""

from pathlib import Path

import pytest

from liveface.app.server.routes import peer_resources as peer_sessions
from liveface.app.server.security import is_same_secret
from tests.app.server.application_fakes import Client, FakePeer, World, visited
from tests.app.server.whip_offers import SOUND, candidates

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}


async def published(client: Client) -> tuple[str, str]:
    """A session's address and entity-tag."""
    response = await client.post("/whip", data=SOUND, headers=SDP)
    return response.headers["Location"], response.headers["ETag"]


def only_peer(world: World) -> FakePeer:
    (conversation,) = world.conversations
    (peer,) = conversation.peers
    return peer


def test_addresses_differ_and_cannot_be_guessed(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        addresses = {(await published(client))[0] for _ in range(3)}
        assert len(addresses) == 3
        assert all(len(address.rpartition("/")[2]) >= 20 for address in addresses)

    visited(tmp_path, visit)


def test_the_answer_names_the_ice_servers_one_by_one(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        for response in (await client.post("/whip", data=SOUND, headers=SDP), await client.options("/whip")):
            assert response.headers.getall("Link") == [
                '<stun:stun.example.org>; rel="ice-server"',
                '<turn:turn.example.org>; rel="ice-server"; username="user"; credential="word"; '
                'credential-type="password"',
            ]

    visited(tmp_path, visit)


@pytest.mark.parametrize("header", ["If-Match", "ETag"])
@pytest.mark.parametrize("is_any", [False, True])
def test_candidates_that_come_later_reach_the_peer(tmp_path: Path, header: str, is_any: bool) -> None:
    async def visit(client: Client, world: World) -> None:
        session, tag = await published(client)
        response = await client.patch(session, data=candidates(), headers=FRAGMENT | {header: "*" if is_any else tag})
        assert response.status == 204
        assert "ETag" not in response.headers
        assert only_peer(world).fragments == [candidates()]

    visited(tmp_path, visit)


def test_candidates_for_another_run_of_ice_are_refused(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        session, _ = await published(client)
        missing = await client.patch(session, data=candidates(), headers=FRAGMENT)
        other = await client.patch(session, data=candidates(), headers=FRAGMENT | {"If-Match": '"other"'})
        restart = await client.patch(session, data=candidates("wxyz"), headers=FRAGMENT | {"If-Match": "*"})
        assert (missing.status, other.status, restart.status) == (428, 412, 422)
        assert not only_peer(world).fragments
        assert not only_peer(world).is_closed

    visited(tmp_path, visit)


@pytest.mark.parametrize(("kind", "body", "status"), [("application/sdp", candidates(), 415), (None, "hello", 400)])
def test_what_is_no_fragment_is_refused(tmp_path: Path, kind: str | None, body: str, status: int) -> None:
    async def visit(client: Client, world: World) -> None:
        session, tag = await published(client)
        headers = {"Content-Type": kind} if kind else FRAGMENT
        assert (await client.patch(session, data=body, headers=headers | {"If-Match": tag})).status == status
        assert not only_peer(world).fragments

    visited(tmp_path, visit)


def test_an_unknown_or_ended_session_is_not_found(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        session, tag = await published(client)
        await only_peer(world).close()
        for address in (session, "/whip/unknown"):
            assert (await client.delete(address)).status == 404
            assert (await client.patch(address, data=candidates(), headers=FRAGMENT | {"If-Match": tag})).status == 404

    visited(tmp_path, visit)


def test_the_key_is_compared_as_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(given: str, secret: str) -> bool:
        compared.append((given, secret))
        return is_same_secret(given, secret)

    monkeypatch.setattr(peer_sessions, "is_same_secret", compare)

    async def visit(client: Client, world: World) -> None:
        session, _ = await published(client)
        assert (await client.delete("/whip/unknown")).status == 404
        assert (await client.delete(session)).status == 200
        key = session.rpartition("/")[2]
        assert compared == [("unknown", key), (key, key)]

    visited(tmp_path, visit)


def test_a_session_tells_what_it_takes_and_has_nothing_to_get(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        session, _ = await published(client)
        response = await client.options(session)
        assert response.status == 200
        assert response.headers["Accept-Patch"] == "application/trickle-ice-sdpfrag"
        assert (await client.get(session)).status == 204
        assert (await client.put(session, data=SOUND, headers=SDP)).status == 405

    visited(tmp_path, visit)
