"""Tests of watching by WHEP, with stand-ins for sessions and peers."""

from pathlib import Path

import pytest

from liveface.app.server.security import Access
from tests.app.server.application_fakes import Client, World, visited
from tests.app.server.whip_offers import PLAYER, SOUND, offer

SDP = {"Content-Type": "application/sdp"}


def test_players_watch_a_publisher_by_its_name_or_id(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        publisher = await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        identifier = publisher.headers["Liveface-Conversation"]
        for address in ("/whep/studio", "/whep?conversation=studio", f"/whep/{identifier}"):
            response = await client.post(address, data=PLAYER, headers=SDP)
            assert response.status == 201
            assert response.headers["Location"].startswith("/whep/session/")
        peers = world.conversations.get(identifier).peers
        assert [(peer.speaks, peer.views) for peer in peers] == [(True, False), *3 * [(False, True)]]

    visited(tmp_path, visit)


def test_a_player_that_comes_before_its_publisher_is_told_to_ask_again(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        early = await client.post("/whep/studio", data=PLAYER, headers=SDP)
        assert early.status == 409
        assert int(early.headers["Retry-After"]) > 0
        await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        assert (await client.post("/whep/studio", data=PLAYER, headers=SDP)).status == 201

    visited(tmp_path, visit)


def test_a_player_that_leaves_ends_nothing_but_its_own_view(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        session = (await client.post("/whep/studio", data=PLAYER, headers=SDP)).headers["Location"]
        assert (await client.delete(session)).status == 200
        (conversation,) = world.conversations
        assert [peer.is_closed for peer in conversation.peers] == [False, True]
        assert (await client.delete(session)).status == 404

    visited(tmp_path, visit)


def test_what_a_player_would_send_is_refused(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        many = offer(("audio", "sendonly"), ("audio", "sendrecv"), ("video", "recvonly"), ("video", "recvonly"))
        answer = await (await client.post("/whep/studio", data=many, headers=SDP)).text()
        assert [line.split()[1] for line in answer.splitlines() if line.startswith("m=")] == ["0", "9", "9", "0"]

    visited(tmp_path, visit)


@pytest.mark.parametrize(
    "text",
    [
        SOUND,
        offer(("video", "inactive")),
        offer(("application", "sendrecv")),
        PLAYER.replace("VP8", "AV1"),
    ],
)
def test_an_offer_to_receive_nothing_is_not_acceptable(tmp_path: Path, text: str) -> None:
    async def visit(client: Client, world: World) -> None:
        await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        assert (await client.post("/whep/studio", data=text, headers=SDP)).status == 406

    visited(tmp_path, visit)


@pytest.mark.parametrize("address", ["/whep", "/whep?conversation=", "/whep/a%2Fb", "/whep/%00"])
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, address: str) -> None:
    async def visit(client: Client, world: World) -> None:
        assert (await client.post(address, data=PLAYER, headers=SDP)).status == 400

    visited(tmp_path, visit)


def test_a_page_of_an_allowed_site_can_read_where_its_session_is(tmp_path: Path) -> None:
    origin = "https://player.example.org"

    async def visit(client: Client, world: World) -> None:
        preflight = {
            "Origin": origin,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "content-type, etag, if-match, authorization",
        }
        allowed = (await client.options("/whep/studio", headers=preflight)).headers
        for wanted in ("POST", "PATCH", "DELETE", "OPTIONS"):
            assert wanted in allowed["Access-Control-Allow-Methods"]
        for wanted in ("content-type", "etag", "if-match", "authorization"):
            assert wanted in allowed["Access-Control-Allow-Headers"].lower()
        await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        response = await client.post("/whep/studio", data=PLAYER, headers=SDP | {"Origin": origin})
        assert response.headers["Access-Control-Allow-Origin"] == origin
        exposed = response.headers["Access-Control-Expose-Headers"].lower()
        for wanted in ("location", "etag", "link", "access-control-allow-methods", "liveface-conversation"):
            assert wanted in exposed

    visited(tmp_path, visit, Access(origins=frozenset({origin})))
