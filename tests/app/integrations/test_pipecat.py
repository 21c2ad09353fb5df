"""Tests of the video service in a pipeline of the real Pipecat, with stand-ins for the engine."""

import asyncio
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from liveface.app.session.clock import MonotonicClock
from liveface.app.session.pipeline import Pipeline as FacePipeline
from liveface.engine.errors import AudioError
from tests.app.fakes import FakeRenderer, FakeStreamer, an_avatar

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    pytest.importorskip("pipecat.frames.frames", reason="Pipecat is absent: install liveface[pipecat]")
    from pipecat.frames.frames import (
        BotStartedSpeakingFrame,
        BotStoppedSpeakingFrame,
        CancelFrame,
        EndFrame,
        ErrorFrame,
        Frame,
        InterruptionFrame,
        LLMFullResponseEndFrame,
        OutputAudioRawFrame,
        OutputImageRawFrame,
        StartFrame,
        TextFrame,
        TTSAudioRawFrame,
        TTSStartedFrame,
        TTSStoppedFrame,
    )
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.worker import PipelineParams, PipelineWorker
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
    from pipecat.transports.base_output import BaseOutputTransport
    from pipecat.transports.base_transport import TransportParams
    from pipecat.workers.runner import WorkerRunner

    from liveface.app.integrations.pipecat import LivefaceVideoService

RATE = 24_000


class Ending(FrameProcessor):
    """The end of a pipeline: remembers what arrives, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []
        self.moments: list[float] = []
        self._arrived = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is FrameDirection.DOWNSTREAM:
            self.frames.append(frame)
            self.moments.append(time.perf_counter())
            self._arrived.set()
        await self.push_frame(frame, direction)

    async def wait_for(self, is_reached: Callable[[], bool]) -> None:
        while not is_reached():
            self._arrived.clear()
            await self._arrived.wait()

    def of(self, kind: type[Frame]) -> list[Frame]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    def mouths(self) -> list[bool]:
        return [frame.image[1] > 0 for frame in self.frames if isinstance(frame, OutputImageRawFrame)]

    def sound(self) -> np.ndarray:
        audio = b"".join(frame.audio for frame in self.frames if isinstance(frame, TTSAudioRawFrame))
        return np.frombuffer(audio, "<i2")


@dataclass
class Stage:
    worker: PipelineWorker
    ending: Ending
    errors: list[ErrorFrame]


class Screen(BaseOutputTransport):
    """A transport's output: whether it has shown an open mouth, and when it plays sound."""

    def __init__(self) -> None:
        params = TransportParams(
            audio_out_enabled=True,
            video_out_enabled=True,
            video_out_is_live=True,
            video_out_framerate=25,
            video_out_width=64,
            video_out_height=48,
        )
        super().__init__(params)
        self.has_opened = False
        self.heard: list[float] = []

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_video_frame(self, frame: OutputImageRawFrame) -> bool:
        self.has_opened = self.has_opened or frame.image[1] > 0
        return True

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        if any(frame.audio):
            self.heard.append(time.perf_counter())
        return True


def performed(
    act: Callable[[Stage], Awaitable[None]],
    seconds: Callable[[int], float] = lambda index: 0.002,
    screen: Screen | None = None,
) -> Stage:
    """Run a pipeline of the service, and a transport if there is one, until it has ended by itself."""

    async def perform() -> Stage:
        performer = FacePipeline(FakeStreamer(), FakeRenderer(MonotonicClock(), seconds), an_avatar())  # type: ignore[arg-type]
        ending = Ending()
        params = PipelineParams(audio_out_sample_rate=RATE)
        service = LivefaceVideoService(performer)
        parts = [service, ending] if screen is None else [service, screen, ending]
        worker = PipelineWorker(Pipeline(parts), params=params, cancel_on_idle_timeout=False)
        stage = Stage(worker, ending, [])

        @service.event_handler("on_error")
        async def on_error(service: FrameProcessor, error: ErrorFrame) -> None:
            stage.errors.append(error)

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        async with asyncio.timeout(20):
            await asyncio.gather(runner.run(), act(stage))
        return stage

    stage = asyncio.run(perform())
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("liveface")]
    return stage


def noise(seconds: float, rate: int = RATE) -> bytes:
    return np.random.default_rng(0).integers(1, 30_000, round(seconds * rate)).astype("<i2").tobytes()


async def say(stage: Stage, pcm: bytes, rate: int = RATE, channels: int = 1) -> None:
    """As a TTS service does: faster than real time, in pieces of 100 ms."""
    size = rate // 10 * 2 * channels
    for start in range(0, len(pcm), size):
        await stage.worker.queue_frame(TTSAudioRawFrame(pcm[start : start + size], rate, channels))


def test_speech_comes_out_at_real_time_with_its_pictures_and_what_follows_it_after_it() -> None:
    pcm = noise(1.0)

    async def act(stage: Stage) -> None:
        await stage.ending.wait_for(lambda: len(stage.ending.of(OutputImageRawFrame)) >= 5)
        await stage.worker.queue_frame(TTSStartedFrame())
        await say(stage, pcm)
        await stage.worker.queue_frame(TTSStoppedFrame())
        await stage.worker.queue_frame(LLMFullResponseEndFrame())
        await stage.worker.queue_frame(EndFrame())

    ending = performed(act).ending
    kinds = [type(frame) for frame in ending.frames]
    assert kinds[0] is StartFrame
    assert kinds[-1] is EndFrame
    last = len(kinds) - 1 - kinds[::-1].index(TTSAudioRawFrame)
    assert kinds.index(TTSStartedFrame) < kinds.index(TTSAudioRawFrame)
    assert last < kinds.index(TTSStoppedFrame) < kinds.index(LLMFullResponseEndFrame) < kinds.index(EndFrame)
    sound = ending.sound()
    said = np.frombuffer(pcm, "<i2")
    np.testing.assert_array_equal(sound[sound != 0], said[: np.count_nonzero(sound)])
    assert np.count_nonzero(sound) == pytest.approx(len(said), abs=2)
    pictures = [index for index, kind in enumerate(kinds) if kind is OutputImageRawFrame]
    assert (OutputImageRawFrame, TTSAudioRawFrame) in pairwise(kinds)
    assert kinds.count(TTSAudioRawFrame) >= 25
    assert any(ending.mouths())
    first = kinds.index(TTSAudioRawFrame)
    assert ending.moments[last] - ending.moments[first] > 0.5
    picture = ending.frames[pictures[0]]
    assert isinstance(picture, OutputImageRawFrame)
    assert (picture.size, picture.format, len(picture.image)) == ((64, 48), "RGB", 64 * 48 * 3)


def test_an_output_transport_shows_the_mouth_plays_the_sound_and_tells_when_the_bot_speaks() -> None:
    screen = Screen()

    async def act(stage: Stage) -> None:
        await say(stage, noise(0.6))
        await stage.worker.queue_frame(TTSStoppedFrame())
        await stage.worker.queue_frame(EndFrame())

    ending = performed(act, screen=screen).ending
    assert screen.has_opened
    assert len(screen.heard) >= 15
    kinds = [type(frame) for frame in ending.frames]
    assert kinds.index(BotStartedSpeakingFrame) < kinds.index(BotStoppedSpeakingFrame) <= kinds.index(TTSStoppedFrame)
    assert ending.moments[kinds.index(BotStoppedSpeakingFrame)] >= screen.heard[-1]


def test_an_interruption_closes_the_mouth_drops_stale_sound_and_keeps_what_must_not_be_lost() -> None:
    kept = TextFrame("keep")
    kept.interruptible = False

    async def act(stage: Stage) -> None:
        await stage.ending.wait_for(lambda: len(stage.ending.of(OutputImageRawFrame)) >= 2)
        await say(stage, noise(10.0))
        await stage.worker.queue_frame(TextFrame("drop"))
        await stage.worker.queue_frame(kept)
        await stage.ending.wait_for(lambda: sum(stage.ending.mouths()) >= 5)
        await stage.worker.queue_frame(InterruptionFrame())
        await stage.ending.wait_for(lambda: not stage.ending.mouths()[-1])
        await say(stage, b"\x01\x00" * (RATE // 5))
        await stage.worker.queue_frame(EndFrame())

    ending = performed(act).ending
    kinds = [type(frame) for frame in ending.frames]
    interruption = kinds.index(InterruptionFrame)
    after = ending.frames[interruption:]
    stale = [frame for frame in after if isinstance(frame, TTSAudioRawFrame) and max(frame.audio[1::2]) > 0]
    assert not stale
    texts = [frame.text for frame in ending.frames if isinstance(frame, TextFrame)]
    assert texts == ["keep"]
    assert np.count_nonzero(ending.sound() == 1) == pytest.approx(RATE // 5, abs=2)


def test_other_frames_pass_both_ways() -> None:
    async def act(stage: Stage) -> None:
        await stage.worker.queue_frame(TextFrame("hello"))
        await stage.ending.wait_for(lambda: bool(stage.ending.of(TextFrame)))
        await stage.worker.queue_frame(EndFrame())

    assert [type(frame) for frame in performed(act).ending.of(TextFrame)] == [TextFrame]


def test_a_cancelled_pipeline_does_not_speak_to_the_end() -> None:
    async def act(stage: Stage) -> None:
        await say(stage, noise(10.0))
        await stage.ending.wait_for(lambda: bool(stage.ending.of(TTSAudioRawFrame)))
        await stage.worker.cancel()

    ending = performed(act).ending
    assert len(ending.of(CancelFrame)) == 1
    assert np.count_nonzero(ending.sound()) < 10 * RATE - 2


def test_speech_of_another_rate_or_in_stereo_comes_out_as_the_pipeline_wants_it() -> None:
    async def act(stage: Stage) -> None:
        stereo = np.repeat(np.frombuffer(noise(0.4, 16_000), "<i2"), 2).astype("<i2").tobytes()
        await say(stage, stereo, 16_000, channels=2)
        await stage.worker.queue_frame(TTSStoppedFrame())
        await stage.worker.queue_frame(EndFrame())

    ending = performed(act).ending
    audio = [frame for frame in ending.frames if isinstance(frame, TTSAudioRawFrame)]
    assert {(frame.sample_rate, frame.num_channels, frame.num_frames) for frame in audio} == {(RATE, 1, RATE // 25)}
    assert 0.4 * 25 <= len(audio) <= 0.4 * 25 + 1


def test_a_face_that_fails_is_reported_and_the_voice_goes_on_without_it_whole_and_in_order() -> None:
    def fail(index: int) -> float:
        if index == 10:
            raise AudioError("not a number")
        return 0.0

    first, second = noise(1.0), noise(0.2)

    async def act(stage: Stage) -> None:
        await say(stage, first)
        await stage.worker.queue_frame(TTSStoppedFrame())
        await stage.ending.wait_for(lambda: bool(stage.ending.of(TTSStoppedFrame)))
        await say(stage, second)
        await stage.worker.queue_frame(EndFrame())

    stage = performed(act, fail)
    assert [error.error for error in stage.errors] == ["The face cannot be shown: not a number"]
    sound = stage.ending.sound()
    np.testing.assert_array_equal(sound[sound != 0], np.frombuffer(first + second, "<i2"))


@pytest.mark.parametrize("channels", [1, 2])
def test_speech_that_is_cut_within_samples_is_heard_whole(channels: int) -> None:
    pcm = noise(1.0)
    sent = np.repeat(np.frombuffer(pcm, "<i2"), channels).tobytes()

    async def act(stage: Stage) -> None:
        start = 0
        for size in (4096, 4063, 1697, 1) * 100:
            if start < len(sent):
                await stage.worker.queue_frame(TTSAudioRawFrame(sent[start : start + size], RATE, channels))
                start += size
        await stage.worker.queue_frame(TTSStoppedFrame())
        await stage.worker.queue_frame(EndFrame())

    stage = performed(act)
    assert not stage.errors
    sound = stage.ending.sound()
    assert np.array_equal(sound[sound != 0], np.frombuffer(pcm, "<i2"))
