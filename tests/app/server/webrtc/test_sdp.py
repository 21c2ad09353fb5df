"""Tests of session descriptions as text."""

import pytest

from liveface.app.server.webrtc.sdp import SessionDescription
from liveface.engine.errors import PeerError

OFFER = "\r\n".join(
    (
        *("v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"),
        *("m=video 9 UDP/TLS/RTP/SAVPF 96 97", "a=mid:0", "a=ice-ufrag:abcd", "a=sendonly", "a=rtpmap:96 AV1/90000"),
        *("m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:1", "a=ice-ufrag:abcd", "a=rtpmap:111 opus/48000/2", ""),
    )
)


def test_a_description_is_written_as_it_was_read() -> None:
    assert str(SessionDescription.parse(OFFER)) == OFFER


def test_sections_tell_their_kind_and_direction() -> None:
    video, audio = SessionDescription.parse(OFFER).sections
    assert (video.kind, video.direction) == ("video", "sendonly")
    assert (audio.kind, audio.direction) == ("audio", "sendrecv")


def test_what_is_kept_is_bundled_without_the_rest() -> None:
    kept = SessionDescription.parse(OFFER).only([False, True])
    assert "a=group:BUNDLE 1" in kept.head
    assert [section.kind for section in kept.sections] == ["audio"]


def test_what_was_not_kept_is_refused_in_its_place() -> None:
    offer = SessionDescription.parse(OFFER)
    kept = [False, True]
    answer = SessionDescription.parse("v=0\r\na=group:BUNDLE 1\r\nm=audio 5000 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\n")
    video, audio = answer.refusing(offer, kept).sections
    assert video.lines == ("m=video 0 UDP/TLS/RTP/SAVPF 96 97", "c=IN IP4 0.0.0.0", "a=mid:0", "a=inactive")
    assert audio.lines[0] == "m=audio 5000 UDP/TLS/RTP/SAVPF 111"


def test_a_fragment_tells_whose_candidates_it_has() -> None:
    fragment = SessionDescription.parse("a=ice-ufrag:wxyz\r\na=ice-pwd:p\r\nm=audio 9 RTP/AVP 0\r\na=mid:1\r\n")
    assert fragment.ice_names() == {"wxyz"}
    assert SessionDescription.parse(OFFER).ice_names() == {"abcd"}


def test_candidates_of_a_refused_medium_are_for_the_one_that_is_left() -> None:
    fragment = SessionDescription.parse(
        "m=video 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 0 udp 5 10.0.0.1 9 typ host\r\n"
        "m=audio 9 RTP/AVP 0\r\na=mid:1\r\na=candidate:2 1 udp 5 10.0.0.1 9 typ host\r\n"
    )
    first, second = fragment.candidates_for(["1"]).sections
    assert first.lines[1:] == ("a=mid:1", "a=candidate:1 1 udp 5 10.0.0.1 9 typ host")
    assert second == fragment.sections[1]


@pytest.mark.parametrize("text", ["hello", "v=0\r\n<html>", "m"])
def test_other_text_is_refused_with_the_line_that_was_found(text: str) -> None:
    with pytest.raises(PeerError, match=text.splitlines()[-1]):
        SessionDescription.parse(text)


def test_nothing_at_all_has_no_sections() -> None:
    assert SessionDescription.parse("").sections == ()
