"""Plays the frames' sound, and tells when it is heard. Knows nothing of where they come from."""

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.clock import Clock
from app.config import CAPTURE_MS
from app.devices import choose, end_stream, start_stream
from app.queues import SampleQueue
from engine.media import HOP, SAMPLE_RATE, Frame, Samples

_WAITING_MS = 120  # of sound between the frames and the device
_LONGEST = SAMPLE_RATE * _WAITING_MS // 1000
_IN_HAND = HOP + SAMPLE_RATE * CAPTURE_MS // 1000  # before it begins to play: one frame and one block
_REMEMBERED = 25  # delays, one second: their median does not follow the jitter of a single block


class Speaker:
    """A sink that plays sound only. `send` never blocks; what a stalled device does not take is dropped."""

    def __init__(self, name: str | None, clock: Clock) -> None:
        """`name` as `devices.choose` takes it."""
        self._name = name
        self._clock = clock
        self._stream: Any = None
        self._sent = self._received = 0  # samples handed over, taken by the device's thread
        self._heard: tuple[int, float] | None = None  # a sample, and when it is heard
        self._delays: deque[float] = deque(maxlen=_REMEMBERED)

    def open(self, width: int, height: int) -> None:
        """Start playing; raises `DeviceError` if there is no such speaker or it cannot be used."""
        device = choose("output", self._name)
        self._queue = SampleQueue(self._clock, SAMPLE_RATE, _WAITING_MS)
        self._rest: Samples = np.zeros(0, np.float32)
        self._is_playing = False
        self._stream = start_stream(
            "output",
            device,
            samplerate=SAMPLE_RATE,
            blocksize=SAMPLE_RATE * CAPTURE_MS // 1000,
            channels=1,
            dtype="float32",
            latency=CAPTURE_MS / 1000,
            callback=self._play,
        )

    def send(self, frame: Frame) -> None:
        """Play a frame's sound after that of the frames before."""
        self._queue.put(frame.pcm)
        self._sent += len(frame.pcm)

    def delay(self) -> float:
        """Seconds until a frame that is handed over now is heard, 0 before anything was; asked once for each frame."""
        heard = self._heard
        if heard is None:
            return 0.0
        sample, moment = heard
        self._delays.append(moment + (self._sent - sample) / SAMPLE_RATE - self._clock.now())
        return max(0.0, float(np.median(self._delays)))

    def close(self, completed: bool = True) -> None:
        """Release the device; may be called twice."""
        if self._stream is not None:
            end_stream(self._stream)
            self._stream = None

    def _play(self, out: NDArray[np.float32], count: int, _time: object, _status: object) -> None:
        pcm = self._queue.get(timeout=0)
        self._received += len(pcm)
        self._rest = np.concatenate([self._rest, pcm])[-_LONGEST:]
        # Frames come every second time: with too little in hand, the next late one would be heard as a gap.
        self._is_playing = len(self._rest) >= (count if self._is_playing else _IN_HAND)
        ready = self._rest[: count if self._is_playing else 0]
        out[: len(ready), 0], out[len(ready) :] = ready, 0
        if len(ready):
            # Not the time that PortAudio tells for each block: PulseAudio's wanders by 50 ms within seconds.
            self._heard = self._received - len(self._rest), self._clock.now() + float(self._stream.latency)
        self._rest = self._rest[len(ready) :]
