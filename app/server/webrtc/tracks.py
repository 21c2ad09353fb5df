"""One viewing as two WebRTC tracks with one media clock: a frame's picture and its sound have the same time.

The tracks bring packets that are encoded already, so that nothing is queued between a frame and the network.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.packet import Packet

from liveface.app.server.sessions.broadcast import Subscription
from liveface.app.server.webrtc.codecs import (
    VOICE_DELAY,
    VOICE_MS,
    VOICE_RATE,
    VOICE_SAMPLES,
    PictureEncoder,
    VoiceEncoder,
)
from liveface.engine.media import FPS, Frame, Picture, Samples

PICTURE_RATE = 90_000  # Hz of the pictures' RTP clock

_LEAST_BETWEEN_KEYS = 0.3  # s: who asks more often gets the same key picture


Failed = Callable[[Exception], None]


def ignore_failure(error: Exception) -> None:
    """For who only looks at the track itself."""


class MediaClock:
    """When, on any clock in seconds, a frame was handed out: the same for both tracks of a viewer."""

    def __init__(self) -> None:
        self._origin: float | None = None  # moment of frame 0

    def begin(self, index: int, now: float) -> None:
        """Frame `index` is handed out now. The first call holds for all frames."""
        if self._origin is None:
            self._origin = now - index / FPS

    def elapsed(self, now: float) -> float | None:
        """Seconds since frame 0; None before the first frame."""
        return None if self._origin is None else now - self._origin


class FaceTrack(MediaStreamTrack):
    """The pictures of a viewing, the newest there is whenever the encoder is free."""

    kind = "video"
    rate = PICTURE_RATE
    delay = 0.0  # s, by which the codec holds back

    def __init__(
        self,
        viewing: Subscription,
        clock: MediaClock,
        executor: Executor,
        make_encoder: Callable[[int], PictureEncoder],
        now: Callable[[], float],
        on_failure: Failed = ignore_failure,
    ) -> None:
        """`executor`: one thread, in which pictures are encoded. `make_encoder` gets the number of pixels.

        `now`: seconds of the clock that sender reports are told in. `on_failure`: is told what ends the track early.
        """
        super().__init__()
        self.last_pts = 0
        self.sent = 0  # pictures
        self.encoder: PictureEncoder | None = None
        self._viewing = viewing
        self._clock = clock
        self._executor = executor
        self._make_encoder = make_encoder
        self._now = now
        self._on_failure = on_failure
        self._last_image: Picture | None = None
        self._key_wanted = True
        self._last_key = float("-inf")

    def want_key(self) -> None:
        """Make the next picture one that can be decoded without those before it."""
        self._key_wanted = True

    async def recv(self) -> "Packet[Any]":
        """The next picture; raises `MediaStreamError` at the end."""
        with _told(self, self._on_failure):
            return await self._encoded()

    async def _encoded(self) -> "Packet[Any]":
        loop = asyncio.get_running_loop()
        data = b""
        while not data:
            frame = await self._next()
            if self.encoder is None:
                self.encoder = self._make_encoder(frame.image.shape[0] * frame.image.shape[1])
            is_key = self._key_wanted and loop.time() - self._last_key >= _LEAST_BETWEEN_KEYS
            if is_key:
                self._key_wanted, self._last_key = False, loop.time()
            data = await loop.run_in_executor(self._executor, self.encoder.encode, frame.image, is_key)
        self.sent += 1
        self.last_pts = frame.index * (PICTURE_RATE // FPS)
        return _packet(data, self.last_pts, PICTURE_RATE)

    async def _next(self) -> Frame:
        """A frame with a new picture: a repeated one is sent only where somebody asks for a key picture."""
        while True:
            frame = await _next_of(self._viewing, self)
            self._clock.begin(frame.index, self._now())
            if frame.image is not self._last_image or self._key_wanted:
                self._last_image = frame.image
                return frame


class VoiceTrack(MediaStreamTrack):
    """The sound of a viewing, in packets of half a frame."""

    kind = "audio"
    rate = VOICE_RATE
    delay = VOICE_DELAY  # s, by which the codec holds back

    def __init__(
        self, viewing: Subscription, clock: MediaClock, now: Callable[[], float], on_failure: Failed = ignore_failure
    ) -> None:
        """`now`: seconds of the clock that sender reports are told in. `on_failure` as of `FaceTrack`."""
        super().__init__()
        self.last_pts = 0
        self._viewing = viewing
        self._clock = clock
        self._now = now
        self._on_failure = on_failure
        self._encoder = VoiceEncoder()
        self._rest: Samples = np.zeros(0, np.float32)  # of the frame under way
        self._clears = 0
        self._has_begun = False
        self._due = 0.0  # when the rest is to be sent: an even pace spares the receiver a wait

    async def recv(self) -> "Packet[Any]":
        """The next 20 ms; raises `MediaStreamError` at the end."""
        with _told(self, self._on_failure):
            return await self._encoded()

    async def _encoded(self) -> "Packet[Any]":
        loop = asyncio.get_running_loop()
        if len(self._rest):
            if not self._viewing.waiting:
                await asyncio.sleep(max(0.0, self._due - loop.time()))
            self.last_pts += VOICE_RATE * VOICE_MS // 1000
        else:
            frame = await self._next()
            self._clock.begin(frame.index, self._now())
            self._rest = frame.pcm
            self._clears = self._viewing.clears
            self.last_pts = frame.index * (VOICE_RATE // FPS)
        pcm, self._rest = self._rest[:VOICE_SAMPLES], self._rest[VOICE_SAMPLES:]
        self._due = loop.time() + VOICE_MS / 1000
        if self._viewing.clears != self._clears:  # interrupted meanwhile
            pcm = np.zeros_like(pcm)
        return _packet(self._encoder.encode(pcm), self.last_pts, VOICE_RATE)

    async def _next(self) -> Frame:
        """The next frame; in the beginning the newest, as sound from before the connection is of no use."""
        while True:
            frame = await _next_of(self._viewing, self)
            if self._has_begun or not self._viewing.waiting:
                self._has_begun = True
                return frame


@contextmanager
def _told(track: MediaStreamTrack, on_failure: Failed) -> Iterator[None]:
    """Whatever fails ends the track and is told: the library that asks for packets would pass over it in silence."""
    try:
        yield
    except MediaStreamError:
        raise
    except Exception as error:
        if track.readyState == "live":  # else it was ended while it was at work
            track.stop()
            on_failure(error)
        raise MediaStreamError from error


async def _next_of(viewing: Subscription, track: MediaStreamTrack) -> Frame:
    """The next frame; where there is none, or nobody wants it any more, the track stops with a `MediaStreamError`."""
    frame = await viewing.next()
    if frame is None or track.readyState != "live":
        track.stop()
        raise MediaStreamError
    return frame


def _packet(data: bytes, pts: int, rate: int) -> "Packet[Any]":
    packet: Packet[Any] = Packet(data)
    packet.pts = pts
    packet.time_base = Fraction(1, rate)
    return packet
