"""Waiting for a condition in a page whose policy forbids what playwright's own waiting does: to compile text."""

from playwright.sync_api import Page

PATIENCE_MS = 30_000  # for anything that a loaded machine has to do


def wait_until(page: Page, condition: str) -> None:
    """Return when a JavaScript expression is true; an error of the page if it does not become so in time."""
    page.evaluate(
        f"""async () => {{
            const end = Date.now() + {PATIENCE_MS};
            while (!({condition})) {{
                if (Date.now() > end) throw new Error("it did not happen in time");
                await new Promise((resolve) => setTimeout(resolve, 50));
            }}
        }}"""
    )
