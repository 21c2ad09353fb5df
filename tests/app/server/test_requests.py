"""Tests of requests that bring too little, too much or something else: which field it is, is told every time."""

import json
from pathlib import Path

import pytest

from liveface.app.server.refusals import RefusalError
from liveface.app.server.requests import read_query
from liveface.app.server.schemas import AgentQuery, Wanted
from tests.app.server.application_fakes import SDP, Client, World, visited

OFFER = {"type": "offer", "sdp": SDP}


@pytest.mark.parametrize(
    ("changed", "code", "details"),
    [
        ({"colour": 1}, "offer_key", {"key": "colour"}),
        ({"sdp": 5}, "offer_value", {"key": "sdp"}),
        ({"type": 5}, "offer_value", {"key": "type"}),
        ({"type": "answer"}, "offer_missing", {}),
        ({"owner": ["secret"]}, "offer_value", {"key": "owner"}),
        ({"avatar": 5}, "setting_value", {"name": "avatar", "found": "5", "expected": "a text"}),
        ({"size": 512}, "setting_value", {"name": "size", "found": "512"}),
        ({"lookahead": 7}, "setting_value", {"name": "lookahead", "expected": "a number of frames from 0 to 6"}),
        ({"lookahead": [2]}, "setting_value", {"name": "lookahead", "found": "[2]"}),
    ],
)
def test_an_offer_is_told_which_field_does_not_fit(
    tmp_path: Path, changed: dict[str, object], code: str, details: dict[str, object]
) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.post("/offer", json=OFFER | changed)
        error = (await response.json())["error"]
        assert (response.status, error["code"]) == (400, code)
        assert details.items() <= error["details"].items()
        assert "secret" not in json.dumps(error)

    visited(tmp_path, visit)


def test_other_bodies_are_told_the_field_and_what_is_expected(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        answer = await (await client.post("/offer", json=OFFER)).json()
        address = f"/conversations/{answer['conversation']}"
        headers = {"Liveface-Owner": answer["owner"]}
        for path, body, code, details in (
            ("mute", {}, "mute_missing", {"field": "muted", "expected": "true or false"}),
            ("mute", {"muted": "yes"}, "mute_missing", {"field": "muted", "expected": "true or false"}),
            ("push", {"token": "x"}, "push_missing", {"field": "url", "expected": "a text"}),
            ("push", {"url": "https://a.org", "token": 5}, "push_missing", {"field": "token", "expected": "a text"}),
        ):
            response = await client.post(f"{address}/{path}", json=body, headers=headers)
            error = (await response.json())["error"]
            assert (response.status, error["code"], error["details"]) == (400, code, details)

    visited(tmp_path, visit)


def test_a_number_of_an_offer_may_be_written_as_in_a_query(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        assert (await client.post("/offer", json=OFFER | {"lookahead": "4"})).status == 200
        assert world.conversations.get("conversation1").wish.lookahead == 4

    visited(tmp_path, visit)


def test_a_query_is_read_with_its_defaults() -> None:
    assert read_query({}, AgentQuery) == AgentQuery(rate=24_000, wait_for_viewer=False)
    query = {"rate": "8000", "wait_for_viewer": "true", "lookahead": "0", "size": "256x256", "token": "passed over"}
    assert read_query(query, AgentQuery) == AgentQuery(rate=8000, wait_for_viewer=True, lookahead=0, size="256x256")


@pytest.mark.parametrize("name", ["rate", "wait_for_viewer", "lookahead"])
@pytest.mark.parametrize("text", ["", "x", "-1", "7.5", "1e3", "٣"])
def test_a_choice_that_cannot_be_is_told_by_its_name(name: str, text: str) -> None:
    with pytest.raises(RefusalError) as refused:
        read_query({name: text}, AgentQuery)
    assert refused.value.details["name"] == name
    assert read_query({"rate": text}, Wanted) == Wanted()
