"""Real peers that find each other on this machine only, and frames for them."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aioice.ice
import numpy as np
import pytest

from liveface.app.server.sessions.broadcast import Broadcast
from liveface.engine.media import FPS, HOP, Frame, Picture, Samples

SIDE = 128  # pixels of a picture
BLACK: Picture = np.full((SIDE, SIDE, 3), 30, np.uint8)
WHITE: Picture = np.full((SIDE, SIDE, 3), 220, np.uint8)
SILENCE: Samples = np.zeros(HOP, np.float32)


@contextmanager
def here() -> Iterator[None]:
    """ICE leaves the loopback device out; this leaves out all others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
        yield


def a_click(amplitude: float = 0.8) -> Samples:
    """40 ms of sound that begin with a short tone."""
    pcm = np.zeros(HOP, np.float32)
    pcm[:64] = amplitude * np.sin(2 * np.pi * 2500 * np.arange(64) / 16_000) * np.hanning(64)
    return pcm


def a_frame(index: int, *, white: bool = False, pcm: Samples = SILENCE) -> Frame:
    """A picture of one brightness, which differs a little from the one before."""
    image = (WHITE if white else BLACK).copy()
    image[: SIDE // 8, : SIDE // 8] += np.uint8(index % 16)
    return Frame(index, image, pcm, True)


async def perform(relay: Broadcast, frames: Callable[[int], Frame], seconds: float) -> None:
    """Send frames at their pace."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    for index in range(round(seconds * FPS)):
        await asyncio.sleep(max(0.0, started + index / FPS - loop.time()))
        relay.send(frames(index))


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until something is so; fails when it takes too long."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def resources() -> tuple[int, int]:
    """Open file descriptors and living threads of this process, without the event loop's own, which it keeps."""
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio")]
    return len(list(Path("/proc/self/fd").iterdir())), len(threads)


def is_left(before: tuple[int, int]) -> bool:
    """Whether there is more than the `resources` before, or another task than this one."""
    return any(now > then for now, then in zip(resources(), before, strict=True)) or len(asyncio.all_tasks()) > 1
