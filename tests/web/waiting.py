"""Waiting for what the page should do, on a machine that may be busy."""

import time
import urllib.request

import pytest
from playwright.sync_api import Page

PATIENCE_MS = 30_000  # for anything that a loaded machine has to do


def wait_until(page: Page, condition: str) -> None:
    """Return when a JavaScript expression is true; an error of the page if it does not become so in time.

    Playwright's own waiting compiles text in the page, which the page's policy forbids.
    """
    page.evaluate(
        f"""async () => {{
            const end = Date.now() + {PATIENCE_MS};
            while (!({condition})) {{
                if (Date.now() > end) throw new Error("it did not happen in time");
                await new Promise((resolve) => setTimeout(resolve, 50));
            }}
        }}"""
    )


def wait_until_live(page: Page) -> None:
    """Return when the face is there; skips the test where the machine has no room for one."""
    page.wait_for_selector("#stage[data-live], #message:not([hidden])")
    if page.is_visible("text=The server is full"):
        pytest.skip(f"the machine is too busy: {page.inner_text('#message-remedy')}")
    page.wait_for_selector("#stage[data-live]")
    page.wait_for_selector("#state[data-state=live]")


def wait_for_room(address: str) -> None:
    """Return when all sessions that pages began have ended, or when one has not in time."""
    end = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < end:
        with urllib.request.urlopen(f"{address}metrics", timeout=PATIENCE_MS / 1000) as answer:
            if b"liveface_load 0.0\n" in answer.read():
                return
        time.sleep(0.1)
