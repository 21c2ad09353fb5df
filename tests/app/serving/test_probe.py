"""Tests of the client that measures, against a real peer over a bad link."""

import asyncio

import numpy as np

from app.serving.peer import Peer, PeerSettings
from app.serving.probe import Heard, Link, Probe, Reception
from app.serving.relay import Relay
from tests.app.serving.loopback import a_frame, here, perform, until


def test_a_report_tells_the_moment_of_a_timestamp_also_where_it_overflows() -> None:
    received = Reception(reports={"audio": (7 << 32, 100), "video": (9 << 32, (1 << 32) - 45_000)})
    assert received.moment_of("audio", 48_100) == 8.0
    assert received.moment_of("audio", (1 << 32) - 23_900) == 6.5
    assert received.moment_of("video", 45_000) == 10.0


def test_a_link_loses_and_delays_and_pictures_come_through_all_the_same() -> None:
    async def run() -> list[Heard]:
        relay = Relay(asyncio.get_running_loop())
        peer = Peer(PeerSettings(), source=None, viewing=relay.view(), on_closed=lambda: None)
        probe = Probe(None, link=Link(loss=0.3, jitter=0.05), keeps_pictures=False)
        await probe.accept(await peer.answer(await probe.offer()))
        await until(lambda: peer.state == "connected")
        await perform(relay, a_frame, 2.0)
        await until(lambda: len(probe.received.pictures) > 10)
        assert probe.received.pictures[0].image.size == 0
        await asyncio.gather(peer.close(), probe.close())
        return probe.received.sounds

    with here():
        sounds = asyncio.run(run())
    times = [heard.timestamp for heard in sounds]
    assert len(times) < 90  # of 100
    assert any(np.diff(np.array(times, np.int64)) < 0)
