"""Tests that the page can be used without a mouse, without eyes and with weak ones."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

Open = Callable[..., Page]

CONTROLS = {"button", "radio", "slider", "combobox", "checkbox", "textbox", "meter", "image", "group"}
# Every text with too little contrast against the nearest background that is not transparent, as WCAG 2.2 counts it.
TOO_FAINT = """() => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => {
        const [r, g, b] = numbers(colour).map((value) => value / 255)
            .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const background = (element) => {
        for (let place = element; place; place = place.parentElement) {
            const colour = getComputedStyle(place).backgroundColor;
            if ((numbers(colour)[3] ?? 1) === 1) return colour;
        }
    };
    const found = [];
    for (const element of document.querySelectorAll(".panel *, .message *, .start")) {
        const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!hasText || !element.checkVisibility() || element.closest(":disabled, .unseen")) continue;
        const [one, other] = [getComputedStyle(element).color, background(element)].map(luminance);
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (contrast < 4.5) found.push(`${element.textContent.trim()}: ${contrast.toFixed(2)}`);
    }
    return found;
}"""


def accessible(page: Page) -> list[dict[str, Any]]:
    """What a screen reader is given: role, name and whether it can have the focus, of all that is not ignored."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return [
        {"role": node["role"]["value"], "name": node.get("name", {}).get("value", "")}
        for node in nodes
        if not node["ignored"]
    ]


def test_every_control_and_picture_has_a_name(open_page: Open) -> None:
    page = open_page()
    found = [node for node in accessible(page) if node["role"] in CONTROLS]
    assert len(found) > 15
    assert [node for node in found if not node["name"].strip()] == []


def test_the_page_tells_its_language_its_title_and_its_headings(open_page: Open) -> None:
    page = open_page()
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title() == "liveface"
    assert [page.locator(heading).count() for heading in ("main", "h1", "h2")] == [1, 1, 1]
    identifiers = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(identifiers) == len(set(identifiers))


def test_states_and_messages_are_announced(open_page: Open) -> None:
    page = open_page(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError') }"
    )
    page.click("#start")
    expect(page.get_by_role("alert").filter(has_text="There is no microphone")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Stopped")).to_be_visible()


def test_every_control_is_reached_with_tab_and_shows_the_focus(open_page: Open) -> None:
    page = open_page()
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        about = page.evaluate(
            """() => {
                const element = document.activeElement;
                const seen = element.labels?.[0]?.querySelector("img, span") ?? element;
                return [element.id || element.name, getComputedStyle(seen).boxShadow];
            }"""
        )
        if not about[0]:
            break
        reached.append(about[0])
        assert about[1] != "none", about
    expected = ["start", "mute", "silence", "full-screen", "avatar", "add-photo", "source", "microphone", "lookahead"]
    assert reached == expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(open_page: Open, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    page.route("**/avatars", lambda route: route.fulfill(status=422, json={"error": {"message": "No face was found."}}))
    page.set_input_files("#photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"})
    expect(page.locator("#photo-refusal")).to_be_visible()
    assert page.evaluate(TOO_FAINT) == []


def test_nothing_moves_for_those_who_want_less_motion(open_page: Open) -> None:
    page = open_page(reduced_motion="reduce")
    moving = """[...document.querySelectorAll("*")].filter((element) => {
        const { transitionDuration, animationName } = getComputedStyle(element);
        return transitionDuration !== "0s" || animationName !== "none";
    }).length"""
    assert page.evaluate(moving) == 0
