"""Tests of the client that measures, against a real peer over a bad link."""

import asyncio

import numpy as np

from liveface.app.measure.webrtc_probe import Heard, Link, Probe
from liveface.app.server.sessions.broadcast import Broadcast
from liveface.app.server.webrtc.peer import Peer, PeerSettings
from tests.app.server.loopback import a_frame, here, perform, until


def test_a_link_loses_and_delays_and_pictures_come_through_all_the_same() -> None:
    async def run() -> list[Heard]:
        relay = Broadcast(asyncio.get_running_loop())
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
