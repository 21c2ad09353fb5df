"""Tests of whose word about clients is taken."""

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from liveface.app.server.proxies import TrustedProxies
from liveface.engine.errors import ConfigurationError


def client(remote: str, forwarded: list[str], *trusted: str) -> str:
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=remote)
    return TrustedProxies.parse(trusted).client(request)


@pytest.mark.parametrize(
    ("remote", "forwarded", "expected"),
    [
        ("10.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["192.0.2.9, 192.0.2.1"], "192.0.2.1"),
        ("10.0.0.1", ["192.0.2.9", "192.0.2.1, 10.0.0.2"], "192.0.2.1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.1, nonsense"], "10.0.0.1"),
        ("192.0.2.5", ["192.0.2.1"], "192.0.2.5"),
        ("::ffff:10.0.0.1", ["192.0.2.1"], "192.0.2.1"),
        ("", ["192.0.2.1"], ""),
    ],
)
def test_a_client_is_who_the_last_trusted_proxy_says(remote: str, forwarded: list[str], expected: str) -> None:
    assert client(remote, forwarded, "10.0.0.0/8") == expected


def test_without_proxies_nobody_is_believed() -> None:
    assert client("10.0.0.1", ["192.0.2.1"]) == "10.0.0.1"


@pytest.mark.parametrize("text", ["", "proxy", "10.0.0.1/8", "10.0.0.0/99", "*"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="trusted proxy"):
        TrustedProxies.parse([text])
