"""Tests of session descriptions; most refusals are tested with whole offers in test_peer.py."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from app.serving.negotiation import is_hidden, parsed, told, without_hidden_hosts
from engine.errors import PeerError
from tests.app.serving.application_fakes import SDP

HIDDEN = "a=candidate:1 1 udp 2113937151 7dcd0a5e-c1b1-4a3a.local 55421 typ host generation 0"
OPEN = "a=candidate:2 1 udp 2113937151 192.0.2.7 55421 typ host generation 0"


def test_hosts_that_cannot_be_found_are_left_out_and_the_list_is_no_longer_complete() -> None:
    text = f"{SDP}{OPEN}\r\n{HIDDEN}\r\na=end-of-candidates\r\n"
    assert without_hidden_hosts(text) == f"{SDP}{OPEN}\r\n"
    assert is_hidden(HIDDEN)
    assert not is_hidden(OPEN)


def test_a_description_without_hidden_hosts_stays_as_it_is() -> None:
    text = f"{SDP}{OPEN}\r\na=end-of-candidates\r\n"
    assert without_hidden_hosts(text) is text


def test_what_has_failed_is_told_in_one_line_and_once() -> None:
    refusal = PeerError("No.")
    assert told(refusal, "offer") is refusal
    assert "\n" not in str(told(ValueError("first\nsecond" * 100), "offer"))


@settings(max_examples=60)
@given(st.data())
def test_no_text_makes_it_fail_otherwise_than_by_refusing(data: st.DataObject) -> None:
    lines = SDP.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        lines[place] = data.draw(st.sampled_from(["", lines[place][:7], lines[place] + " 1", "m=audio", "a=mid"]))
    with suppress(PeerError):
        assert parsed("\r\n".join(lines), "offer").media
