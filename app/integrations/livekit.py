"""The face as a video generator of LiveKit Agents: an agent's speech in, pictures and the same speech out, in step."""

from collections.abc import AsyncIterator

from liveface.app.integrations.realtime_avatar import RealtimeAvatar
from liveface.app.session.pipeline import Pipeline
from liveface.engine.errors import ConfigurationError
from liveface.engine.extras import installing

try:
    from livekit import rtc
    from livekit.agents.voice.avatar import AudioSegmentEnd, VideoGenerator
except ImportError as error:
    raise ConfigurationError(f"LiveKit needs the package {error.name}: {installing('livekit')}") from error


class LivefaceVideoGenerator(VideoGenerator):
    """What an `AvatarRunner` asks for pictures and sound; the runner's options have its `width`, `height` and `rate`.

    Pictures come 25 times a second while it is iterated, which is done once; sound only while something is said, so
    that the runner's playback position counts speech.
    """

    def __init__(self, performer: Pipeline, rate: int = 24_000) -> None:
        """`performer`: of this generator alone, made by `load_pipeline`. `rate`: samples per second of all sound."""
        self._face = RealtimeAvatar(performer, rate)
        self.rate = rate
        self.width, self.height = self._face.width, self._face.height

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Say speech, or mark the end of a segment. Raises `ConfigurationError` for sound of another kind."""
        if isinstance(frame, AudioSegmentEnd):
            await self._face.mark(frame)
            return
        if (frame.sample_rate, frame.num_channels) != (self.rate, 1):
            raise ConfigurationError(
                f"Found speech of {frame.sample_rate} Hz with {frame.num_channels} channels, expected {self.rate} Hz "
                "with one: give the agent's audio output this sample_rate, or the generator that rate."
            )
        await self._face.say(bytes(frame.data))

    def clear_buffer(self) -> None:
        """Forget what has not been said, and close the mouth."""
        self._face.interrupt()

    async def aclose(self) -> None:
        """End the session and raise what failed, if anything did. May be called twice."""
        await self._face.stop()

    async def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        """Let the face appear, and give its pictures and sound until `aclose`."""
        face = self._face
        await face.start()
        try:
            while (spoken := await face.next()) is not None:
                if spoken.image is not None:
                    yield rtc.VideoFrame(face.width, face.height, rtc.VideoBufferType.RGB24, spoken.image.tobytes())
                if spoken.sound is not None:
                    yield rtc.AudioFrame(spoken.sound.tobytes(), self.rate, 1, len(spoken.sound))
                for mark in spoken.marks:
                    assert isinstance(mark, AudioSegmentEnd)
                    yield mark
        finally:
            await face.stop()
