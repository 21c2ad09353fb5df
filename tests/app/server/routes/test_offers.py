"""Tests of offers and of what the owner of a conversation may do, with stand-ins for peers and sessions."""

import asyncio
from pathlib import Path

import pytest

from liveface.app.server.webrtc.rtp_source import RemoteSource
from tests.app.server.application_fakes import NUMBERS, SDP, Client, World, visited

OFFER = {"type": "offer", "sdp": SDP}


def owned(answer: dict[str, str]) -> dict[str, str]:
    return {"Liveface-Owner": answer["owner"]}


def test_an_offer_begins_a_conversation_whose_peer_speaks_and_sees(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        asked = OFFER | {"avatar": "jonas", "size": "128x256", "lookahead": 4}
        response = await client.post("/offer", json=asked)
        assert response.status == 200
        answer = await response.json()
        assert answer.pop("sdp").startswith("v=0 answer")
        assert answer == {"type": "answer", "conversation": "conversation1", "owner": "owner1"}
        conversation = world.conversations.get("conversation1")
        assert conversation.wish.name == "jonas"
        assert conversation.wish.lookahead == 4
        assert conversation.wish.avatar.photo.shape == (256, 128, 3)
        assert isinstance(conversation.source, RemoteSource)
        assert [(peer.speaks, peer.views) for peer in conversation.peers] == [(True, True)]
        assert world.conversations.costs == [pytest.approx(0.001 + 256 * 128 * 1e-8)]

    visited(tmp_path, visit)


def test_what_an_offer_leaves_open_is_the_servers_choice(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        await client.post("/offer", json=OFFER | {"avatar": None})
        wish = world.conversations.get("conversation1").wish
        assert (wish.name, wish.lookahead, wish.avatar.photo.shape) == ("clara", 2, (512, 512, 3))

    visited(tmp_path, visit)


def test_anyone_who_knows_a_conversation_may_watch_and_only_its_owner_speaks_in_it_again(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        first = await (await client.post("/offer", json=OFFER)).json()
        watching = await (await client.post("/offer", json=OFFER | {"conversation": first["conversation"]})).json()
        assert "owner" not in watching
        again = OFFER | {"conversation": first["conversation"], "owner": first["owner"]}
        second = (await (await client.post("/offer", json=again)).json())["owner"]
        assert second != first["owner"]
        assert (await client.post("/offer", json=again)).status == 403
        conversation = world.conversations.get(first["conversation"])
        assert [peer.speaks for peer in conversation.peers] == [True, False, True]
        again["owner"] = second
        response = await client.post("/offer", json=again | {"owner": "guessed"})
        assert response.status == 403
        assert (await client.post("/offer", json=again | {"conversation": "unknown"})).status == 404
        assert world.conversations.opened == 1

    visited(tmp_path, visit)


@pytest.mark.parametrize(
    "offer",
    [
        {},
        {"type": "offer"},
        {"type": "offer", "sdp": ""},
        {"type": "offer", "sdp": "nonsense"},
        {"type": "offer", "sdp": "v=0\r\n"},
        {"type": "offer", "sdp": "\x00\ud800" * 50},
        {"type": "answer", "sdp": SDP},
        {"type": "offer", "sdp": 5},
        {"type": "offer", "sdp": ["v=0"]},
        OFFER | {"sdp": SDP.replace("a=ice-ufrag:abcd\r\n", "")},
        OFFER | {"sdp": SDP.replace("sendrecv", "recvonly")},
        OFFER | {"sdp": SDP * 100},
        OFFER | {"sdp": SDP + "a=unusable\r\n"},
        OFFER | {"conversation": 7},
        OFFER | {"size": "9x9"},
        OFFER | {"size": 512},
        OFFER | {"size": "9" * 10_000},
        OFFER | {"lookahead": 7},
        OFFER | {"lookahead": True},
        OFFER | {"lookahead": "many"},
        OFFER | {"colour": "blue"},
    ],
)
def test_a_malformed_offer_is_explained_and_leaves_nothing_open(tmp_path: Path, offer: dict[str, object]) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.post("/offer", json=offer)
        assert response.status in (400, 406)
        assert len((await response.json())["error"]["message"]) < 300
        assert not len(world.conversations)

    visited(tmp_path, visit)


def test_an_unknown_avatar_is_not_found_whatever_its_name(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        for name in ("nobody", "../../etc/passwd", "/etc/passwd", "..", "clara/../jonas", "clara\x00", "x" * 1000):
            assert (await client.post("/offer", json=OFFER | {"avatar": name})).status == 404
        assert not len(world.conversations)

    visited(tmp_path, visit)


def test_a_mistake_of_ours_is_told_without_details_and_closes_what_was_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.post("/offer", json=OFFER | {"sdp": SDP + "a=explosive\r\n"})
        assert response.status == 500
        assert "secret" not in await response.text()
        assert not len(world.conversations)

    visited(tmp_path, visit)
    assert "ZeroDivisionError" in caplog.text


def test_no_room_is_503_with_the_reason_and_when_to_come_back(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        world.conversations.most = 0
        response = await client.post("/offer", json=OFFER)
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
        assert (await response.json())["error"]["message"] == "Found no room."

    visited(tmp_path, visit)


def test_200_offers_at_once_are_all_answered_few_at_a_time(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        world.conversations.most = 5
        world.conversations.gate.clear()
        offers = [asyncio.create_task(client.post("/offer", json=OFFER)) for _ in range(200)]
        refused = 0
        while refused < 195:
            done, _ = await asyncio.wait(offers, timeout=30, return_when=asyncio.FIRST_COMPLETED)
            assert done
            refused = len([offer for offer in offers if offer.done()])
            await asyncio.sleep(0.01)
        assert len(world.conversations) == 5
        world.conversations.gate.set()
        responses = await asyncio.gather(*offers)
        statuses = sorted(response.status for response in responses)
        assert statuses == [200] * 5 + [503] * 195
        assert all(response.headers["Retry-After"] for response in responses if response.status == 503)

    visited(tmp_path, visit)


def test_the_owner_and_nobody_else_interrupts_mutes_and_ends(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        answer = await (await client.post("/offer", json=OFFER)).json()
        address = f"/conversations/{answer['conversation']}"
        conversation = world.conversations.get(answer["conversation"])
        for headers in ({}, {"Liveface-Owner": "guessed"}, {"Liveface-Owner": "\udcff"}):
            assert (await client.post(f"{address}/interrupt", headers=headers)).status == 403
            assert (await client.post(f"{address}/mute", json={"muted": True}, headers=headers)).status == 403
            assert (await client.delete(address, headers=headers)).status == 403
        assert (conversation.interruptions, conversation.is_muted) == (0, False)
        assert (await client.post(f"{address}/interrupt", headers=owned(answer))).status == 204
        assert (await client.post(f"{address}/mute", json={"muted": True}, headers=owned(answer))).status == 204
        assert (conversation.interruptions, conversation.is_muted) == (1, True)
        assert (await client.post(f"{address}/mute", json={"muted": 1}, headers=owned(answer))).status == 400
        assert (await client.delete(address, headers=owned(answer))).status == 204
        assert not len(world.conversations)
        assert (await client.delete(address, headers=owned(answer))).status == 404

    visited(tmp_path, visit)


def test_a_conversation_tells_its_numbers(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        await client.post("/offer", json=OFFER)
        assert await (await client.get("/conversations/conversation1")).json() == NUMBERS
        assert (await client.get("/conversations/2")).status == 404

    visited(tmp_path, visit)


def test_who_watches_sees_the_photo_and_learns_no_name_of_it(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        upload = await (await client.post("/avatars?name=me", data=b"photo")).json()
        answer = await (await client.post("/offer", json=OFFER | {"avatar": upload["name"]})).json()
        response = await client.get(f"/conversations/{answer['conversation']}/photo.jpg")
        assert response.status == 200
        assert (await response.read())[:3] == b"\xff\xd8\xff"
        assert world.conversations.get(answer["conversation"]).wish.is_private
        assert (await client.get("/conversations/none/photo.jpg")).status == 404

    visited(tmp_path, visit)
