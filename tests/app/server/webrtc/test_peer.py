"""Tests of one connection, with a real WebRTC client at the other end of the loopback device."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from liveface.app.measure.webrtc_probe import Heard, Link, Probe, impair
from liveface.app.server.sessions.broadcast import Broadcast
from liveface.app.server.webrtc.codecs import PictureEncoder
from liveface.app.server.webrtc.peer import IceServer, Peer, PeerSettings
from liveface.app.server.webrtc.rtp_source import RemoteSource
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.stats import Stats
from liveface.engine.errors import PeerError
from liveface.engine.media import HOP, Frame, Picture
from tests.app.server.loopback import a_click, a_frame, here, is_left, perform, resources, until

TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000, dtype=np.float32).astype(np.float32)
FLASHING = 12  # frames from one flash to the next


class World:
    """A relay, a peer that sees it and is heard, and a client."""

    def __init__(self, codec: str = "vp8", speaks: bool = True) -> None:
        self.relay = Broadcast(asyncio.get_running_loop())
        self.source = RemoteSource(MonotonicClock(), Stats())
        self.source.open()
        self.closed = 0
        self.messages: list[dict[str, object]] = []
        self.peer = Peer(
            PeerSettings(codec="h264" if codec == "h264" else "vp8"),
            source=self.source if speaks else None,
            viewing=self.relay.view(),
            on_closed=self._count,
            on_message=self.messages.append,
        )
        self.probe = Probe(TONE if speaks else None, picture_codec=codec.upper())

    async def connect(self) -> None:
        await self.probe.accept(await self.peer.answer(await self.probe.offer()))
        await until(lambda: self.peer.state == "connected")

    async def close(self) -> None:
        await self.peer.close()
        await self.probe.close()

    def _count(self) -> None:
        self.closed += 1


def played(test: Callable[[World], Awaitable[None]], codec: str = "vp8", speaks: bool = True) -> None:
    async def run() -> None:
        world = World(codec, speaks)
        try:
            await test(world)
        finally:
            await world.close()

    with here():
        asyncio.run(run())


def flashing(index: int) -> Frame:
    """A click begins with each white picture."""
    is_flash = index % FLASHING == 0
    return a_frame(index, white=is_flash, pcm=a_click() if is_flash else np.zeros(HOP, np.float32))


def clicks(sounds: list[Heard]) -> list[tuple[Heard, int]]:
    """The pieces of sound with a click, and the sample of its middle."""
    return [(heard, int(np.abs(heard.pcm).argmax())) for heard in sounds if np.abs(heard.pcm).max(initial=0) > 0.3]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_picture_and_its_sound_are_due_at_one_moment_at_the_receiver(codec: str) -> None:
    async def test(world: World) -> None:
        await world.connect()
        await perform(world.relay, flashing, 3.2)
        received = world.probe.received
        video, audio = received.clocks["video"], received.clocks["audio"]
        await until(lambda: video.is_known and audio.is_known)
        flashes = [
            video.moment(seen.timestamp, seen.moment) for seen in received.pictures if np.median(seen.image) > 125
        ]
        middle = 32 / 16_000  # of the click
        heard = [
            audio.moment(heard.timestamp, heard.moment) + place / 48_000 - middle
            for heard, place in clicks(received.sounds)
        ]
        nearest = [min((moment - flash for flash in flashes), key=abs) for moment in heard]
        offsets = [offset for offset in nearest if abs(offset) < 0.2]  # a busy machine may leave out a flash
        assert len(offsets) >= 4
        assert np.abs(offsets).max() < 0.004

    played(test, codec)


def test_what_the_peer_says_is_heard() -> None:
    async def test(world: World) -> None:
        await world.connect()
        heard = []
        for _ in range(40):
            pcm = await asyncio.to_thread(world.source.read, 0.05)
            assert pcm is not None
            heard.append(pcm)
        assert np.abs(np.concatenate(heard)).max() > 0.3

    played(test)


def test_a_viewer_sees_the_latest_picture_though_no_other_comes() -> None:
    async def test(world: World) -> None:
        world.relay.send(a_frame(0))
        await asyncio.sleep(0)
        await world.connect()
        await until(lambda: world.peer.numbers()["pictures_sent"] == 1)

    played(test, speaks=False)


def test_sound_that_is_cleared_is_never_heard() -> None:
    async def test(world: World) -> None:
        await world.connect()
        loud = np.resize(TONE[::3], HOP)
        await perform(world.relay, lambda index: a_frame(index, pcm=loud), 1.0)
        for index in range(25, 30):  # all at once, so that most of them wait
            world.relay.send(a_frame(index, pcm=loud))
        world.relay.clear()
        for index in range(30, 50):
            world.relay.send(a_frame(index))
            await asyncio.sleep(0.04)
        loud_ones = sum(np.abs(heard.pcm).max() > 0.1 for heard in world.probe.received.sounds)
        # Of 20 ms each: those of the first second, one frame that was on its way, and half of one for fading out. All
        # five at once would be ten more, however late a busy machine hears of them.
        assert loud_ones <= 2 * 25 + 3
        assert np.abs(world.probe.received.sounds[-1].pcm).max() < 0.02

    played(test)


def test_messages_go_both_ways() -> None:
    async def test(world: World) -> None:
        await world.connect()
        await until(lambda: world.probe.channel.readyState == "open")
        nonsense = ("no JSON", "[1]", "[" * 4000, json.dumps({"type": "x" * 10_000}))
        for text in (*nonsense, '{"type": "interrupt"}'):
            world.probe.channel.send(text)
        await until(lambda: world.messages)
        world.peer.send({"type": "stats", "fps": 25})
        received = world.probe.received.messages
        await until(lambda: len(received) == len(nonsense) + 1)
        assert world.messages == [{"type": "interrupt"}]
        *refusals, numbers = map(json.loads, received)
        assert numbers == {"type": "stats", "fps": 25}
        codes = [refusal["error"]["code"] for refusal in refusals]
        assert codes == ["invalid_json", "invalid_json", "invalid_json", "message_too_large"]

    played(test)


def test_candidates_may_come_later() -> None:
    async def test(world: World) -> None:
        offer = await world.probe.offer()
        lines = offer.splitlines()
        late = [line for line in lines if line.startswith(("m=", "a=mid:", "a=candidate:", "a=ice-ufrag", "a=end-of"))]
        early = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
        await world.probe.accept(await world.peer.answer("\r\n".join(early) + "\r\n"))
        await world.peer.add_candidates("\r\n".join(late))
        await until(lambda: world.peer.state == "connected")

    played(test)


def test_it_tells_once_that_the_other_side_has_gone() -> None:
    async def test(world: World) -> None:
        await world.connect()
        await world.probe.close()
        await until(lambda: world.closed)
        await world.peer.close()
        assert world.closed == 1
        assert world.peer.state == "closed"
        with pytest.raises(PeerError, match="ended"):
            await world.peer.add_candidates("a=candidate:1 1 udp 1 127.0.0.1 9 typ host")

    played(test)


def test_a_peer_that_vanishes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveface.app.server.webrtc.peer._SILENT_SECONDS", 0.5)

    async def test(world: World) -> None:
        await world.connect()
        impair(world.probe.connection.getTransceivers()[0].receiver.transport.transport, Link(loss=1.0))
        await until(lambda: world.closed)

    played(test)


def test_a_peer_that_never_connects_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveface.app.server.webrtc.peer._CONNECTING_SECONDS", 0.5)

    async def test(world: World) -> None:
        await world.peer.answer(await world.probe.offer())
        await until(lambda: world.closed)

    played(test)


def test_it_can_offer_its_face_to_another_server() -> None:
    async def test(world: World) -> None:
        pushed = Peer(PeerSettings(), source=None, viewing=world.relay.view(), on_closed=lambda: None)
        listener = RemoteSource(MonotonicClock(), Stats())
        server = Peer(PeerSettings(), source=listener, viewing=None, on_closed=lambda: None)
        await pushed.accept(await server.answer(await pushed.offer()))
        await until(lambda: pushed.state == server.state == "connected")
        await asyncio.gather(pushed.close(), server.close())

    played(test)


def without(prefix: str) -> Callable[[str], str]:
    return lambda sdp: "".join(f"{line}\r\n" for line in sdp.splitlines() if not line.startswith(prefix))


def only_video(sdp: str) -> str:
    head, _, rest = sdp.partition("m=audio")
    return head.replace("BUNDLE 0 1 2", "BUNDLE 1 2") + "m=video" + rest.partition("m=video")[2]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda sdp: "", "without any media"),
        (lambda sdp: "hello", "SDP|media"),
        (lambda sdp: sdp.replace("m=audio", "m=audio x"), "SDP"),
        (lambda sdp: "a=\0" * 200_000, "characters"),
        (lambda sdp: sdp + sdp[sdp.index("m=") :] * 10, "media"),
        (without("a=ice-ufrag"), "ICE"),
        (without("a=ice-pwd"), "ICE"),
        (without("a=fingerprint"), "fingerprint"),
        (without("a=rtcp-mux"), "rtcp-mux"),
        (only_video, "no sound"),
        (lambda sdp: sdp.replace("a=sendrecv", "a=recvonly"), "no sound"),
        (lambda sdp: sdp.replace("opus/48000", "speex/48000"), "codec for audio"),
        (lambda sdp: sdp.replace("VP8/", "VP7/"), "codec for video"),
        (lambda sdp: sdp.replace("a=setup:actpass", "a=setup:nobody"), "offer"),
    ],
)
def test_an_offer_that_cannot_be_used_is_refused_in_a_sentence(change: Callable[[str], str], told: str) -> None:
    async def test(world: World) -> None:
        offer = await world.probe.offer()
        with pytest.raises(PeerError, match=told) as refusal:
            await world.peer.answer(change(offer))
        assert len(str(refusal.value)) < 250
        assert world.closed == 1

    played(test)


def test_servers_for_ice_that_cannot_be_are_told() -> None:
    async def run() -> None:
        peer = Peer(
            PeerSettings((IceServer(("nonsense:example.org",)),)), source=None, viewing=None, on_closed=lambda: None
        )
        with pytest.raises(PeerError):
            await peer.offer()

    asyncio.run(run())


async def connect_and_leave(world: World) -> None:
    await world.connect()
    world.relay.send(a_frame(0))
    await until(lambda: world.peer.numbers()["pictures_sent"])
    await world.close()


def test_nothing_is_left_of_ten_connections() -> None:
    async def run() -> None:
        await connect_and_leave(World())  # what is loaded and started at first use stays
        before = resources()
        for _ in range(10):
            await connect_and_leave(World())
        await until(lambda: not is_left(before))

    with here():
        asyncio.run(run())


def test_a_viewer_whose_encoder_fails_is_not_left_with_a_still_picture(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(encoder: PictureEncoder, image: Picture, is_key: bool) -> bytes:
        raise ValueError("The pencil broke.")

    async def test(world: World) -> None:
        await world.connect()
        monkeypatch.setattr(PictureEncoder, "encode", fail)
        world.relay.send(a_frame(0))
        await until(lambda: world.peer.state == "closed")
        await until(lambda: world.closed == 1)

    played(test)
    assert "The pencil broke." in caplog.text


async def pictures_seen(change: Callable[[str], str], policy: RTCBundlePolicy, *media: tuple[str, str]) -> int:
    """How many pictures a client sees that offers these media."""
    client = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=policy))
    for kind, direction in media:
        client.addTransceiver(kind, direction)
    seen: list[object] = []
    watching: list[asyncio.Task[None]] = []

    @client.on("track")  # type: ignore[untyped-decorator]
    def watch(track: MediaStreamTrack) -> None:
        async def look() -> None:
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    seen.append(frame)

        watching.append(asyncio.create_task(look()))

    world = World()
    await client.setLocalDescription(await client.createOffer())
    try:
        answer = await world.peer.answer(change(client.localDescription.sdp))
        await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await until(lambda: world.peer.state == "connected")
        for index in range(200):
            world.relay.send(flashing(index))
            await asyncio.sleep(0.04)
            if len(seen) > 5:
                break
        return len(seen)
    finally:
        for task in watching:
            task.cancel()
        await world.close()
        await client.close()


MAX_BUNDLE, BALANCED = RTCBundlePolicy.MAX_BUNDLE, RTCBundlePolicy.BALANCED


@pytest.mark.parametrize(
    ("policy", "media"),
    [
        (BALANCED, [("audio", "sendrecv"), ("video", "sendonly"), ("video", "recvonly")]),
        (MAX_BUNDLE, [("audio", "sendrecv"), ("video", "sendonly"), ("video", "recvonly")]),
        (BALANCED, [("video", "recvonly"), ("audio", "sendonly"), ("audio", "recvonly")]),
    ],
)
def test_with_several_sections_of_one_kind_the_face_is_seen(
    policy: RTCBundlePolicy, media: list[tuple[str, str]]
) -> None:
    with here():
        assert asyncio.run(pictures_seen(str, policy, *media)) > 5


def test_several_sections_of_both_kinds_over_connections_apart_are_refused_in_a_sentence() -> None:
    kinds = [(kind, direction) for direction in ("sendonly", "recvonly") for kind in ("audio", "video")]
    with here(), pytest.raises(PeerError, match="policy max-bundle"):
        asyncio.run(pictures_seen(str, BALANCED, *kinds))


def test_a_section_that_has_no_port_as_it_shares_a_connection_is_answered() -> None:
    """As Firefox offers it with the policy max-bundle."""

    def without_port(offer: str) -> str:
        head, video = offer.split("m=video ")
        lines = [line for line in video.splitlines() if not line.startswith(("a=candidate", "a=end-of"))]
        return f"{head}m=video 0 {' '.join(lines[0].split()[1:])}\r\na=bundle-only\r\n" + "\r\n".join([*lines[1:], ""])

    with here():
        assert asyncio.run(pictures_seen(without_port, MAX_BUNDLE, ("audio", "sendrecv"), ("video", "recvonly"))) > 5
