"""Tests of the socket at which a server listens, and of what is said where it cannot."""

import socket
from contextlib import closing

import pytest

from liveface.app.server.listener import address_of, listening
from liveface.engine.errors import ConfigurationError


def test_it_listens_where_it_says() -> None:
    with closing(listening("127.0.0.1", 0)) as listener:
        address = address_of(listener, "127.0.0.1", is_secure=False)
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5):
            pass
        assert address_of(listener, "::1", is_secure=True) == f"https://[::1]:{port}"


def test_all_addresses_are_told_by_one_that_others_can_use() -> None:
    with closing(listening("127.0.0.1", 0)) as listener:
        assert "0.0.0.0" not in address_of(listener, "0.0.0.0", is_secure=False)


def test_localhost_is_this_machine() -> None:
    with closing(listening("localhost", 0)) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_a_port_in_use_is_named() -> None:
    with closing(listening("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Port {port} of 127.0.0.1 is in use"):
            listening("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "reason"),
    [("192.0.2.1", "not an address of this machine"), ("no such host", "is not known"), ("a" * 300, "is not known")],
)
def test_a_host_that_is_not_ours_is_explained(host: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        listening(host, 0)
