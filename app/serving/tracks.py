"""One viewing as two WebRTC tracks with one media clock: a frame's picture and its sound have the same time."""

from fractions import Fraction

import av
import numpy as np
from aiortc import AudioStreamTrack, VideoStreamTrack
from aiortc.mediastreams import MediaStreamError

from app.serving.relay import Viewing
from engine.media import FPS, HOP, SAMPLE_RATE

PICTURE_RATE = 90_000  # Hz of the video's RTP clock: 3600 for a frame
SOUND_RATE = 48_000  # Hz of Opus's RTP clock: 1920 for a frame


class FaceTrack(VideoStreamTrack):
    """The pictures of a viewing."""

    def __init__(self, viewing: Viewing) -> None:
        super().__init__()
        self._viewing = viewing

    async def recv(self) -> av.VideoFrame:
        """The next picture; raises `MediaStreamError` at the end."""
        frame = await self._viewing.next()
        if frame is None:
            raise MediaStreamError
        picture = av.VideoFrame.from_ndarray(frame.image, "rgb24")
        picture.pts = frame.index * (PICTURE_RATE // FPS)
        picture.time_base = Fraction(1, PICTURE_RATE)
        return picture


class VoiceTrack(AudioStreamTrack):
    """The sound of a viewing."""

    def __init__(self, viewing: Viewing) -> None:
        super().__init__()
        self._viewing = viewing

    async def recv(self) -> av.AudioFrame:
        """The next sound; raises `MediaStreamError` at the end."""
        frame = await self._viewing.next()
        if frame is None:
            raise MediaStreamError
        pcm = (np.clip(frame.pcm, -1, 1) * 32767).astype(np.int16)
        sound = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
        sound.sample_rate = SAMPLE_RATE
        sound.pts = frame.index * HOP
        sound.time_base = Fraction(1, SAMPLE_RATE)
        return sound
