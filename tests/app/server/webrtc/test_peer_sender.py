"""Tests of what one viewer is sent."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

from liveface.app.server.sessions.broadcast import Broadcast
from liveface.app.server.webrtc.peer_sender import PeerSender
from tests.app.server.loopback import a_frame, until


def sent(test: Callable[[Broadcast, PeerSender], Awaitable[None]]) -> None:
    async def run() -> None:
        relay = Broadcast(asyncio.get_running_loop())
        outlet = PeerSender(relay.view(), "vp8", 2_000_000, lambda: 0.0)
        await test(relay, outlet)
        outlet.close()
        outlet.close()
        assert relay.viewers == 0

    asyncio.run(run())


def test_the_bit_rate_begins_with_the_size_and_follows_the_receiver() -> None:
    async def test(relay: Broadcast, outlet: PeerSender) -> None:
        outlet.note_loss(0.0, 0.0)  # before the first picture there is nothing to change
        relay.send(a_frame(0))
        await outlet.face.recv()
        assert outlet.numbers()["target_bitrate"] == 250_000  # 128 x 128
        assert outlet.face.encoder is not None
        outlet.note_estimate(10_000_000, 5.0)
        for second in range(6, 30):
            outlet.note_loss(0.0, float(second))
        assert outlet.face.encoder.bitrate == outlet.numbers()["target_bitrate"]
        assert 300_000 < outlet.face.encoder.bitrate <= 375_000

    sent(test)


def test_a_slow_encoder_skips_pictures_and_never_sound() -> None:
    async def test(relay: Broadcast, outlet: PeerSender) -> None:
        for index in range(4):
            relay.send(a_frame(index))
        await asyncio.sleep(0)
        assert (await outlet.face.recv()).pts == 3 * 3600
        assert outlet.numbers()["pictures_dropped"] == 3
        assert outlet.numbers()["sound_dropped"] == 0

    sent(test)


def test_its_thread_has_a_name_and_ends() -> None:
    def encoders() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("liveface encoder")]

    async def test(relay: Broadcast, outlet: PeerSender) -> None:
        relay.send(a_frame(0))
        await outlet.face.recv()
        await until(lambda: len(encoders()) == 1)  # those of other tests end
        outlet.close()
        await until(lambda: not encoders())

    sent(test)
