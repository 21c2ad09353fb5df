"""Tests of the clock that a stream's sender reports tell."""

import pytest

from liveface.app.server.webrtc.sender_clock import SenderClock
from liveface.engine.errors import PeerError

SECOND = 1 << 32  # of NTP


def test_timestamps_are_led_back_to_the_senders_clock() -> None:
    clock = SenderClock(48_000)
    clock.note(7.0, 1000 * SECOND + SECOND // 2, 96_000)
    assert clock.moment(96_000 + 480, 8.0) == pytest.approx(1000.51)
    assert clock.moment(96_000 - 48_000, 8.0) == pytest.approx(999.5)


def test_timestamps_may_begin_anew() -> None:
    clock = SenderClock(90_000)
    clock.note(7.0, 1000 * SECOND, (1 << 32) - 45_000)
    assert clock.moment(45_000, 8.0) == pytest.approx(1001)


def test_the_latest_report_holds_for_what_comes_after_it() -> None:
    clock = SenderClock(100)
    clock.note(7.0, 1000 * SECOND, 0)
    clock.note(8.0, 1001 * SECOND, 98)
    assert clock.moment(50, 6.5) == pytest.approx(1000.5)  # before any report: by the first
    assert clock.moment(97, 7.9) == pytest.approx(1000.97)
    assert clock.moment(99, 8.1) == pytest.approx(1001.01)


def test_a_report_from_before_the_stream_tells_nothing() -> None:
    clock = SenderClock(100)
    clock.note(7.0, 0, 0)
    with pytest.raises(PeerError, match="No report"):
        clock.moment(0, 8.0)
