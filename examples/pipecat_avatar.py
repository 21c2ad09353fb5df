"""A Pipecat bot with a face: it says something, is interrupted the second time, and all of it becomes a video file.

    python examples/pipecat_avatar.py [photo.jpg]        needs liveface[pipecat]; writes pipecat_avatar.mp4

A real bot has its transport's input, STT, context and LLM before the TTS service, and in the place of `Film` its
transport's output, with video_out_enabled=True, video_out_is_live=True, video_out_framerate=25 and the face's size.
"""

import asyncio
import sys
from pathlib import Path

import numpy as np
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from liveface import Avatar
from liveface.app.files.media_files import iterate_audio
from liveface.app.outputs.recorder import Recorder
from liveface.app.session.pipeline import ASSETS
from liveface.engine.media import HOP, SAMPLE_RATE
from liveface.engine.media import Frame as Moment
from liveface.pipecat import LivefaceVideoService


class ShippedVoice(FrameProcessor):
    """In the place of a TTS service: whatever it is told to speak, it says the shipped sentences, all at once."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Replace what is to be spoken by sound."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, TTSSpeakFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(TTSStartedFrame())
        for block in iterate_audio(ASSETS / "audio" / "speech.wav", SAMPLE_RATE // 10):
            pcm = (block[:, 0] * 32767).astype("<i2").tobytes()
            await self.push_frame(TTSAudioRawFrame(pcm, SAMPLE_RATE, 1))
        await self.push_frame(TTSStoppedFrame())


class Film(FrameProcessor):
    """In the place of a transport: a video file. A picture's sound, if it has any, comes right after it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._recorder = Recorder(path)
        self._picture: OutputImageRawFrame | None = None
        self._count = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Record pictures and sound, and report what else arrives."""
        await super().process_frame(frame, direction)
        if isinstance(frame, OutputImageRawFrame):
            self._record(bytes(2 * HOP))
            self._picture = frame
        elif isinstance(frame, TTSAudioRawFrame):
            self._record(frame.audio)
        elif isinstance(frame, InterruptionFrame | TTSStoppedFrame | EndFrame):
            print(f"{self._count / 25:6.2f} s  {frame.name}")
        if isinstance(frame, EndFrame):
            self._record(bytes(2 * HOP))
            self._recorder.close(completed=True)
        await self.push_frame(frame, direction)

    def _record(self, sound: bytes) -> None:
        if self._picture is None:
            return
        width, height = self._picture.size
        if self._count == 0:
            self._recorder.open(width, height)
        image = np.frombuffer(self._picture.image, np.uint8).reshape(height, width, 3)
        pcm = np.frombuffer(sound, "<i2").astype(np.float32) / np.float32(32768)
        self._recorder.send(Moment(self._count, image, pcm, True))
        self._picture = None
        self._count += 1


async def main() -> None:
    """Build the pipeline and lead the bot through its lines."""
    face = LivefaceVideoService(Avatar.from_photo(sys.argv[1]) if len(sys.argv) > 1 else None)
    film = Path("pipecat_avatar.mp4")
    pipeline = Pipeline([ShippedVoice(), face, Film(film)])
    worker = PipelineWorker(pipeline, params=PipelineParams(audio_out_sample_rate=SAMPLE_RATE))
    runner = WorkerRunner()
    await runner.add_workers(worker)

    async def lead() -> None:
        await worker.queue_frame(TTSSpeakFrame("whole"))
        await asyncio.sleep(17)
        await worker.queue_frame(TTSSpeakFrame("interrupted"))
        await asyncio.sleep(3)
        await worker.queue_frame(InterruptionFrame())
        await asyncio.sleep(1)
        await worker.queue_frame(EndFrame())

    await asyncio.gather(runner.run(), lead())
    print(f"Written: {film.resolve()}")


if __name__ == "__main__":
    asyncio.run(main())
