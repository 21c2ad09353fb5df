"""Tests of reading objects in JSON that strangers send."""

import pytest

from liveface.app.server.json_object import parse_object


def test_an_object_is_read() -> None:
    assert parse_object('{"type": "mute", "muted": true}') == {"type": "mute", "muted": True}
    assert parse_object(b"{}") == {}


@pytest.mark.parametrize("text", ["", "no JSON", "[1]", "5", "null", b"\xff\xfe", "[" * 100_000, '{"a":' * 100_000])
def test_anything_else_is_none(text: str | bytes) -> None:
    assert parse_object(text) is None
