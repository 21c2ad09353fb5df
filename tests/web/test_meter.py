"""Tests of the meter's arithmetic: with statistics that a fake connection tells."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

# Reads each of some statistics, a second apart on the page's clock; returns the last reading.
READ = """async (reports) => {
    const { Meter } = await import("/meter.js");
    const meter = new Meter(document.createElement("video"), { measure: () => null });
    let reading;
    let now = 0;
    performance.now = () => now; // the meter asks nothing else of the page's clock
    for (const report of reports) {
        const peer = { getStats: async () => new Map(Object.entries(report)) };
        reading = await meter.read(peer);
        now += 1000;
    }
    return reading;
}"""


def report(seconds: int, lost: int = 0, late: float | None = None) -> dict[str, Any]:
    """Statistics after some seconds of 25 pictures and 50 packets of sound each; sound is `late` by milliseconds."""
    video = {"type": "inbound-rtp", "kind": "video", "framesDecoded": 25 * seconds, "bytesReceived": 200_000 * seconds}
    audio = {"type": "inbound-rtp", "kind": "audio", "packetsReceived": 50 * seconds - lost, "packetsLost": lost}
    if late is not None:
        video["estimatedPlayoutTimestamp"] = 5000.0 + 1000 * seconds
        audio["estimatedPlayoutTimestamp"] = 5000.0 + 1000 * seconds - late
    return {"video": video, "audio": audio}


@pytest.fixture(scope="module")
def page(chromium: Browser, address: str) -> Iterator[Page]:
    with chromium.new_page() as page:
        page.goto(address)
        yield page


def test_rates_are_those_of_the_last_second(page: Page) -> None:
    reading = page.evaluate(READ, [report(1), report(2)])
    assert reading["fps"] == 25
    assert reading["bitrate"] == 1_600_000
    assert reading["loss"] == 0


def test_loss_is_counted_over_five_seconds(page: Page) -> None:
    reports = [report(seconds, lost=20 if seconds > 1 else 0) for seconds in range(1, 9)]
    assert page.evaluate(READ, reports[:3])["loss"] == pytest.approx(0.2)
    assert page.evaluate(READ, reports)["loss"] == 0


def test_sound_that_is_played_after_its_picture_is_late(page: Page) -> None:
    assert page.evaluate(READ, [report(1, late=30.0)])["sync"] == pytest.approx(30)
    assert page.evaluate(READ, [report(1, late=-12.0)])["sync"] == pytest.approx(-12)


def test_one_odd_reading_does_not_move_the_lip_sync(page: Page) -> None:
    assert page.evaluate(READ, [report(1, late=5.0), report(2, late=300.0), report(3, late=7.0)])["sync"] == 7


def test_nothing_is_told_before_the_first_sender_reports(page: Page) -> None:
    reading = page.evaluate(READ, [report(1)])
    assert reading["sync"] is None
    assert reading["fps"] is None
