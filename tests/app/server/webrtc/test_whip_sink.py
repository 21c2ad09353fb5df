"""Tests of a session's frames at a WHIP server."""

import asyncio
import threading

import pytest
from aiohttp.test_utils import TestServer, unused_port

from liveface.app.server.webrtc.whip_sink import WhipSink
from liveface.engine.errors import ConfigurationError, OutputError
from liveface.engine.media import FPS
from tests.app.server.loopback import a_frame, here, until
from tests.app.server.player import PATIENCE
from tests.app.server.whip_receiver import Receiver


def new_threads(before: set[threading.Thread]) -> list[str]:
    """Names of our threads that were not there before."""
    return [thread.name for thread in set(threading.enumerate()) - before if "liveface" in thread.name]


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_frames_arrive_until_it_is_closed_and_no_thread_is_left(codec: str) -> None:
    receiver = Receiver(codec)
    before = set(threading.enumerate())

    async def run() -> None:
        async with TestServer(receiver.application()) as server, asyncio.timeout(PATIENCE):
            sink = WhipSink(str(server.make_url("/whip")), "secret")
            await asyncio.to_thread(sink.open, 128, 128)
            index = 0
            while len(receiver.watched.pictures) < 5 or len(receiver.watched.pcm()) < 9600:
                sink.send(a_frame(index))
                index += 1
                await asyncio.sleep(1 / FPS)
            for _ in range(2):
                await asyncio.to_thread(sink.close, True)
            sink.send(a_frame(index))

    with here():
        asyncio.run(run())
    assert receiver.watched.pictures[0].shape == (128, 128, 3)
    assert receiver.requests == [("POST", "Bearer secret"), ("DELETE", "Bearer secret")]
    asyncio.run(until(lambda: not new_threads(before)))


def test_a_server_that_is_not_there_is_an_error_and_no_thread_is_left() -> None:
    before = set(threading.enumerate())
    sink = WhipSink(f"http://127.0.0.1:{unused_port()}/whip", None)
    with here(), pytest.raises(OutputError, match="does not answer"):
        sink.open(128, 128)
    sink.close(completed=False)
    asyncio.run(until(lambda: not new_threads(before)))


def test_what_is_no_address_and_no_token_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(ConfigurationError):
        WhipSink("rtmp://example.org/live", None)
    with pytest.raises(ConfigurationError, match="token"):
        WhipSink("https://example.org/live", "a line\n")
