"""Tests of which of a peer's addresses are tried."""

import pytest

from liveface.app.server.candidates import Candidates
from tests.app.server.application_fakes import SDP

HIDDEN = "a=candidate:1 1 udp 2113937151 7dcd0a5e-c1b1-4a3a.local 55421 typ host generation 0"
OPEN = "a=candidate:2 1 udp 2113937151 192.0.2.7 55421 typ host generation 0"


def numbered(number: int) -> str:
    return f"a=candidate:{number} 1 udp 2113937151 198.51.100.{number % 250} {20_000 + number} typ host"


def test_hosts_that_cannot_be_found_are_left_out_and_the_list_is_no_longer_complete() -> None:
    text = f"{SDP.replace('BUNDLE 0 1', 'BUNDLE 1 0')}{OPEN}\r\n{HIDDEN}\r\na=end-of-candidates\r\n"
    found = Candidates().filtered(text)
    assert OPEN in found
    assert HIDDEN not in found
    assert "a=end-of-candidates" not in found


def test_a_complete_list_stays_complete() -> None:
    text = f"{SDP.replace('BUNDLE 0 1', 'BUNDLE 1 0')}{OPEN}\r\na=end-of-candidates\r\n"
    assert Candidates().filtered(text) == text


def test_no_more_than_32_are_tried_in_all_however_they_come() -> None:
    candidates = Candidates()
    text = "m=audio 9 x 96\r\na=mid:0\r\n" + "".join(f"{numbered(number)}\r\n" for number in range(20))
    assert candidates.filtered(text).count("a=candidate") == 20
    assert sum(candidates.admits(numbered(number)) for number in range(300)) == 12


def test_those_of_a_shared_connection_are_repeated_and_count_once() -> None:
    section = "m={} 9 x 96\r\na=mid:{}\r\n" + OPEN + "\r\n"
    text = "v=0\r\na=group:BUNDLE 0 1\r\n" + section.format("audio", 0) + section.format("video", 1)
    candidates = Candidates(most=2)
    assert candidates.filtered(text) == text
    assert [candidates.admits(numbered(number)) for number in range(2)] == [True, False]


@pytest.mark.parametrize(
    "line",
    [
        "a=candidate:",
        "a=candidate:1 1 udp",
        "a=candidate:1 1 tcp 5 192.0.2.7 9 typ host tcptype active",
        "a=candidate:1 2 udp 5 192.0.2.7 9 typ host",
        "a=candidate:1 one udp 5 192.0.2.7 9 typ host",
        "a=candidate:1 1 udp five 192.0.2.7 9 typ host",
        "a=candidate:1 1 udp 5 example.org 9 typ host",
        "a=candidate:1 1 udp 5 192.0.2.7 0 typ host",
        "a=candidate:1 1 udp 5 192.0.2.7 99999 typ host",
        "a=candidate:1 1 udp 5 192.0.2.7 9 typ other",
        "a=candidate:1 1 udp 5 192.0.2.7 9 type host",
        "a=candidate:1 1 udp 5 192.0.2.7 9 typ srflx raddr 0.0.0.0 rport many",
        "a=candidate:1 1 udp 5 224.0.0.1 9 typ host",
        "a=candidate:1 1 udp 5 255.255.255.255 9 typ host",
        "a=candidate:1 1 udp 5 0.0.0.0 9 typ host",
        HIDDEN,
    ],
)
def test_an_odd_one_is_passed_over_and_does_not_count(line: str) -> None:
    candidates = Candidates(most=1)
    assert not candidates.admits(line)
    assert candidates.admits(OPEN)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "192.168.1.1", "172.16.0.1", "127.0.0.1", "169.254.169.254", "fd00::1", "::1"]
)
def test_private_addresses_are_left_out_where_only_public_ones_are_wanted(address: str) -> None:
    line = f"a=candidate:1 1 udp 5 {address} 9 typ host"
    assert not Candidates(public_only=True).admits(line)
    assert Candidates().admits(line)
    assert Candidates(public_only=True).admits("a=candidate:1 1 udp 5 8.8.8.8 9 typ host")
