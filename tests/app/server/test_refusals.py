"""Tests of how failures are answered: one shape at every door, one table, and no words of a library."""

import asyncio
import json
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web

from liveface.app.server import refusals
from liveface.app.server.connection_limits import ConnectionLimits
from liveface.app.server.http_connection import HttpConnection
from liveface.app.server.listener import listening
from liveface.app.server.refusals import STATUSES, RefusalError, status_of
from liveface.engine.errors import CapacityError, LivefaceError, NotFoundError, PhotoError
from liveface.engine.sentences import SENTENCES
from scripts.list_error_codes import BEGIN, DOCUMENT, END
from tests.app.server.application_fakes import SDP, Client, World, visited
from tests.engine.test_errors import coded

SDP_TYPE = {"Content-Type": "application/sdp"}
SILENT = SDP.replace("sendrecv", "inactive").replace("recvonly", "inactive")
REQUESTS = [
    ("GET", "/nowhere", None, {}, 404, "route_unknown"),
    ("PUT", "/offer", None, {}, 405, "method_unknown"),
    ("POST", "/offer", "{", {}, 400, "body_not_json"),
    ("POST", "/offer", "{}", {}, 400, "offer_missing"),
    ("POST", "/offer", '{"sdq": 1}', {}, 400, "offer_key"),
    ("POST", "/offer", '{"sdp": 1, "type": "offer"}', {}, 400, "offer_value"),
    ("POST", "/offer", '{"sdp": "v=0", "type": "offer"}', {}, 400, "sdp_without_media"),
    ("POST", "/offer", "x" * 300_000, {}, 413, "body_too_large"),
    ("POST", "/offer", json.dumps({"type": "offer", "sdp": SDP, "avatar": "x"}), {}, 404, "avatar_unknown"),
    ("POST", "/offer", json.dumps({"type": "offer", "sdp": SDP, "size": "1x1"}), {}, 400, "configuration_invalid"),
    ("POST", "/offer", json.dumps({"type": "offer", "sdp": SDP, "lookahead": 9}), {}, 400, "setting_value"),
    ("GET", "/conversations/x", None, {}, 404, "conversation_unknown"),
    ("DELETE", "/avatars/x", None, {}, 404, "avatar_of_others"),
    ("POST", "/avatars?face=x", b"", {}, 400, "face_number"),
    ("POST", "/whip", SDP, {}, 415, "content_type"),
    ("POST", "/whip", "v=0", SDP_TYPE, 400, "sdp_missing"),
    ("POST", "/whep", SILENT, SDP_TYPE, 406, "offer_receives_nothing"),
    ("POST", "/whep/nobody", SDP, SDP_TYPE, 409, "nobody_publishes"),
    ("PATCH", "/whip/x", "", {}, 404, "session_unknown"),
    ("GET", "/pcm", None, {}, 426, "websocket_expected"),
    ("GET", "/health", None, {"Origin": "https://elsewhere.org"}, 403, "origin_refused"),
    ("GET", "/health", None, {"Sec-Fetch-Site": "cross-site"}, 403, "page_refused"),
    ("GET", "/health", None, {"Host": "elsewhere.org"}, 421, "host_unknown"),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status", "code"), REQUESTS)
def test_every_refusal_has_a_code_a_sentence_and_values(
    tmp_path: Path, method: str, path: str, body: str | bytes | None, headers: dict[str, str], status: int, code: str
) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.request(method, path, data=body, headers=headers)
        answer = await response.json()
        assert (response.status, answer["error"]["code"]) == (status, code), answer
        assert answer.keys() == {"error"}
        assert answer["error"].keys() == {"code", "message", "details"}
        assert answer["error"]["message"].endswith(".")
        assert isinstance(answer["error"]["details"], dict)

    visited(tmp_path, visit)


def test_a_person_who_opens_an_address_reads_the_sentence_alone(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.get("/nowhere", headers={"Accept": "text/html"})
        assert (await response.text()).startswith("Nothing is served at this address: ")

    visited(tmp_path, visit)


@pytest.mark.parametrize(
    "words",
    [
        *(b"\x16\x03\x01\x02\x00\x01\x00\n\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"),
        *(b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n", b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"),
    ],
    ids=["tls", "garbage", "version", "header", "long"],
)
def test_what_is_no_http_is_answered_as_everything_else(words: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> bytes:
        runner = web.AppRunner(web.Application())
        await runner.setup()
        assert runner.server is not None
        listener = listening("127.0.0.1", 0)
        connect = partial(HttpConnection, runner.server, loop=asyncio.get_running_loop(), access_log=None)
        admitting = asyncio.create_task(ConnectionLimits().admit(listener, connect))
        try:
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(words)
            answer = await asyncio.wait_for(reader.read(), 10)
            writer.close()
        finally:
            admitting.cancel()
            await runner.cleanup()
            listener.close()
        return answer

    head, _, body = asyncio.run(check()).partition(b"\r\n\r\n")
    assert head.partition(b" ")[2].startswith(b"400 ")
    assert b"aiohttp" not in head
    assert json.loads(body)["error"]["code"] == "request_malformed"
    assert not [record for record in caplog.records if record.exc_info]


def test_a_failure_has_the_status_of_its_code_or_else_of_its_kind() -> None:
    assert status_of(NotFoundError("No.")) == status_of(NotFoundError(code="push_unknown")) == 404
    assert status_of(PhotoError(code="photo_too_slow", seconds=3)) == 422
    assert status_of(CapacityError(code="server_stops")) == 503
    assert status_of(LivefaceError("Broken.")) == 500


def test_all_codes_of_the_table_have_words() -> None:
    assert not STATUSES.keys() - SENTENCES.keys() - {"not_acceptable"}
    assert not set(refusals.MESSAGES) - SENTENCES.keys()


def test_every_code_of_the_server_is_in_the_table() -> None:
    codes = {code for place, code, _ in coded() if place.startswith(("app/server", "app/capacity"))}
    assert len(codes) > 60
    assert codes <= STATUSES.keys() | set(refusals.MESSAGES) | {code for code in SENTENCES if code.startswith("photo_")}


def test_what_a_client_has_sent_is_told_again_in_part_only() -> None:
    assert len(str(RefusalError("host_unknown", host="a" * 5000))) < 300


def test_the_documentation_has_the_table() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    written = text.partition(BEGIN)[2].partition(END)[0]
    assert written == refusals.table(), "run scripts/list_error_codes.py"
