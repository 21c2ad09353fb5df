"""Tests of what the page tells when something fails: one clear message, and a way on."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.web.live_server import serving
from tests.web.waiting import wait_until, wait_until_live

Open = Callable[..., Page]


def refusing(name: str) -> str:
    """A script that lets the browser refuse the microphone, as it does it."""
    return f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('no', '{name}') }}"


def unreachable(sdp: str) -> str:
    """A session description that names no address."""
    return "".join(line for line in sdp.splitlines(keepends=True) if not line.startswith("a=candidate"))


def message(page: Page) -> str:
    page.click("#start")
    expect(page.locator("#message")).to_be_visible()
    expect(page.locator("#state")).to_have_text("Stopped")
    return page.inner_text("#message")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NotAllowedError", "The microphone is blocked"),
        ("NotFoundError", "There is no microphone"),
        ("NotReadableError", "The microphone cannot be opened"),
    ],
)
def test_a_microphone_that_cannot_be_had(open_page: Open, name: str, expected: str) -> None:
    assert expected in message(open_page(refusing(name)))


def test_a_page_that_may_have_no_microphone_says_that_https_is_needed(open_page: Open) -> None:
    assert "needs https" in message(open_page("Object.defineProperty(window, 'isSecureContext', { value: false })"))


def test_a_full_server_says_why_and_when_to_try_again(open_page: Open) -> None:
    page = open_page()
    answer = {
        "status": 503,
        "headers": {"Retry-After": "1"},
        "json": {"error": {"message": "Two faces speak already."}},
    }
    page.route("**/offer", lambda route: route.fulfill(**answer))  # type: ignore[arg-type]
    text = message(page)
    assert "The server is full" in text
    assert "Two faces speak already." in text
    retry = page.locator("#message-retry")
    expect(retry).to_have_text(re.compile(r"Try again in \d s"))
    expect(retry).to_be_enabled()
    page.unroute("**/offer")
    retry.click()
    wait_until_live(page)
    expect(page.locator("#message")).to_be_hidden()


def test_a_network_without_a_way_through_names_turn(open_page: Open) -> None:
    page = open_page()

    def without_candidates(route: Route) -> None:
        offer = route.request.post_data_json
        response = route.fetch(post_data=offer | {"sdp": unreachable(offer["sdp"])})
        answer = response.json()
        route.fulfill(response=response, json=answer | {"sdp": unreachable(answer["sdp"])})

    page.route("**/offer", without_candidates)
    page.clock.install()
    page.click("#start")
    wait_until(page, "document.querySelector('video').srcObject !== null")
    page.clock.run_for(13_000)
    expect(page.locator("#message")).to_contain_text("TURN")


def test_a_server_that_is_absent_is_asked_again(open_page: Open) -> None:
    page = open_page()
    page.route("**/settings", lambda route: route.abort())
    page.reload()
    expect(page.locator("#message")).to_contain_text("The server does not answer")
    page.unroute("**/settings")
    page.click("#message-retry")
    expect(page.locator(".portrait")).to_have_count(5)


def test_a_server_that_stops_says_goodbye_and_one_that_vanishes_is_looked_for(chromium: Browser) -> None:
    with (
        serving("--size", "256x256") as (address, process),
        chromium.new_context(permissions=["microphone"]) as context,
    ):
        stopped, lost = (context.new_page() for _ in range(2))
        for page in (stopped, lost):
            page.goto(address)
            page.wait_for_selector(".portrait img")
        stopped.click("#start")
        wait_until_live(stopped)
        process.terminate()
        # A busy server ends before its farewell has gone out: then it is missed.
        expect(stopped.locator("#message")).to_have_text(re.compile("The server (stops|does not answer)"))
        expect(stopped.locator("#state")).to_have_text(re.compile("Stopped|Connecting again"))
        process.wait()
        lost.click("#start")
        expect(lost.locator("#message")).to_contain_text("The server does not answer")
