"""A real server on a free port of this machine, and a real Chromium whose microphone hears the shipped speech."""

import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import soxr
from playwright.sync_api import Browser, Page, expect, sync_playwright

from liveface.app.session.pipeline import ASSETS
from tests.web.live_server import serving
from tests.web.waiting import PATIENCE_MS, wait_for_room

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
    *("--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"),
)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The address of a server that runs during all tests, with pictures so small that a busy machine has room."""
    with serving("--size", "256x256") as (address, _):
        yield address


@pytest.fixture(scope="session")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped speech as Chromium's microphone wants it: 48 kHz, one channel, 16 bit."""
    with wave.open(str(ASSETS / "audio" / "speech.wav")) as source:
        pcm = np.frombuffer(source.readframes(source.getnframes()), np.int16)
        rate = source.getframerate()
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    with wave.open(str(path), "wb") as target:
        target.setparams((1, 2, 48_000, 0, "NONE", ""))
        target.writeframes(soxr.resample(pcm, rate, 48_000).tobytes())
    return path


@pytest.fixture(scope="session")
def chromium(speech: Path) -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is absent: install the package chromium")
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={speech}"]
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, chromium_sandbox=False)
        with browser:
            yield browser


@pytest.fixture
def open_page(chromium: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page with portraits; what the page writes to its console, and every exception, fails the test."""
    complaints: list[str] = []
    pages: list[Page] = []
    with ExitStack() as contexts:

        def opened(script: str = "", at: str = address, **options: object) -> Page:
            context = contexts.enter_context(chromium.new_context(**options))  # type: ignore[arg-type]
            context.grant_permissions(["microphone"])
            page = context.new_page()
            pages.append(page)
            page.set_default_timeout(PATIENCE_MS)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda message: complaints.append(message.text))
            if script:
                page.add_init_script(script)
            page.goto(at)
            page.wait_for_selector(".portrait img")
            return page

        yield opened
        # What the network refuses is told to the person at the page, and Chromium writes it down besides.
        unexpected = [text for text in complaints if not text.startswith("Failed to load resource")]
        for page in pages:
            page.goto("about:blank")  # to leave the page ends its conversation, which makes room for the next test's
        wait_for_room(address)
    assert not unexpected
