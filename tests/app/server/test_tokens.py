"""Tests of tokens that allow a part, with real requests."""

import os
import subprocess
import sys
import time
from pathlib import Path

import jwt
import pytest

from liveface.app.server.security import Access
from liveface.app.server.settings import ServeSettings
from liveface.app.server.tokens import EVERYTHING, Pass, make, read
from liveface.engine.errors import ConfigurationError
from tests.app.server.application_fakes import SDP, Client, World, visited

KEY = "0123456789abcdef" * 2
PLAIN = "the-one-plain-token-for-all"
SDP_TYPE = {"Content-Type": "application/sdp"}
ANSWERED = {200, 201, 204, 400, 404, 409, 426}  # whatever it is, it was not refused for want of a scope
# What each kind of request needs.
REQUESTS = [
    ("GET", "/", "view"),
    ("GET", "/settings", "view"),
    ("GET", "/avatars", "view"),
    ("GET", "/conversations/x", "view"),
    ("POST", "/whep/studio", "view"),
    ("DELETE", "/whep/session/x", "view"),
    ("POST", "/whip", "publish"),
    ("DELETE", "/whip/x", "publish"),
    ("GET", "/pcm", "publish"),
    ("POST", "/avatars", "publish"),
    ("DELETE", "/avatars/x", "publish"),
    ("POST", "/conversations/x/interrupt", "publish"),
    ("POST", "/conversations/x/push", "publish"),
    ("GET", "/metrics", "metrics"),
    ("GET", "/health", "metrics"),
]
ALLOWED = {
    "view": {"view"},
    "publish": {"view", "publish"},
    "metrics": {"metrics"},
    "admin": {"view", "publish", "metrics"},
}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def page(folder: Path) -> Path:
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text("hello")
    return folder / "page"


@pytest.mark.parametrize("scope", ALLOWED)
def test_a_token_allows_its_scope_and_nothing_else(tmp_path: Path, scope: str) -> None:
    headers = bearer(make(KEY, [scope], time.time(), 60))

    async def visit(client: Client, world: World) -> None:
        for method, path, needed in REQUESTS:
            data = SDP if path.startswith(("/whip", "/whep")) and method == "POST" else None
            response = await client.request(method, path, data=data, headers=headers | (SDP_TYPE if data else {}))
            if needed in ALLOWED[scope]:
                assert response.status in ANSWERED, (method, path)
            else:
                assert response.status == 403, (method, path)
                error = (await response.json())["error"]
                assert (error["code"], error["details"]["needed"]) == ("scope_missing", needed)

    visited(tmp_path, visit, Access(PLAIN, key=KEY), page(tmp_path))


def test_who_may_only_look_joins_a_conversation_and_begins_none(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        looking, offer = bearer(make(KEY, ["view"], time.time(), 60)), {"type": "offer", "sdp": SDP}
        response = await client.post("/offer", json=offer, headers=looking)
        assert (await response.json())["error"]["code"] == "scope_missing"
        assert not world.conversations.opened
        begun = await (await client.post("/offer", json=offer, headers=bearer(PLAIN))).json()
        joined = await client.post("/offer", json=offer | {"conversation": begun["conversation"]}, headers=looking)
        assert joined.status == 200

    visited(tmp_path, visit, Access(PLAIN, key=KEY))


def test_the_plain_token_allows_everything(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        for method, path, _ in REQUESTS:
            response = await client.request(method, path, headers=bearer(PLAIN))
            assert response.status not in (401, 403), path

    visited(tmp_path, visit, Access(PLAIN, key=KEY), page(tmp_path))


def test_a_browser_that_has_shown_it_keeps_its_scope_with_the_cookie(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        token = make(KEY, ["view"], time.time(), 60)
        assert (await client.get(f"/?token={token}", allow_redirects=False)).status == 303
        assert (await client.get("/settings")).status == 200
        assert (await client.get("/metrics")).status == 403

    visited(tmp_path, visit, Access(PLAIN, key=KEY))


FORGED = {
    "old": make(KEY, ["admin"], time.time() - 100, 60),
    "of another key": make("x" * 32, ["admin"], time.time(), 60),
    "unsigned": jwt.encode({"scope": "admin", "exp": time.time() + 60}, None, "none"),
    "of another kind": jwt.encode({"scope": "admin", "exp": time.time() + 60}, "k" * 64, "HS512"),
    "for ever": jwt.encode({"scope": "admin"}, KEY, "HS256"),
    "for nothing": jwt.encode({"scope": "", "exp": time.time() + 60}, KEY, "HS256"),
    "for what there is not": jwt.encode({"scope": "root", "exp": time.time() + 60}, KEY, "HS256"),
    "with odd claims": jwt.encode({"scope": {"admin": 1}, "exp": time.time() + 60, "nbf": 9e12}, KEY, "HS256"),
    "none": "a.b.c",
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_token_that_is_not_ours_allows_nothing(tmp_path: Path, kind: str) -> None:
    assert read(FORGED[kind], KEY) is None

    async def visit(client: Client, world: World) -> None:
        assert (await client.get("/settings", headers=bearer(FORGED[kind]))).status == 401

    visited(tmp_path, visit, Access(PLAIN, key=KEY))


def test_without_a_key_no_token_but_the_plain_one_is_good() -> None:
    assert Access(PLAIN).allowed(make(KEY, ["admin"], time.time(), 60)) is None
    assert Access(PLAIN).allowed(PLAIN) == Pass(EVERYTHING)


def test_the_token_signs_where_it_is_long_enough_and_a_file_always(tmp_path: Path) -> None:
    assert ServeSettings(token=KEY).access().key == KEY
    assert ServeSettings(token=PLAIN).access().key is None
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert ServeSettings(token=PLAIN, token_key=str(tmp_path / "key")).access().key == KEY
    (tmp_path / "short").write_text("short")
    for name, reason in (("short", "at least 32"), ("absent", "cannot be read")):
        with pytest.raises(ConfigurationError, match=reason):
            ServeSettings(token_key=str(tmp_path / name)).access()


@pytest.mark.parametrize(
    ("key", "scopes", "seconds", "reason"),
    [
        (KEY, ["root"], 60, "“root”"),
        (KEY, [], 60, "“nothing”"),
        (KEY, ["view"], 0, "from 1 s"),
        (KEY, ["view"], float("inf"), "from 1 s"),
        ("short", ["view"], 60, "at least 32"),
    ],
)
def test_what_cannot_be_made_is_refused(key: str, scopes: list[str], seconds: float, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        make(key, scopes, 0, seconds)


def test_the_command_makes_one(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)

    def run(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "liveface.app.cli", "token", *options]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)

    made = run("--scope", "view", "--scope", "metrics", "--token-key", str(tmp_path / "key"), "--name", "ann")
    found = read(made.stdout.strip(), KEY)
    assert found is not None
    assert found.scopes == {"view", "metrics"}
    assert found.until == pytest.approx(time.time() + 24 * 3600, abs=60)
    assert read(run("--scope", "admin", LIVEFACE_TOKEN=KEY).stdout.strip(), KEY) is not None
    without = run("--scope", "view")
    assert (without.returncode, without.stdout) == (2, "")
    assert "LIVEFACE_TOKEN" in without.stderr
