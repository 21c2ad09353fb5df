"""Tests of faces that speak over the network: stand-ins draw, real peers watch."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from liveface.app.capacity.admission import Admission
from liveface.app.capacity.draw_cost import DrawingCost
from liveface.app.capacity.scheduler import Scheduler
from liveface.app.capacity.session_pool import SessionPool
from liveface.app.files.media_files import iterate_audio
from liveface.app.measure.webrtc_probe import Heard, Probe, Reception
from liveface.app.server.sessions.session_registry import Limits, ServerSession, SessionRegistry, SessionRequest
from liveface.app.server.webrtc.peer import Peer, PeerSettings
from liveface.app.server.webrtc.rtp_source import RemoteSource
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import ASSETS
from liveface.app.session.stats import Stats
from liveface.engine.errors import CapacityError, LivefaceError, NotFoundError, OutputError, PeerError
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Frame, Motion
from tests.app.fakes import FakeRenderer, an_avatar
from tests.app.server.loopback import here, is_left, resources, until
from tests.fakes import FakeMotionNetwork

SIDE = 128
SPEECH = np.concatenate([block[:, 0] for block in iterate_audio(ASSETS / "audio" / "speech.wav", 48_000, rate=48_000)])
SMALL = Limits(conversations=3, viewers=2)


class SharedNetwork(FakeMotionNetwork):
    def another(self) -> FakeMotionNetwork:
        return FakeMotionNetwork()


class FragileRenderer(FakeRenderer):
    """Cannot draw an avatar after it was named in `broken`."""

    def __init__(self, clock: MonotonicClock) -> None:
        super().__init__(clock)
        self.broken: set[Avatar] = set()

    def prepare(self, avatar: Avatar) -> None:
        pass

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        if self.broken & set(avatars):
            raise OutputError("The pencil broke.")
        return super().draw(motions, avatars)


class HandClock(MonotonicClock):
    """The real time, plus what a test adds."""

    def __init__(self) -> None:
        self.added = 0.0

    def now(self) -> float:
        return super().now() + self.added


class Theatre:
    def __init__(self, limits: Limits = SMALL) -> None:
        self.clock = HandClock()
        self.real_clock = MonotonicClock()
        self.renderer = FragileRenderer(self.real_clock)
        cost = DrawingCost(0.0, 0.001, 0.0)
        self.scheduler = Scheduler(self.renderer, self.real_clock, cost)
        admission = Admission(cost, 0.0, cores=2)
        ensemble = SessionPool(SharedNetwork(), self.scheduler, admission, self.real_clock)  # type: ignore[arg-type]
        self.conversations = SessionRegistry(ensemble, self.clock, limits)

    async def open(self, encoding: float = 0.0) -> ServerSession:
        stats = Stats()
        source = RemoteSource(self.real_clock, stats)
        return await self.conversations.open(SessionRequest(an_avatar(SIDE, SIDE), "someone"), source, encoding, stats)

    async def connect(self, conversation: ServerSession, *, speaks: bool = True) -> tuple[Peer, Probe]:
        probe = Probe(SPEECH if speaks else None)
        peer = conversation.join(PeerSettings(), speaks=speaks)
        await probe.accept(await peer.answer(await probe.offer()))
        await until(lambda: peer.state == "connected")
        return peer, probe


def played(test: Callable[[Theatre], Awaitable[None]], limits: Limits = SMALL) -> None:
    async def run() -> None:
        theatre = Theatre(limits)
        with theatre.scheduler:
            try:
                await test(theatre)
            finally:
                await theatre.conversations.close_all()

    with here():
        asyncio.run(run())


def mouth(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float:
    """How far the stand-in's mouth is open, 0 to 255."""
    return float(np.median(image[:, :, 1]))


def is_open(received: Reception) -> bool:
    return bool(received.pictures) and mouth(received.pictures[-1].image) > 40


def is_loud(heard: Heard) -> bool:
    return bool(np.abs(heard.pcm).max(initial=0) > 0.1)


def test_a_peer_sees_and_hears_the_face_that_it_speaks_through() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        _, probe = await theatre.connect(conversation)
        await until(lambda: is_open(probe.received) and any(map(is_loud, probe.received.sounds)))
        numbers = conversation.numbers()
        assert numbers["running"] is True
        assert json.loads(json.dumps(numbers)) == numbers
        await probe.close()

    played(test)


def test_an_interruption_closes_the_mouth_and_old_sound_is_not_heard() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        _, probe = await theatre.connect(conversation)
        received = probe.received
        await until(lambda: is_open(received) and all(map(is_loud, received.sounds[-3:])))
        conversation.mute(True)  # nothing new is said, but much is under way
        await conversation.interrupt()
        seen, heard = len(received.pictures), len(received.sounds)
        await until(lambda: len(received.pictures) > seen + 10)
        assert any(mouth(picture.image) < 10 for picture in received.pictures[seen : seen + 5])
        assert not any(map(is_loud, received.sounds[heard + 2 :]))  # what was on its way
        await probe.close()

    played(test)


def test_the_peer_may_ask_for_it_over_the_data_channel() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        _, probe = await theatre.connect(conversation)
        received = probe.received
        await until(lambda: is_open(received) and probe.channel.readyState == "open")
        probe.channel.send(json.dumps({"type": "mute", "muted": True}))
        probe.channel.send(json.dumps({"type": "mute", "muted": "no"}))
        probe.channel.send(json.dumps({"type": "interrupt"}))
        probe.channel.send(json.dumps({"type": ["?"]}))
        await until(lambda: mouth(received.pictures[-1].image) < 10)
        await theatre.conversations.sweep()
        await until(lambda: len(received.messages) == 3)
        *refused, numbers = map(json.loads, received.messages)
        assert [(one["type"], one["error"]["code"]) for one in refused] == [
            ("error", "mute_missing"),
            ("error", "unknown_type"),
        ]
        assert numbers["type"] == "stats"
        await probe.close()

    played(test)


def test_who_only_watches_may_not_interrupt() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        _, probe = await theatre.connect(conversation, speaks=False)
        await until(lambda: probe.channel.readyState == "open")
        probe.channel.send(json.dumps({"type": "mute", "muted": True}))
        _, owner = await theatre.connect(conversation)
        await until(lambda: any(map(is_loud, probe.received.sounds)))
        await asyncio.gather(probe.close(), owner.close())

    played(test)


def test_whoever_comes_back_in_time_finds_the_conversation_and_takes_it_over() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        first, old = await theatre.connect(conversation)
        theatre.clock.added += 29
        _, new = await theatre.connect(theatre.conversations.get(conversation.id))
        await until(lambda: first.state == "closed" and len(conversation.peers) == 1)
        theatre.clock.added += 29
        await theatre.conversations.sweep()
        await until(lambda: is_open(new.received))
        await asyncio.gather(old.close(), new.close())

    played(test)


def test_a_conversation_that_everybody_left_ends_after_half_a_minute() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        conversation.enter("a socket")
        theatre.clock.added += 31
        await theatre.conversations.sweep()
        conversation.leave("a socket")
        theatre.clock.added += 29
        await theatre.conversations.sweep()
        assert len(theatre.conversations) == 1
        theatre.clock.added += 2
        await theatre.conversations.sweep()
        assert len(theatre.conversations) == 0
        assert not conversation.is_running
        with pytest.raises(NotFoundError):
            theatre.conversations.get(conversation.id)

    played(test)


def test_a_conversation_in_which_nothing_is_said_ends() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        conversation.enter("a socket")
        await until(lambda: conversation.relay.silent > 5)
        await theatre.conversations.sweep()
        assert len(theatre.conversations) == 0

    played(test, Limits(idle_seconds=0.2))


def test_a_session_that_fails_ends_alone_and_says_why() -> None:
    async def test(theatre: Theatre) -> None:
        broken, whole = await theatre.open(), await theatre.open()
        for conversation in (broken, whole):
            conversation.enter("a socket")
        theatre.renderer.broken.add(broken.wish.avatar)
        await until(lambda: not broken.is_running)
        await theatre.conversations.sweep()
        assert broken.numbers()["error"]["message"] == "The pencil broke."
        assert list(theatre.conversations) == [whole]
        frames = whole.stats.report().frames
        await until(lambda: whole.stats.report().frames > frames + 3)

    played(test)


def test_there_are_no_more_conversations_and_viewers_than_allowed() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = (await asyncio.gather(*(theatre.open() for _ in range(3))))[0]
        with pytest.raises(CapacityError):
            await theatre.open()
        for _ in range(2):
            conversation.join(PeerSettings(), speaks=False)
        with pytest.raises(CapacityError):
            conversation.join(PeerSettings(), speaks=False)

    played(test)


def test_whoever_needs_room_gets_that_of_the_conversation_that_was_left_longest_ago() -> None:
    async def test(theatre: Theatre) -> None:
        first, second, third = [await theatre.open() for _ in range(3)]
        first.enter("a socket")
        theatre.clock.added += 4
        third.enter("another")
        third.leave("another")
        with pytest.raises(CapacityError):
            await theatre.open()
        theatre.clock.added += 2
        fourth = await theatre.open()
        assert set(theatre.conversations) == {first, third, fourth}
        assert not second.is_running
        with pytest.raises(CapacityError):
            await theatre.open()

    played(test)


def test_a_bad_offer_leaves_no_viewer_behind() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        peer = conversation.join(PeerSettings(), speaks=True)
        with pytest.raises(PeerError):
            await peer.answer("nonsense")
        assert not conversation.peers
        assert conversation.relay.viewers == 0

    played(test)


def test_all_end_with_open_peers_and_nothing_is_left() -> None:
    async def performance() -> None:
        theatre = Theatre()
        with theatre.scheduler:
            probes = [(await theatre.connect(await theatre.open()))[1] for _ in range(3)]
            await theatre.conversations.close_all()
            assert len(theatre.conversations) == 0
            with pytest.raises(CapacityError, match="stops"):
                await theatre.open()
            await asyncio.gather(*(probe.close() for probe in probes))

    async def run() -> None:
        await performance()  # what is loaded and started at first use stays
        before = resources()
        await performance()
        await until(lambda: not is_left(before))

    with here():
        asyncio.run(run())


def test_peers_are_told_that_and_why_a_conversation_ends() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        _, probe = await theatre.connect(conversation)
        await until(lambda: probe.channel.readyState == "open")
        await theatre.conversations.close(conversation.id, LivefaceError("It is late."))
        await until(lambda: probe.received.messages)
        told = {"code": "failed", "message": "It is late.", "details": {}}
        assert json.loads(probe.received.messages[-1]) == {"type": "ended", "error": told}
        await probe.close()

    played(test)


def test_what_is_ending_when_all_end_is_waited_for() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        peer, probe = await theatre.connect(conversation)
        asker = asyncio.create_task(theatre.conversations.close(conversation.id))
        await asyncio.sleep(0)
        asker.cancel()
        await asyncio.wait([asker])
        await theatre.conversations.close_all()
        assert peer.state == "closed"
        assert not conversation.peers
        await probe.close()

    played(test)


def test_the_peers_of_a_conversation_are_closed_though_its_end_is_cancelled() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open()
        _, probe = await theatre.connect(conversation)
        has_begun, may_end, has_ended = threading.Event(), threading.Event(), threading.Event()
        slow: Any = ExitStack()
        slow.callback(has_ended.set)
        slow.push(conversation._performance)
        slow.callback(may_end.wait, 20)
        slow.callback(has_begun.set)
        conversation._performance = slow
        asker = asyncio.create_task(conversation.close())
        await until(has_begun.is_set)
        assert conversation._closing is not None
        conversation._closing.cancel()
        await asyncio.wait([asker])
        assert not conversation.peers
        may_end.set()
        await until(has_ended.is_set)
        await probe.close()

    played(test)


def test_another_viewer_is_refused_where_its_encoder_would_take_too_much() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open(encoding=0.05)
        first = conversation.join(PeerSettings(), speaks=True)
        with pytest.raises(CapacityError, match="another viewer"):
            conversation.join(PeerSettings(), speaks=False)
        assert conversation.peers == {first}
        assert conversation.join(PeerSettings(), speaks=True) is not first  # whoever comes back takes its own place

    played(test)


def test_a_viewer_who_stays_does_not_keep_the_place_that_came_with_the_session() -> None:
    async def test(theatre: Theatre) -> None:
        conversation = await theatre.open(encoding=0.03)
        owner = conversation.join(PeerSettings(), speaks=True)
        watching = conversation.join(PeerSettings(), speaks=False)
        await owner.close()
        again = conversation.join(PeerSettings(), speaks=True)
        assert conversation.peers == {watching, again}
        await watching.close()
        conversation.join(PeerSettings(), speaks=False)

    played(test)


def test_a_conversation_knows_how_long_nobody_has_spoken_in_it() -> None:
    async def run() -> None:
        theatre = Theatre()
        source = RemoteSource(theatre.real_clock, Stats())
        conversation = ServerSession(
            SessionRequest(an_avatar(SIDE, SIDE), "clara"), source, Stats(), theatre.clock, SMALL
        )
        speaker = conversation.join(PeerSettings(), speaks=True)
        theatre.clock.added += 50
        assert conversation.unspoken_for == 0
        again = conversation.join(PeerSettings(), speaks=True)
        assert conversation.unspoken_for == 0
        await again.close()
        theatre.clock.added += 40
        assert 40 <= conversation.unspoken_for < 45
        await speaker.close()

    asyncio.run(run())


def test_a_renewed_secret_is_another_one() -> None:
    async def run() -> None:
        theatre = Theatre()
        source = RemoteSource(theatre.real_clock, Stats())
        conversation = ServerSession(
            SessionRequest(an_avatar(SIDE, SIDE), "clara"), source, Stats(), theatre.clock, SMALL
        )
        before = conversation.owner
        assert conversation.renew_owner() == conversation.owner != before

    asyncio.run(run())


def test_one_conversation_that_cannot_be_looked_after_does_not_keep_the_others_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def test(theatre: Theatre) -> None:
        broken, other = await theatre.open(), await theatre.open()
        monkeypatch.setattr(broken, "reason_to_end", lambda: 1 / 0)
        theatre.clock.added += 60
        await theatre.conversations.sweep()
        assert list(theatre.conversations) == [broken]
        assert not other.is_running

    played(test)
    assert "ZeroDivisionError" in caplog.text


def test_the_name_of_an_uploaded_photo_is_not_told_to_those_who_watch() -> None:
    async def run() -> None:
        theatre = Theatre()
        source = RemoteSource(theatre.real_clock, Stats())
        for is_private, told in ((True, None), (False, "clara")):
            wish = SessionRequest(an_avatar(SIDE, SIDE), "clara", is_private=is_private)
            conversation = ServerSession(wish, source, Stats(), theatre.clock, SMALL)
            assert conversation.numbers()["avatar"] == told

    asyncio.run(run())
