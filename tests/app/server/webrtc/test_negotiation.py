"""Tests of session descriptions; most refusals are tested with whole offers in test_peer.py."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveface.app.server.webrtc.negotiation import NotAcceptableError, Role, check_answer, chosen, told
from liveface.engine.errors import PeerError
from tests.app.server.application_fakes import SDP
from tests.app.server.whip_offers import offer


def test_what_has_failed_is_told_in_one_line_and_once() -> None:
    refusal = PeerError("No.")
    assert told(refusal, "offer") is refusal
    text = str(told(ValueError("first\ninner words" * 100), "offer"))
    assert "\n" not in text
    assert "inner words" not in text


@settings(max_examples=60)
@given(st.data())
def test_no_text_makes_it_fail_otherwise_than_by_refusing(data: st.DataObject) -> None:
    lines = SDP.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(lines) - 1))
        lines[place] = data.draw(st.sampled_from(["", lines[place][:7], lines[place] + " 1", "m=audio", "a=mid"]))
    with suppress(PeerError):
        assert any(chosen("\r\n".join(lines), is_heard=True, is_shown=True).kept)


def refused(text: str, place: int) -> str:
    """An offer whose section at that place has port 0, and nothing that belongs to a connection, as Firefox has it."""
    head, *sections = text.split("m=")
    kind, *_ = sections[place].split()
    sections[place] = f"{kind} 0 UDP/TLS/RTP/SAVPF 120\r\nc=IN IP4 0.0.0.0\r\na=inactive\r\na=mid:{place}\r\n"
    return "m=".join([head, *sections])


HEARD, VOICE, BOTH = Role("audio", True, False), Role("audio", False, True), Role("audio", True, True)
FACE, NOTHING = Role("video", False, True), Role("video", False, False)


@pytest.mark.parametrize(
    ("media", "kept", "roles"),
    [
        ([("audio", "sendrecv"), ("video", "recvonly")], [True, True], [BOTH, FACE]),
        ([("audio", "recvonly"), ("video", "recvonly"), ("audio", "sendonly")], [True] * 3, [VOICE, FACE, HEARD]),
        ([("audio", "sendonly"), ("video", "recvonly"), ("audio", "recvonly")], [True] * 3, [HEARD, FACE, VOICE]),
        ([("audio", "recvonly"), ("audio", "sendrecv"), ("video", "recvonly")], [False, True, True], [BOTH, FACE]),
        ([("audio", "sendrecv"), ("video", "sendonly"), ("video", "recvonly")], [True, False, True], [BOTH, FACE]),
        ([("text", "sendrecv"), ("audio", "sendrecv")], [False, True], [BOTH]),
        ([("audio", "inactive"), ("audio", "sendrecv"), ("application", "sendrecv")], [False, True, True], [BOTH]),
    ],
)
def test_the_sections_that_fit_are_taken_wherever_they_are(
    media: list[tuple[str, str]], kept: list[bool], roles: list[Role]
) -> None:
    choice = chosen(offer(*media), is_heard=True, is_shown=True)
    assert list(choice.kept) == kept
    assert list(choice.roles) == roles


def test_what_is_not_needed_may_be_kept_for_nothing() -> None:
    text = offer(("audio", "sendrecv"), ("video", "sendonly"), ("video", "recvonly"))
    choice = chosen(text, is_heard=True, is_shown=True, refuses_rest=False)
    assert list(choice.roles) == [BOTH, NOTHING, FACE]
    assert all(choice.kept)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_refused_section_is_passed_over(place: int) -> None:
    media = [("audio", "sendrecv"), ("video", "recvonly"), ("application", "sendrecv")]
    media.insert(place, ("video", "recvonly"))
    choice = chosen(refused(offer(*media), place), is_heard=True, is_shown=True)
    assert [number for number, is_kept in enumerate(choice.kept) if not is_kept] == [place]
    assert f"a=group:BUNDLE {' '.join(str(number) for number in range(4) if number != place)}" in choice.wanted
    answer = choice.answered("v=0\r\n" + "".join(f"m=x 9 y 1\r\na=mid:{n}\r\n" for n in range(4) if n != place))
    assert [line.split()[1] for line in answer.splitlines() if line.startswith("m=")][place] == "0"


def test_sections_without_names_get_some_and_the_answer_has_none() -> None:
    text = offer(("audio", "sendrecv"), ("video", "recvonly"))
    text = "".join(f"{line}\r\n" for line in text.splitlines() if not line.startswith(("a=mid", "a=group")))
    choice = chosen(text, is_heard=True, is_shown=True)
    assert "a=mid:0" in choice.wanted
    assert "a=mid:1" in choice.wanted
    answer = choice.answered("v=0\r\na=group:BUNDLE 0 1\r\nm=audio 9 x 96\r\na=mid:0\r\nm=video 9 x 96\r\na=mid:1\r\n")
    assert answer == "v=0\r\nm=audio 9 x 96\r\nm=video 9 x 96\r\n"


H264 = "H264/90000\r\na=fmtp:96 "


@pytest.mark.parametrize(
    ("codec", "is_taken"),
    [
        (H264 + "packetization-mode=1;profile-level-id=42e01f", True),
        (H264 + "packetization-mode=1;profile-level-id=640032", False),
        (H264 + "packetization-mode=1;profile-level-id=4d0032", False),
        (H264 + "packetization-mode=0;profile-level-id=42e01f", False),
        (H264 + "profile-level-id=42e01f", False),
        (H264 + "packetization-mode=1;profile-level-id=nonsense", False),
        ("H265/90000", False),
        ("VP8/90000", True),
    ],
)
def test_pictures_are_taken_where_they_can_be_decoded_as_they_are_encoded_here(codec: str, is_taken: bool) -> None:
    text = offer(("video", "recvonly"), ("audio", "recvonly")).replace("VP8/90000", codec)
    if is_taken:
        assert FACE in chosen(text, is_heard=False, is_shown=True).roles
        return
    with pytest.raises(NotAcceptableError, match="packetization-mode=1"):
        chosen(text, is_heard=False, is_shown=True)


def test_an_answer_that_refuses_is_told_so() -> None:
    with pytest.raises(PeerError, match="refuses the video"):
        check_answer(refused(offer(("audio", "recvonly"), ("video", "recvonly")), 1))


def at_ports(*ports: str) -> str:
    """An offer with a sound and two pictures, each with such a port."""
    head, *sections = offer(("audio", "sendrecv"), ("video", "sendonly"), ("video", "recvonly")).split("m=")
    moved = [section.replace(" 9 ", f" {port} ", 1) for section, port in zip(sections, ports, strict=True)]
    return "m=".join([head, *moved])


@pytest.mark.parametrize(
    ("ports", "leading"),
    [
        (("9", "9", "9"), ()),
        (("4000", "4000", "4000"), ()),
        (("4000", "4002", "4004"), ()),
        (("4000", "4002", "4002"), ("1", "2")),
        (("4000", "4000", "4002"), ("0", "1")),
        (("4000", "9", "9"), ()),
    ],
)
def test_the_connection_that_several_sections_have_becomes_that_of_all(
    ports: tuple[str, ...], leading: tuple[str, ...]
) -> None:
    choice = chosen(at_ports(*ports), is_heard=True, is_shown=True, refuses_rest=False)
    assert choice.leading == leading
    first = (leading or ("0",))[0]
    assert f"a=group:BUNDLE {first}" in choice.wanted
    assert f"a=group:BUNDLE {first}" in choice.answered(choice.wanted)


def test_a_section_without_a_port_of_its_own_is_not_refused() -> None:
    """As Firefox offers it: RFC 9143, section 6."""
    text = at_ports("4000", "9", "0").replace("a=recvonly", "a=recvonly\r\na=bundle-only")
    assert chosen(text, is_heard=True, is_shown=True).kept == (True, False, True)
    with pytest.raises(PeerError, match="receives"):
        chosen(at_ports("4000", "9", "0").replace("sendrecv", "sendonly"), is_heard=True, is_shown=True)
