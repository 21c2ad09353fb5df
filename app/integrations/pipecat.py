"""The face as a video service of Pipecat: a bot's speech in, pictures and the same speech out, in step."""

import asyncio
from contextlib import suppress

import numpy as np

from liveface.app.integrations.realtime_avatar import RealtimeAvatar, Spoken
from liveface.app.server.whole_samples import WholeSamples
from liveface.app.session.pipeline import Pipeline
from liveface.engine.errors import ConfigurationError
from liveface.engine.extras import installing

try:
    from pipecat.audio.utils import create_stream_resampler
    from pipecat.frames.frames import (
        CancelFrame,
        EndFrame,
        Frame,
        InterruptionFrame,
        OutputImageRawFrame,
        SpriteFrame,
        StartFrame,
        SystemFrame,
        TTSAudioRawFrame,
        TTSStoppedFrame,
    )
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup
except ImportError as error:
    raise ConfigurationError(f"Pipecat needs the package {error.name}: {installing('pipecat')}") from error


class LivefaceVideoService(FrameProcessor):
    """Stands between the TTS service and the output transport, whose `video_out_is_live` is set.

    From the `StartFrame` on it gives 25 pictures a second. `TTSAudioRawFrame`s come out again, at real time and each
    with its picture; what follows them in order comes out after them, the `EndFrame` included. An `InterruptionFrame`
    drops what has not been said and closes the mouth. A face that fails is reported, and the voice goes on without it.
    """

    def __init__(self, performer: Pipeline, *, name: str | None = None) -> None:
        """`performer`: of this service alone, made by `load_pipeline`."""
        super().__init__(name=name)
        self._performer = performer
        self._face: RealtimeAvatar | None = None
        self._showing: asyncio.Task[None] | None = None
        self._resampler = create_stream_resampler(clear_after_secs=None)
        self._whole: dict[int, WholeSamples] = {}  # by the bytes of a sample

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as Pipecat itself does
        """Let the face appear, while the other services connect."""
        await super().setup(setup)
        face = RealtimeAvatar(self._performer, setup.audio_out_sample_rate)
        try:
            await face.start()
        except Exception as error:
            await self._report(error)
        else:
            self._face = face

    async def cleanup(self) -> None:
        """End the session."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._stop()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Say speech, keep what is in order with it in order, and pass on the rest at once."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            await self._interrupt()
        elif isinstance(frame, CancelFrame):
            await self._stop()
        face = self._face
        if face is None or direction is FrameDirection.UPSTREAM or not _is_in_order(frame):
            await self.push_frame(frame, direction)
        elif isinstance(frame, TTSAudioRawFrame):
            await self._say(await self._converted(frame, face.rate), face)
        else:
            if isinstance(frame, TTSStoppedFrame):
                self._whole.clear()
                await self._say(await self._resampler.flush(), face)
            if face is self._face:
                await face.mark(frame)
            else:  # it has failed meanwhile
                await self.push_frame(frame)
        if isinstance(frame, StartFrame) and face is not None:
            self._showing = self.create_task(self._show(face))

    async def _say(self, pcm: bytes, face: RealtimeAvatar) -> None:
        unsaid = await face.say(pcm)
        if unsaid:
            await self.push_frame(TTSAudioRawFrame(unsaid, face.rate, 1))

    async def _show(self, face: RealtimeAvatar) -> None:
        try:
            while (spoken := await face.next()) is not None:
                if await self._push(spoken, face):
                    return
        except Exception as error:
            await face.say(await self._resampler.flush())
            self._face = None
            for spoken in face.take_rest():
                await self._push(spoken, face)
            with suppress(Exception):
                await face.stop()
            await self._report(error)

    async def _push(self, spoken: Spoken, face: RealtimeAvatar) -> bool:
        """Returns whether it was the last."""
        if spoken.image is not None:
            await self.push_frame(OutputImageRawFrame(spoken.image.tobytes(), (face.width, face.height), "RGB"))
        if spoken.sound is not None:
            await self.push_frame(TTSAudioRawFrame(spoken.sound.tobytes(), face.rate, 1))
        for mark in spoken.marks:
            assert isinstance(mark, Frame)
            await self.push_frame(mark)
        return any(isinstance(mark, EndFrame) for mark in spoken.marks)

    async def _interrupt(self) -> None:
        face = self._face
        if face is None:
            return
        forgotten = face.interrupt()
        self._whole.clear()
        await self._resampler.reset()  # type: ignore[no-untyped-call]
        for mark in forgotten:
            assert isinstance(mark, Frame)
            if not mark.interruptible:
                await face.mark(mark)

    async def _stop(self) -> None:
        face, self._face = self._face, None
        showing, self._showing = self._showing, None
        if showing is not None:
            await self.cancel_task(showing)
        if face is not None:
            await face.stop()

    async def _report(self, error: Exception) -> None:
        await self.push_error(f"The face cannot be shown: {error}", error, force_treat_as_permanent=True)

    async def _converted(self, frame: TTSAudioRawFrame, rate: int) -> bytes:
        """PCM16 of one channel and that rate; what is cut within a sample waits for the next frame."""
        size = 2 * max(1, frame.num_channels)
        pcm = self._whole.setdefault(size, WholeSamples(size)).feed(frame.audio)
        if frame.num_channels > 1:
            channels = np.frombuffer(pcm, "<i2").reshape(-1, frame.num_channels)
            pcm = channels.mean(axis=1).astype("<i2").tobytes()
        return await self._resampler.resample(pcm, frame.sample_rate, rate)


def _is_in_order(frame: Frame) -> bool:
    """Whether an output transport, too, would pass on the frame after the sound before it."""
    return not (isinstance(frame, SystemFrame | OutputImageRawFrame | SpriteFrame) or frame.pts)
