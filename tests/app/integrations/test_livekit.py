"""Tests of the video generator in the real runner of LiveKit Agents, up to what a subscriber of its tracks gets.

Only the room is a stand-in: it publishes the tracks to nobody. The engine is a stand-in, too.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import Pipeline
from liveface.engine.errors import ConfigurationError
from tests.app.fakes import FakeRenderer, FakeStreamer, an_avatar

pytest.importorskip("livekit.agents", reason="LiveKit Agents is absent: install liveface[livekit]")
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, AvatarRunner, QueueAudioOutput
from livekit.agents.voice.io import PlaybackFinishedEvent

from liveface.app.integrations.livekit import LivefaceVideoGenerator

RATE = 24_000


def a_generator() -> LivefaceVideoGenerator:
    renderer = FakeRenderer(MonotonicClock(), lambda index: 0.002)
    return LivefaceVideoGenerator(Pipeline(FakeStreamer(), renderer, an_avatar()), RATE)  # type: ignore[arg-type]


def speech(seconds: float, level: int = 12_000) -> list[rtc.AudioFrame]:
    """A tone in pieces of 100 ms, as a TTS service sends it."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = (level * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    return [
        rtc.AudioFrame(piece.tobytes(), RATE, 1, len(piece)) for piece in np.split(tone, range(2400, len(tone), 2400))
    ]


class Publication:
    async def wait_for_subscription(self) -> None:
        pass


class Room:
    """Takes published tracks and keeps what they bring; only what a runner uses of a room."""

    def __init__(self) -> None:
        self.local_participant = self
        self.mouths: list[bool] = []
        self.levels: list[float] = []
        self.receivers: list[asyncio.Task[None]] = []
        self._arrived = asyncio.Event()

    def on(self, event: str, callback: Callable[..., None]) -> None:
        pass

    def off(self, event: str, callback: Callable[..., None]) -> None:
        pass

    def isconnected(self) -> bool:
        return True

    async def publish_track(self, track: rtc.LocalTrack, options: rtc.TrackPublishOptions) -> Publication:
        receive = self._watch if isinstance(track, rtc.LocalVideoTrack) else self._listen
        self.receivers.append(asyncio.create_task(receive(track)))
        return Publication()

    async def wait_for(self, is_reached: Callable[[], bool]) -> None:
        while not is_reached():
            self._arrived.clear()
            await self._arrived.wait()

    async def close(self) -> None:
        for receiver in self.receivers:
            receiver.cancel()
        await asyncio.gather(*self.receivers, return_exceptions=True)

    async def _watch(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream(track)
        try:
            async for event in stream:
                picture = np.frombuffer(event.frame.convert(rtc.VideoBufferType.RGB24).data, np.uint8)
                self.mouths.append(bool(picture.reshape(48, 64, 3)[8:40, 8:56, 1].mean() > 20))
                self._arrived.set()
        finally:
            await stream.aclose()

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE)
        try:
            async for event in stream:
                self.levels.append(float(np.abs(np.frombuffer(event.frame.data, np.int16)).max()))
                self._arrived.set()
        finally:
            await stream.aclose()


@dataclass
class Stage:
    agent: QueueAudioOutput
    room: Room
    finished: list[PlaybackFinishedEvent] = field(default_factory=list)


@asynccontextmanager
async def running() -> AsyncIterator[Stage]:
    generator = a_generator()
    stage = Stage(QueueAudioOutput(sample_rate=RATE), Room())
    stage.agent.on("playback_finished", stage.finished.append)
    options = AvatarOptions(generator.width, generator.height, 25.0, generator.rate, 1)
    runner = AvatarRunner(stage.room, audio_recv=stage.agent, video_gen=generator, options=options)  # type: ignore[arg-type]
    await runner.start()
    try:
        async with asyncio.timeout(20):
            yield stage
    finally:
        await runner.aclose()
        await generator.aclose()
        await stage.room.close()


def performed(act: Callable[[Stage], Awaitable[None]]) -> None:
    async def perform() -> None:
        async with running() as stage:
            await act(stage)

    asyncio.run(perform())
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("liveface")]


def test_speech_reaches_a_subscriber_with_its_pictures_and_the_agent_is_told_when_it_was_played() -> None:
    async def act(stage: Stage) -> None:
        room = stage.room
        await room.wait_for(lambda: len(room.mouths) >= 10)
        assert not any(room.mouths)
        for frame in speech(1.0):
            await stage.agent.capture_frame(frame)
        stage.agent.flush()
        event = await stage.agent.wait_for_playout()
        await room.wait_for(lambda: any(room.mouths) and not any(room.mouths[-5:]))
        assert not event.interrupted
        assert event.playback_position >= 0.95
        await room.wait_for(lambda: any(level > 1000 for level in room.levels))

    performed(act)


def test_an_agent_that_is_interrupted_closes_its_mouth_and_only_what_it_says_later_is_heard() -> None:
    async def act(stage: Stage) -> None:
        room = stage.room
        session: AgentSession[None] = AgentSession()
        session.output.audio = stage.agent
        await session.start(Agent(instructions=""))
        long = session.say("A long story.", audio=spoken(10.0))
        await room.wait_for(lambda: sum(room.mouths) >= 10)
        session.interrupt()
        seen = len(room.mouths)
        await long
        assert long.interrupted
        await room.wait_for(lambda: len(room.mouths) > seen and not room.mouths[-1])
        opened = sum(room.mouths)
        short = session.say("Yes.", audio=spoken(0.4))
        await short
        assert not short.interrupted
        await room.wait_for(lambda: sum(room.mouths) > opened and not any(room.mouths[-3:]))
        told = [(event.interrupted, event.playback_position) for event in stage.finished]
        assert [interrupted for interrupted, _ in told] == [True, False]
        assert 0 < told[0][1] < 10
        assert told[1][1] >= 0.35
        await session.aclose()

    async def spoken(seconds: float) -> AsyncIterator[rtc.AudioFrame]:
        for frame in speech(seconds):
            yield frame

    performed(act)


def test_the_pictures_end_when_the_generator_is_closed() -> None:
    async def watch() -> None:
        generator = a_generator()
        closing = None
        async with asyncio.timeout(20):
            async for _ in generator:
                closing = closing or asyncio.create_task(generator.aclose())
        assert closing is not None
        await closing

    asyncio.run(watch())


def test_speech_of_another_rate_is_refused_with_the_remedy() -> None:
    async def push() -> None:
        await a_generator().push_audio(rtc.AudioFrame(b"\x00\x00" * 160, 16_000, 1, 160))

    with pytest.raises(ConfigurationError, match=r"Found speech of 16000 Hz.*expected 24000 Hz"):
        asyncio.run(push())


def test_the_ends_of_segments_come_in_order_with_the_sound() -> None:
    async def generate() -> list[type]:
        generator = a_generator()
        for frame in speech(0.2):
            await generator.push_audio(frame)
        await generator.push_audio(AudioSegmentEnd())
        kinds: list[type] = []
        async for piece in generator:
            kinds.append(type(piece))
            if isinstance(piece, AudioSegmentEnd):
                break
        await generator.aclose()
        return kinds

    kinds = asyncio.run(generate())
    assert 5 <= kinds.count(rtc.AudioFrame) <= 6
    assert all(kinds[index - 1] is rtc.VideoFrame for index, kind in enumerate(kinds) if kind is rtc.AudioFrame)
    assert kinds.index(AudioSegmentEnd) == len(kinds) - 1
