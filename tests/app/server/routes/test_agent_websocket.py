"""Tests of the agents' WebSocket: a real server and real conversations, with stand-ins for the engine."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aioice.ice
import numpy as np
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web
from aiohttp.test_utils import TestClient, TestServer
from numpy.typing import NDArray

from liveface.app.capacity.admission import Admission
from liveface.app.capacity.draw_cost import DrawingCost
from liveface.app.capacity.scheduler import Drawn
from liveface.app.server.application import make_application
from liveface.app.server.context import ServerContext
from liveface.app.server.routes import agent_websocket as pcm_socket
from liveface.app.server.security import Access
from liveface.app.server.sessions.pcm_source import PacedSource
from liveface.app.server.sessions.session_registry import Limits, ServerSession, SessionRegistry
from liveface.app.server.webrtc.encoding_cost import EncodingCost
from liveface.app.server.webrtc.peer import PeerSettings
from liveface.app.session.clock import MonotonicClock
from liveface.app.session.session import Session, Sink
from liveface.app.session.sources import Source
from liveface.app.session.stats import Stats
from liveface.engine.errors import NotFoundError
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Frame
from tests.app.fakes import FakeRenderer, FakeStreamer, an_avatar
from tests.app.server.application_fakes import StillClock
from tests.app.server.player import Watched, watch

RATE = 24_000
Event = dict[str, object]


class FakeEnsemble:
    """Sessions whose faces open the mouth with the sound."""

    def __init__(self) -> None:
        self.admission = Admission(DrawingCost(0.0, 0.0125, 0.0), 0.0, cores=2)
        self.scheduler = SimpleNamespace(drawn=Drawn(), is_running=True)
        self.seconds: Callable[[int], float] = lambda index: 0.001

    @contextmanager
    def performing(
        self, source: Source, avatar: Avatar, sinks: Sequence[Sink], stats: Stats, lookahead: int, encoding: float
    ) -> Iterator[Session]:
        clock = MonotonicClock()
        renderer = FakeRenderer(clock, self.seconds)
        session = Session(source, FakeStreamer(lookahead), renderer, avatar, sinks, clock, stats)
        session.start()
        try:
            yield session
        finally:
            session.stop()


class FakeShelf:
    async def framed(self, name: str, width: int, height: int) -> Avatar:
        if name != "clara":
            raise NotFoundError(f"No avatar is named “{name}”.")
        return an_avatar(width, height)

    def is_uploaded(self, name: str) -> bool:
        return False


class Agent:
    """One socket, as a client sees it."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[Event] = []

    async def next(self) -> Event:
        message = await self.socket.receive(10)
        assert message.type is WSMsgType.TEXT, message
        self.events.append(json.loads(message.data))
        return self.events[-1]

    async def until(self, kind: str) -> Event:
        while (event := await self.next())["type"] != kind:
            pass
        return event

    async def closed(self) -> int | None:
        while (message := await self.socket.receive(10)).type is WSMsgType.TEXT:
            self.events.append(json.loads(message.data))
        # Where the server has not waited for the client's own goodbye, the client's `close_code` tells only that.
        return int(message.data) if message.type is WSMsgType.CLOSE else self.socket.close_code

    async def send(self, kind: str, **content: object) -> None:
        await self.socket.send_json({"type": kind, **content})

    def kinds(self) -> list[object]:
        return [event["type"] for event in self.events]


class World:
    def __init__(self, client: TestClient, ensemble: FakeEnsemble, clock: StillClock, stage: ServerContext) -> None:  # type: ignore[type-arg]
        self.client = client
        self.ensemble = ensemble
        self.clock = clock
        self.conversations = stage.conversations

    async def connect(self, owner: str = "", **query: object) -> Agent:
        sent = {"Liveface-Owner": owner}
        agent = Agent(await self.client.ws_connect("/pcm", params={"size": "128x128"} | query, headers=sent))
        assert (await agent.next())["type"] == "session.created"
        return agent

    def conversation(self, agent: Agent) -> ServerSession:
        return self.conversations.get(str(agent.events[0]["conversation"]))

    async def refused(self, shown: str = "", **query: object) -> int:
        with pytest.raises(WSServerHandshakeError) as refusal:
            await self.client.ws_connect("/pcm", params=query, headers={"Liveface-Owner": shown})
        return refusal.value.status


def visited(folder: Path, visit: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        ensemble, clock = FakeEnsemble(), StillClock()
        stage = ServerContext(
            SessionRegistry(ensemble, clock, Limits()),  # type: ignore[arg-type]
            FakeShelf(),  # type: ignore[arg-type]
            PeerSettings(),
            MonotonicClock(),
            EncodingCost(0.0, 0.0),
        )
        application = make_application(stage, ensemble, Access(), folder)  # type: ignore[arg-type]
        async with asyncio.timeout(30), TestClient(TestServer(application)) as client:
            await visit(World(client, ensemble, clock, stage))

    asyncio.run(run())


def noise(seconds: float, rate: int = RATE, level: int = 30_000) -> bytes:
    return np.random.default_rng(0).integers(level // 2, level, round(seconds * rate)).astype("<i2").tobytes()


def is_open(frame: Frame) -> bool:
    return bool(frame.image[0, 0, 1])


def test_a_burst_is_spoken_and_its_playback_told_to_the_last_sample(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        created = agent.events[0]
        assert (created["rate"], created["width"], created["avatar"]) == (RATE, 128, "clara")
        assert created["whep"] == f"/whep?conversation={created['conversation']}"
        viewing = world.conversation(agent).relay.view(1000)
        pcm = noise(0.6)
        for start in range(0, len(pcm), 4800):
            await agent.socket.send_bytes(pcm[start : start + 4800])
        await agent.send("input_audio_buffer.commit")
        stopped = await agent.until("output_audio_buffer.stopped")
        assert (stopped["item_id"], stopped["samples"], stopped["ms"]) == ("item_1", len(pcm) // 2, 600)
        kinds = agent.kinds()
        assert kinds.index("output_audio_buffer.started") < kinds.index("playback.position")
        committed = next(event for event in agent.events if event["type"] == "input_audio_buffer.committed")
        assert (committed["item_id"], committed["previous_item_id"]) == ("item_1", None)
        told = [event["samples"] for event in agent.events if event["type"] == "playback.position"]
        assert told == sorted(set(told))
        assert told[-1] == len(pcm) // 2
        assert len(told) >= 3
        assert len({event["event_id"] for event in agent.events}) == len(agent.events)
        frames = [await viewing.next() for _ in range(viewing.waiting)]
        assert 10 <= sum(frame is not None and is_open(frame) for frame in frames) <= 18

    visited(tmp_path, visit)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_utterances_in_json_are_told_one_after_the_other(tmp_path: Path, rate: int) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect(rate=rate)
        for seconds in (0.2, 0.1):
            audio = base64.b64encode(noise(seconds, rate)).decode()
            await agent.send("input_audio_buffer.append", audio=audio)
            await agent.send("input_audio_buffer.commit")
        first = await agent.until("output_audio_buffer.stopped")
        second = await agent.until("output_audio_buffer.stopped")
        assert [(event["item_id"], event["ms"]) for event in (first, second)] == [("item_1", 200), ("item_2", 100)]
        committed = [event for event in agent.events if event["type"] == "input_audio_buffer.committed"]
        assert [event["previous_item_id"] for event in committed] == [None, "item_1"]

    visited(tmp_path, visit)


@pytest.mark.parametrize("kind", ["input_audio_buffer.clear", "output_audio_buffer.clear", "response.cancel"])
def test_an_interrupt_is_answered_with_what_was_heard_and_nothing_more_of_it_is(tmp_path: Path, kind: str) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        await agent.socket.send_bytes(noise(10.0))
        await agent.send("input_audio_buffer.commit")
        while (await agent.until("playback.position"))["samples"] < 0.2 * RATE:  # type: ignore[operator]
            pass
        viewing = world.conversation(agent).relay.view(1000)
        await agent.send(kind)
        cleared = await agent.until("output_audio_buffer.cleared")
        assert cleared["item_id"] == "item_1"
        assert 0.2 * RATE <= cleared["samples"] < 3 * RATE  # type: ignore[operator]
        await agent.socket.send_bytes(noise(0.8, level=100))
        await agent.send("input_audio_buffer.commit")
        stopped = await agent.until("output_audio_buffer.stopped")
        assert (stopped["item_id"], stopped["ms"]) == ("item_2", 800)
        frames = [await viewing.next() for _ in range(viewing.waiting)]
        heard = np.concatenate([frame.pcm for frame in frames if frame is not None])
        assert np.abs(heard).max() < 200 / 32768
        assert not any(frame is not None and is_open(frame) for frame in frames[10:])  # what is said now is too quiet

    visited(tmp_path, visit)


def test_an_interrupt_that_comes_as_a_request_is_told_too(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        await agent.socket.send_bytes(noise(5.0))
        await agent.until("playback.position")
        conversation = world.conversation(agent)
        response = await world.client.post(
            f"/conversations/{conversation.id}/interrupt", headers={"Liveface-Owner": conversation.owner}
        )
        assert response.status == 204
        assert (await agent.until("output_audio_buffer.cleared"))["item_id"] == "item_1"

    visited(tmp_path, visit)


async def heard(world: World, agent: Agent, send: Awaitable[None]) -> NDArray[np.float32]:
    """All sound of an utterance, as viewers get it."""
    viewing = world.conversation(agent).relay.view(1000)
    await send
    await agent.send("input_audio_buffer.commit")
    await agent.until("output_audio_buffer.stopped")
    frames = [await viewing.next() for _ in range(viewing.waiting)]
    pcm = np.concatenate([frame.pcm for frame in frames if frame is not None])
    return np.trim_zeros(pcm)


def test_sound_that_is_cut_at_odd_bytes_is_heard_whole(tmp_path: Path) -> None:
    pcm = noise(0.6, 16_000)
    pieces = [pcm[start : start + 1697] for start in range(0, len(pcm), 1697)]

    async def visit(world: World) -> None:
        agent = await world.connect(rate=16_000)

        async def send() -> None:
            for number, piece in enumerate(pieces):
                if number % 2:
                    await agent.socket.send_bytes(piece)
                else:
                    audio = base64.b64encode(piece).decode()
                    await agent.send("input_audio_buffer.append", audio=audio)

        said = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
        assert np.array_equal(await heard(world, agent, send()), said)
        assert "error" not in agent.kinds()

        async def send_more() -> None:  # after an utterance whose last byte was lost
            await agent.socket.send_bytes(pcm[:-1])
            await agent.send("input_audio_buffer.commit")
            await agent.until("output_audio_buffer.stopped")
            await agent.socket.send_bytes(pcm)

        both = await heard(world, agent, send_more())
        assert np.array_equal(both[-len(said) :], said)

    visited(tmp_path, visit)


@pytest.mark.parametrize("rate", [8_000, 22_050, 24_000, 44_100, 48_000])
def test_sound_of_every_usual_rate_keeps_its_length_and_pitch(tmp_path: Path, rate: int) -> None:
    tone = (16_000 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype("<i2").tobytes()

    async def visit(world: World) -> None:
        agent = await world.connect(rate=rate)
        sound = await heard(world, agent, agent.socket.send_bytes(tone))
        assert len(sound) == pytest.approx(16_000, abs=100)
        spectrum = np.abs(np.fft.rfft(sound[:15_800] * np.hanning(15_800)))
        pitch = np.argmax(spectrum) * 16_000 / 15_800
        assert pitch == pytest.approx(440, abs=2)
        beside = np.delete(spectrum, range(int(np.argmax(spectrum)) - 5, int(np.argmax(spectrum)) + 6))
        assert beside.max() < spectrum.max() / 300

    visited(tmp_path, visit)


NONSENSE: list[tuple[str | bytes, str]] = [
    (bytes(2**20 + 2), "message_too_large"),
    (bytes(10_000_000), "message_too_large"),
    ("not json", "invalid_json"),
    ("[1, 2]", "invalid_json"),
    ("[" * 100_000, "invalid_json"),
    ('{"type": "session.update"}', "unknown_type"),
    ('{"type": ["input_audio_buffer.append"]}', "unknown_type"),
    ('{"event_id": "mine"}', "unknown_type"),
    ('{"type": "input_audio_buffer.append"}', "invalid_audio"),
    ('{"type": "input_audio_buffer.append", "audio": 7}', "invalid_audio"),
    ('{"type": "input_audio_buffer.append", "audio": "&&&&"}', "invalid_audio"),
    ('{"type": "input_audio_buffer.append", "audio": "AAA="', "invalid_json"),
    ('{"type": "input_audio_buffer.commit"}', "input_audio_buffer_commit_empty"),
]


def test_a_message_that_cannot_be_followed_gets_one_error_and_changes_nothing(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        for message, code in NONSENSE:
            await (agent.socket.send_bytes(message) if isinstance(message, bytes) else agent.socket.send_str(message))
            error = (await agent.next())["error"]
            assert isinstance(error, dict)
            assert (error["code"], error["type"]) == (code, "invalid_request_error")
            assert error["event_id"] == ("mine" if "mine" in str(message) else None)
            assert len(error["message"]) < 300
        await agent.socket.send_bytes(noise(0.05))
        await agent.send("input_audio_buffer.commit")
        await agent.until("output_audio_buffer.stopped")
        assert agent.kinds().count("error") == len(NONSENSE)

    visited(tmp_path, visit)


def test_a_message_without_end_closes_its_own_socket_only(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent, other = await world.connect(), await world.connect()
        with suppress(ConnectionError):  # it may be closed before all of it has been sent
            await agent.socket.send_bytes(bytes(2**24 + 2))
        assert await agent.closed() in (1009, 1006)
        await other.socket.send_bytes(noise(0.1))
        await other.until("playback.position")

    visited(tmp_path, visit)


def test_a_socket_that_sends_nothing_but_nonsense_is_closed(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        for _ in range(30):
            await agent.socket.send_str("nonsense")
        assert await agent.closed() == 1008
        assert agent.kinds().count("error") == 20

    visited(tmp_path, visit)


def test_more_than_the_buffer_holds_waits_with_one_error_and_a_request_can_still_interrupt(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect(rate=16_000)
        sending = asyncio.create_task(send_all(agent))
        error = (await agent.until("error"))["error"]
        assert isinstance(error, dict)
        assert error["code"] == "input_audio_buffer_full"
        conversation = world.conversation(agent)
        assert isinstance(conversation.source, PacedSource)
        assert 118 < conversation.source.ahead < 120
        while (await agent.until("playback.position"))["ms"] < 600:  # type: ignore[operator]
            pass
        assert agent.kinds().count("error") == 1
        await conversation.interrupt()
        await agent.until("output_audio_buffer.cleared")
        await sending

    async def send_all(agent: Agent) -> None:
        second = noise(1.0, 16_000)
        for _ in range(123):
            await agent.socket.send_bytes(second)

    visited(tmp_path, visit)


def test_too_many_messages_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcm_socket, "_MOST_MESSAGES", 10)

    async def visit(world: World) -> None:
        agent = await world.connect()
        began = asyncio.get_running_loop().time()
        for _ in range(11):
            await agent.socket.send_bytes(noise(0.001))
        await agent.send("input_audio_buffer.commit")
        await agent.until("input_audio_buffer.committed")
        assert asyncio.get_running_loop().time() - began > 0.95

    visited(tmp_path, visit)


def test_an_agent_that_comes_back_speaks_in_the_same_conversation(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        conversation = world.conversation(agent)
        await agent.socket.close()
        world.clock.moment += 29
        again = await world.connect(conversation=conversation.id, owner=conversation.owner)
        assert world.conversation(again) is conversation
        assert len(world.conversations) == 1
        world.clock.moment += 60
        await world.conversations.sweep()
        await again.socket.send_bytes(noise(0.1))
        await again.until("playback.position")

    visited(tmp_path, visit)


def test_a_second_socket_of_the_owner_takes_over(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        conversation = world.conversation(agent)
        again = await world.connect(conversation=conversation.id, owner=conversation.owner)
        assert await agent.closed() == 1012
        await again.socket.send_bytes(noise(0.1))
        await again.until("playback.position")
        await again.socket.close()
        assert conversation.is_running

    visited(tmp_path, visit)


def test_who_comes_back_is_told_a_new_secret_and_the_old_one_is_worth_nothing(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        identifier, first = str(agent.events[0]["conversation"]), str(agent.events[0]["owner"])
        again = await world.connect(conversation=identifier, owner=first)
        second = str(again.events[0]["owner"])
        assert second != first
        assert await world.refused(conversation=identifier, shown=first) == 403
        protocols = ("liveface", f"liveface.owner.{second}")
        page = await world.client.ws_connect("/pcm", params={"conversation": identifier}, protocols=protocols)
        assert page.protocol == "liveface"
        assert (await page.receive_json())["conversation"] == identifier

    visited(tmp_path, visit)


def test_a_secret_in_the_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        query = {key: str(agent.events[0][key]) for key in ("conversation", "owner")}
        response = await world.client.get(
            "/pcm",
            params=query,
            headers={
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
            },
        )
        assert response.status == 400
        text = await response.text()
        assert "Liveface-Owner" in text
        assert query["owner"] not in text

    visited(tmp_path, visit)


def test_of_two_sockets_that_take_over_at_once_only_the_later_one_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = web.WebSocketResponse.close

    async def close_slowly(socket: web.WebSocketResponse, **reason: Any) -> bool:
        if socket.prepared:
            await asyncio.sleep(0.3)
        return await close(socket, **reason)

    monkeypatch.setattr(web.WebSocketResponse, "close", close_slowly)

    async def visit(world: World) -> None:
        agent = await world.connect()
        conversation = world.conversation(agent)
        first_owner = conversation.owner
        second = asyncio.create_task(
            world.client.ws_connect(
                "/pcm", params={"conversation": conversation.id}, headers={"Liveface-Owner": first_owner}
            )
        )
        while len(conversation._members) < 2:
            await asyncio.sleep(0)
        third = await world.connect(conversation=conversation.id, owner=first_owner)
        assert await Agent(await second).closed() == 1012
        while len(conversation._members) > 1:
            await asyncio.sleep(0)
        await third.socket.send_bytes(noise(0.1))
        await third.until("playback.position")
        await world.connect(conversation=conversation.id, owner=str(third.events[0]["owner"]))
        assert await third.closed() == 1012

    visited(tmp_path, visit)


def test_a_conversation_ends_half_a_minute_after_its_agent_has_gone(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        world.clock.moment += 600
        await world.conversations.sweep()
        assert len(world.conversations) == 1
        await agent.socket.close()
        while world.conversation(agent)._members:
            await asyncio.sleep(0.01)
        world.clock.moment += 29
        await world.conversations.sweep()
        assert len(world.conversations) == 1
        world.clock.moment += 2
        await world.conversations.sweep()
        assert len(world.conversations) == 0

    visited(tmp_path, visit)


def test_speech_waits_for_a_viewer_where_the_agent_wants_it(tmp_path: Path) -> None:
    class Viewer:
        state = "connecting"

        async def close(self) -> None:
            pass

        def send(self, message: dict[str, object]) -> None:
            pass

    async def visit(world: World) -> None:
        agent = await world.connect(wait_for_viewer="true")
        conversation = world.conversation(agent)
        viewer = Viewer()
        conversation.peers.add(viewer)  # type: ignore[arg-type]
        await agent.socket.send_bytes(noise(0.2))
        await agent.send("input_audio_buffer.commit")
        assert (await agent.next())["type"] == "input_audio_buffer.committed"
        viewing = conversation.relay.view()
        for _ in range(10):
            frame = await viewing.next()
            assert frame is not None
            assert not is_open(frame)
        viewer.state = "connected"
        assert (await agent.next())["type"] == "output_audio_buffer.started"
        assert (await agent.until("output_audio_buffer.stopped"))["ms"] == 200

    visited(tmp_path, visit)


def test_a_viewer_sees_and_hears_the_agent_until_the_interrupt_and_nothing_stale_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])

    async def visit(world: World) -> None:
        agent = await world.connect(wait_for_viewer="true", rate=48_000)
        enough = asyncio.Event()
        address = world.client.make_url(str(agent.events[0]["whep"]))
        watching = asyncio.create_task(watch(str(address), "", lambda seen: enough.is_set() and is_over(seen)))
        await agent.socket.send_bytes(noise(10.0, 48_000))
        while (await agent.until("playback.position"))["ms"] < 1000:  # type: ignore[operator]
            pass
        await agent.send("output_audio_buffer.clear")
        heard = (await agent.until("output_audio_buffer.cleared"))["ms"]
        enough.set()
        watched = await watching
        assert is_over(watched)
        # The codec smears it a little; less than half is lost even where the machine is busy.
        assert heard / 2 <= 10 * loud(watched).sum() <= heard + 60  # type: ignore[operator]
        assert any(opened(watched))

    def is_over(watched: Watched) -> bool:
        return not loud(watched)[-30:].any() and not any(opened(watched)[-10:])

    def loud(watched: Watched) -> np.ndarray:
        """Of each 10 ms."""
        pcm = watched.pcm()
        return np.abs(pcm[: len(pcm) // 480 * 480].reshape(-1, 480)).max(axis=1) > 0.1

    def opened(watched: Watched) -> list[bool]:
        return [bool(picture[32:96, 32:96, 1].mean() > 60) for picture in watched.pictures]

    visited(tmp_path, visit)


def test_the_end_of_the_conversation_is_told_and_closes_the_socket(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        agent = await world.connect()
        await world.conversations.close(world.conversation(agent).id)
        assert await agent.closed() == 1001
        error = agent.events[-1]["error"]
        assert isinstance(error, dict)
        assert (error["type"], error["code"]) == ("server_error", "session_ended")

    visited(tmp_path, visit)


def test_a_session_that_fails_ends_its_own_socket_only(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        other = await world.connect()
        world.ensemble.seconds = fail_once
        agent = await world.connect()
        await agent.closed()
        assert agent.events[-1]["type"] == "error"
        await other.socket.send_bytes(noise(0.1))
        await other.until("playback.position")

    failed: list[int] = []

    def fail_once(index: int) -> float:
        if index == 5 and not failed:
            failed.append(index)
            raise NotFoundError("The face is lost.")
        return 0.001

    visited(tmp_path, visit)


def test_what_cannot_be_begun_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    async def visit(world: World) -> None:
        assert await world.refused(rate=11_025) == 400
        assert await world.refused(voice="clara") == 400
        assert await world.refused(avatar="nobody") == 404
        assert await world.refused(lookahead=9) == 400
        assert await world.refused(wait_for_viewer="yes") == 400
        assert await world.refused(conversation="none", shown="me") == 404
        assert (await world.client.get("/pcm")).status == 426
        assert len(world.conversations) == 0
        agent = await world.connect()
        assert await world.refused(conversation=world.conversation(agent).id, shown="me") == 403

    visited(tmp_path, visit)
