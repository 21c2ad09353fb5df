"""Tests of credentials for TURN servers, against what coturn computes, and of who is told them."""

import base64
import hashlib
import hmac
import time
from pathlib import Path

import pytest

from liveface.app.server.settings import ServeSettings, combined
from liveface.app.server.turn import LIFE_SECONDS, credentials
from liveface.engine.errors import ConfigurationError
from tests.app.server.application_fakes import SDP, Client, World, visited

SECRET = "north"
SETTINGS = ServeSettings(turn=("turn:turn.example.org:3478?transport=udp",), turn_secret=SECRET)


def is_good(username: str, password: str, now: float) -> bool:
    """What coturn checks with `use-auth-secret` and `static-auth-secret=north`."""
    expiry = int(username.partition(":")[0])
    expected = base64.b64encode(hmac.new(SECRET.encode(), username.encode(), hashlib.sha1).digest()).decode()
    return expiry > now and hmac.compare_digest(password, expected)


def test_credentials_are_good_for_some_hours_and_no_longer() -> None:
    username, password = credentials(SECRET, 1_700_000_000.7)
    assert username == f"{1_700_000_000 + LIFE_SECONDS}:liveface"
    assert is_good(username, password, 1_700_000_000)
    assert not is_good(username, password, 1_700_000_001 + LIFE_SECONDS)
    # Computed with `echo -n 1700021600:liveface | openssl dgst -sha1 -hmac north -binary | base64`.
    assert password == "8VgASSBDQ4B1KiPo44j7touDs2I="


def test_the_page_and_whip_clients_are_told_credentials_and_never_the_secret(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        (server,) = (await (await client.get("/settings")).json())["ice_servers"]
        assert server["urls"] == ["turn:turn.example.org:3478?transport=udp"]
        assert is_good(server["username"], server["credential"], time.time())
        answer = await client.post("/whip", data=SDP, headers={"Content-Type": "application/sdp"})
        (link,) = answer.headers.getall("Link")
        assert ':liveface"' in link
        assert "credential-type" in link
        assert SECRET not in str(server) + link

    visited(tmp_path, visit, peers=SETTINGS.peers())


def test_the_secret_comes_from_the_environment_and_takes_the_place_of_a_name_and_password() -> None:
    environment = {"LIVEFACE_TURN_SECRET": SECRET}
    assert combined(None, {"turn": SETTINGS.turn}, environment) == SETTINGS
    with pytest.raises(ConfigurationError, match=r"turn:turn\.example\.org"):
        combined(None, {"turn": ("turn:user:word@turn.example.org",)}, environment)
    with pytest.raises(ConfigurationError, match="no TURN server"):
        combined(None, {}, environment)
    with pytest.raises(ConfigurationError, match="turn:USER:SECRET"):
        ServeSettings(turn=SETTINGS.turn)


def test_servers_with_credentials_of_their_own_keep_them() -> None:
    fixed = ServeSettings(turn=("turn:user:word@turn.example.org",), stun=("stun:stun.example.org",)).peers().servers()
    assert [(server.username, server.credential) for server in fixed] == [(None, None), ("user", "word")]
