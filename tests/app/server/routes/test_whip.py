"""Tests of publishing by WHIP, with stand-ins for sessions and peers."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import ClientResponse

from liveface.app.server.security import Access
from tests.app.server.application_fakes import Client, World, visited
from tests.app.server.whip_offers import OBS, PLAYER, SOUND, offer

SDP = {"Content-Type": "application/sdp"}


def test_an_offer_opens_a_conversation_that_a_peer_speaks_in(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.post("/whip?avatar=jonas&lookahead=3&size=256x128", data=SOUND, headers=SDP)
        assert response.status == 201
        assert response.content_type == "application/sdp"
        assert (await response.text()).startswith("v=0")
        conversation = world.conversations.get(response.headers["Liveface-Conversation"])
        assert response.headers["Liveface-Owner"] == conversation.owner
        assert (conversation.wish.name, conversation.wish.lookahead) == ("jonas", 3)
        assert conversation.wish.avatar.photo.shape == (128, 256, 3)
        assert [(peer.speaks, peer.views) for peer in conversation.peers] == [(True, False)]

    visited(tmp_path, visit)


def test_a_picture_is_refused_in_its_place_and_the_sound_is_taken(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        answer = await (await client.post("/whip", data=OBS, headers=SDP)).text()
        assert [line for line in answer.splitlines() if line.startswith("m=")] == [
            "m=audio 9 UDP/TLS/RTP/SAVPF 96",
            "m=video 0 UDP/TLS/RTP/SAVPF 96",
        ]

    visited(tmp_path, visit)


def test_only_the_first_sound_is_taken(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        two = offer(("audio", "inactive"), ("audio", "sendrecv"), ("audio", "sendonly"))
        answer = await (await client.post("/whip", data=two, headers=SDP)).text()
        assert [line.split()[1] for line in answer.splitlines() if line.startswith("m=")] == ["0", "9", "0"]

    visited(tmp_path, visit)


NO_OPUS = SOUND.replace("opus/48000/2", "PCMU/8000")


@pytest.mark.parametrize("text", [offer(("video", "sendonly")), PLAYER, offer(("audio", "inactive")), NO_OPUS])
def test_an_offer_without_usable_sound_is_not_acceptable(tmp_path: Path, text: str) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.post("/whip", data=text, headers=SDP)
        assert response.status == 406
        assert not world.conversations.opened

    visited(tmp_path, visit)


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("", "", 400),
        ("", "hello", 400),
        ("", "v=0\r\n", 400),
        ("", b"\xff\xfe\x00", 400),
        ("", SOUND + "a=unusable\r\n", 400),
        ("", SOUND.replace("a=rtcp-mux\r\n", ""), 400),
        ("?lookahead=9", SOUND, 400),
        ("?size=1x1", SOUND, 400),
        ("?name=../x", SOUND, 400),
        ("?avatar=nobody", SOUND, 404),
    ],
)
def test_what_cannot_be_used_opens_nothing(tmp_path: Path, query: str, body: str | bytes, status: int) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.post(f"/whip{query}", data=body, headers=SDP)
        assert response.status == status
        assert (await response.json())["error"]["message"]
        assert not len(world.conversations)

    visited(tmp_path, visit)


def test_another_type_of_content_is_refused(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.post("/whip", json={"sdp": SOUND})
        assert response.status == 415
        assert response.headers["Accept-Post"] == "application/sdp"
        assert "application/sdp" in (await response.json())["error"]["message"]

    visited(tmp_path, visit)


def test_where_there_is_no_room_a_publisher_is_told_when_to_ask_again(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        world.conversations.most = 0
        response = await client.post("/whip", data=SOUND, headers=SDP)
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0

    visited(tmp_path, visit)


def test_a_token_is_needed_where_the_server_has_one(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        assert (await client.post("/whip", data=SOUND, headers=SDP)).status == 401
        bearer = {"Authorization": "Bearer a-token"}
        assert (await client.post("/whip", data=SOUND, headers=SDP | bearer)).status == 201
        assert (await client.options("/whip")).status == 401
        assert (await client.options("/whip", headers=bearer)).status == 200

    visited(tmp_path, visit, Access(token="a-token"))


def test_deleting_ends_the_conversation_and_nothing_is_left_to_ask(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        session = (await client.post("/whip", data=SOUND, headers=SDP)).headers["Location"]
        assert (await client.delete(session)).status == 200
        assert not len(world.conversations)

    visited(tmp_path, visit)


def secret(response: ClientResponse) -> dict[str, str]:
    return SDP | {"Liveface-Owner": response.headers["Liveface-Owner"]}


def test_a_publisher_that_comes_back_under_its_name_with_its_secret_goes_on(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        first = await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        again = await client.post("/whip?name=studio", data=SOUND, headers=secret(first))
        assert again.status == 201
        assert again.headers["Liveface-Conversation"] == first.headers["Liveface-Conversation"]
        assert again.headers["Location"] != first.headers["Location"]
        assert world.conversations.opened == 1

    visited(tmp_path, visit)


def test_a_publisher_that_comes_back_to_its_resource_goes_on(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        for query in ("", "?name=studio"):
            first = await client.post(f"/whip{query}", data=SOUND, headers=SDP)
            again = await client.post(first.headers["Location"], data=SOUND, headers=SDP)
            assert again.status == 201
            assert again.headers["Liveface-Conversation"] == first.headers["Liveface-Conversation"]
            assert again.headers["Liveface-Owner"] != first.headers["Liveface-Owner"]
        assert (await client.post("/whep/studio", data=PLAYER, headers=SDP)).status == 201
        assert world.conversations.opened == 2

    visited(tmp_path, visit)


def test_a_secret_is_answered_once_and_ends_with_its_use(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        first = await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        again = await client.post("/whip?name=studio", data=SOUND, headers=secret(first))
        assert again.headers["Liveface-Owner"] != first.headers["Liveface-Owner"]
        assert (await client.post("/whip?name=studio", data=SOUND, headers=secret(first))).status == 409
        address = f"/conversations/{first.headers['Liveface-Conversation']}"
        assert (await client.delete(address, headers=secret(first))).status == 403
        assert (await client.delete(address, headers=secret(again))).status == 204

    visited(tmp_path, visit)


@pytest.mark.parametrize("query", ["", "&avatar=jonas", "&size=256x256", "&lookahead=0"])
@pytest.mark.parametrize("shown", [{}, {"Liveface-Owner": ""}, {"Liveface-Owner": "guessed"}])
def test_a_second_publisher_of_a_taken_name_gets_neither_the_place_nor_the_secret(
    tmp_path: Path, query: str, shown: dict[str, str]
) -> None:
    async def visit(client: Client, world: World) -> None:
        first = await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        other = await client.post(f"/whip?name=studio{query}", data=SOUND, headers=SDP | shown)
        assert other.status == 409
        assert int(other.headers["Retry-After"]) > 0
        assert "Liveface-Owner" not in other.headers
        assert first.headers["Liveface-Owner"] not in await other.text()
        (conversation,) = world.conversations
        assert [peer.is_closed for peer in conversation.peers] == [False]

    visited(tmp_path, visit)


def test_a_viewer_who_knows_the_id_does_not_become_the_owner(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        first = await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        identifier = first.headers["Liveface-Conversation"]
        for address in (f"/whip?name={identifier}", f"/whip/{identifier}"):
            other = await client.post(address, data=SOUND, headers=SDP)
            assert other.status == 409
            assert "Liveface-Owner" not in other.headers
        (conversation,) = world.conversations
        assert conversation.owner == first.headers["Liveface-Owner"]
        assert [peer.is_closed for peer in conversation.peers] == [False]

    visited(tmp_path, visit)


def test_a_name_whose_publisher_has_been_gone_for_long_passes_on_with_nothing_of_its_conversation(
    tmp_path: Path,
) -> None:
    async def visit(client: Client, world: World) -> None:
        first = await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        world.conversations.get(first.headers["Liveface-Conversation"]).unspoken_for = 31.0
        other = await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        assert other.status == 201
        assert other.headers["Liveface-Conversation"] != first.headers["Liveface-Conversation"]
        assert other.headers["Liveface-Owner"] != first.headers["Liveface-Owner"]
        assert len(world.conversations) == 2

    visited(tmp_path, visit)


def test_a_publisher_that_comes_back_with_a_bad_offer_ends_nothing(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        first = await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        again = await client.post("/whip?name=studio", data=SOUND + "a=unusable\r\n", headers=secret(first))
        assert again.status == 400
        assert len(world.conversations) == 1

    visited(tmp_path, visit)


@pytest.mark.parametrize("query", ["&avatar=jonas", "&size=256x256", "&lookahead=0"])
def test_a_publisher_that_wants_another_face_under_its_name_gets_a_new_one(tmp_path: Path, query: str) -> None:
    async def visit(client: Client, world: World) -> None:
        first = await client.post("/whip?name=studio", data=SOUND, headers=SDP)
        again = await client.post(f"/whip?name=studio{query}", data=SOUND, headers=secret(first))
        assert again.headers["Liveface-Conversation"] != first.headers["Liveface-Conversation"]
        assert len(world.conversations) == 1

    visited(tmp_path, visit)


def test_of_two_publishers_that_take_a_name_at_the_same_moment_one_gets_it(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        world.conversations.gate.clear()
        posts = [asyncio.create_task(client.post("/whip?name=studio", data=SOUND, headers=SDP)) for _ in range(2)]
        done, _ = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        world.conversations.gate.set()
        assert [response.result().status for response in done] == [409]
        assert sorted(response.status for response in await asyncio.gather(*posts)) == [201, 409]
        (left,) = world.conversations
        watching = await client.post("/whep/studio", data=PLAYER, headers=SDP)
        assert watching.status == 201
        assert len(left.peers) == 2

    visited(tmp_path, visit)


@pytest.mark.parametrize("address", ["/whip/", "/whip/studio"])
def test_a_name_may_stand_in_the_path_and_a_slash_at_its_end(tmp_path: Path, address: str) -> None:
    async def visit(client: Client, world: World) -> None:
        assert (await client.post(address, data=SOUND, headers=SDP)).status == 201
        if address.endswith("studio"):
            assert (await client.post("/whip?name=studio", data=SOUND, headers=SDP)).status == 409
            assert (await client.post("/whep/studio", data=PLAYER, headers=SDP)).status == 201
        assert (await client.get(address)).status == 204
        assert (await client.options(address)).headers["Accept-Post"] == "application/sdp"
        assert (await client.get("/whep/")).status == 204

    visited(tmp_path, visit)


def test_two_publishers_without_a_name_have_a_face_each(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        for _ in range(2):
            await client.post("/whip", data=SOUND, headers=SDP)
        assert len(world.conversations) == 2

    visited(tmp_path, visit)


def test_the_endpoint_tells_what_it_takes(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.options("/whip")
        assert response.status == 200
        assert response.headers["Accept-Post"] == "application/sdp"
        assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
        assert (await client.get("/whip")).status == 204
        assert (await client.delete("/whip")).status == 405

    visited(tmp_path, visit)
