"""Tests of holding what others have written against a type: what fits is read, what does not is named in words."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct

from liveface.app.files.schema import FieldError, check, names, parse_object, read, unknown
from liveface.app.settings import Lookahead
from liveface.engine.hearing.streamer import LOOKAHEADS


class Order(Struct, frozen=True):
    cup: str
    sugar: Annotated[int, Meta(ge=0, le=3)] = 0
    is_hot: bool = True
    milk: Literal["cow", "oat", "none"] | None = None
    notes: tuple[str, ...] = ()
    picture: bytes = b""
    strength: Annotated[float, Meta(ge=0.5, le=2)] = 1.0
    ahead: Lookahead = 2


def test_an_object_is_read() -> None:
    assert parse_object('{"type": "mute", "muted": true}') == {"type": "mute", "muted": True}
    assert parse_object(b"{}") == {}


@pytest.mark.parametrize("text", ["", "no JSON", "[1]", "5", "null", b"\xff\xfe", "[" * 100_000, '{"a":' * 100_000])
def test_anything_else_is_none(text: str | bytes) -> None:
    assert parse_object(text) is None


def test_values_that_fit_are_read_and_what_is_unknown_is_passed_over() -> None:
    given = {"cup": "large", "sugar": 3, "notes": ["a", "b"], "picture": "aGk=", "strength": 2, "spoon": 1}
    assert read(Order, given) == Order("large", 3, notes=("a", "b"), picture=b"hi", strength=2.0)
    assert unknown(Order, given) == "spoon"
    assert unknown(Order, {"cup": 1}) is None
    assert names(Order)[:2] == ["cup", "sugar"]


def test_values_of_a_query_are_texts() -> None:
    assert read(Order, {"cup": "1", "sugar": "2", "is_hot": "false"}, is_text=True) == Order("1", 2, False)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("cup", 5, "a text"),
        ("cup", None, "a text"),
        ("sugar", 4, "a whole number from 0 to 3"),
        ("sugar", "2", "a whole number from 0 to 3"),
        ("sugar", True, "a whole number from 0 to 3"),
        ("sugar", 1.5, "a whole number from 0 to 3"),
        ("is_hot", 1, "true or false"),
        ("is_hot", "false", "true or false"),
        ("milk", "soy", "'cow', 'none' or 'oat'"),
        ("milk", ["cow"], "'cow', 'none' or 'oat'"),
        ("notes", "a", "a list of texts"),
        ("notes", [1], "a list of texts"),
        ("picture", "&&&&", "base64"),
        ("picture", "\ud800", "base64"),
        ("strength", float("nan"), "a number from 0.5 to 2"),
        ("strength", float("inf"), "a number from 0.5 to 2"),
        ("ahead", 7, "a number of frames from 0 to 6"),
    ],
)
def test_what_does_not_fit_is_named_with_what_is_expected(name: str, value: object, expected: str) -> None:
    with pytest.raises(FieldError) as refused:
        read(Order, {"cup": "small", name: value})
    assert (refused.value.name, refused.value.value, refused.value.expected) == (name, value, expected)
    assert not refused.value.is_missing


def test_what_is_missing_is_named() -> None:
    with pytest.raises(FieldError) as refused:
        read(Order, {})
    assert (refused.value.name, refused.value.is_missing) == ("cup", True)


def test_a_value_is_shown_in_part_only() -> None:
    with pytest.raises(FieldError) as refused:
        read(Order, {"cup": ["x" * 5000]})
    assert len(refused.value.found) < 100


def test_a_dataclass_is_checked_as_it_is_made() -> None:
    @dataclass(frozen=True, slots=True)
    class Plate:
        size: Annotated[int, Meta(ge=1, le=9)] = 5

    check(Plate(9))
    with pytest.raises(FieldError):
        check(Plate(10))


def test_lookaheads_are_those_that_the_networks_offer() -> None:
    for frames in LOOKAHEADS:
        assert read(Order, {"cup": "", "ahead": frames}).ahead == frames
    assert len(LOOKAHEADS) == 7
