"""Plays the frames' sound, and tells when it is heard. Knows nothing of where they come from."""

from collections import deque
from collections.abc import Callable
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
_TOLERATED = 0.01  # s by which the sound may be too early
_REMEMBERED = 25  # delays, one second: their median does not follow the jitter of a single block


class Speaker:
    """A sink that plays sound only. `send` never blocks; what a stalled device does not take is dropped."""

    def __init__(self, name: str | None, clock: Clock, least_delay: Callable[[], float] = lambda: 0.0) -> None:
        """`name` as `devices.choose` takes it.

        `least_delay`: seconds; where the device is faster, the sound waits. Asked by the device's thread.
        """
        self.has_ended = False  # the device has gone
        self._name = name
        self._clock = clock
        self._least_delay = least_delay
        self._stream: Any = None
        self._sent = self._received = 0  # samples handed over, taken by the device's thread
        self._heard: tuple[int, float] | None = None  # a sample, and when it is heard
        self._delays: deque[float] = deque(maxlen=_REMEMBERED)
        self._delay = 0.0
        self._padding = 0  # samples of silence, played to be late enough since the sound last stopped
        self._has_padded = False  # and the delay has not been measured since

    def open(self, width: int, height: int) -> None:
        """Start playing; raises `DeviceError` if there is no such speaker or it cannot be used."""
        device = choose("output", self._name)
        self._queue = SampleQueue(self._clock, SAMPLE_RATE, _WAITING_MS)
        self._rest: Samples = np.zeros(0, np.float32)
        self._is_playing = self.has_ended = False
        self._stream = start_stream(
            "output",
            device,
            samplerate=SAMPLE_RATE,
            blocksize=SAMPLE_RATE * CAPTURE_MS // 1000,
            channels=1,
            dtype="float32",
            latency=CAPTURE_MS / 1000,
            callback=self._play,
            finished_callback=self._end,
        )

    def send(self, frame: Frame) -> None:
        """Play a frame's sound after that of the frames before."""
        if (heard := self._heard) is not None:
            if self._has_padded:
                self._has_padded = False
                self._delays.clear()
            sample, moment = heard
            self._delays.append(moment + (self._sent - sample) / SAMPLE_RATE - self._clock.now())
            self._delay = max(0.0, float(np.median(self._delays)))
        self._queue.put(frame.pcm)
        self._sent += len(frame.pcm)

    def delay(self) -> float:
        """Seconds from the handing over of the latest frame until it is heard, 0 before any was; from any thread."""
        return self._delay

    def close(self, completed: bool = True) -> None:
        """Release the device; may be called twice."""
        if self._stream is not None:
            end_stream(self._stream)
            self._stream = None

    def _end(self) -> None:
        self.has_ended = True

    def _play(self, out: NDArray[np.float32], count: int, _time: object, _status: object) -> None:
        pcm = self._queue.get(timeout=0)
        self._received += len(pcm)
        self._rest = np.concatenate([self._rest, pcm])[-_LONGEST - self._padding :]
        if not self._is_playing:
            self._padding = 0
        # Frames come every second time: with too little in hand, the next late one would be heard as a gap.
        self._is_playing = len(self._rest) >= (count if self._is_playing else _IN_HAND)
        has_padded = self._is_playing and self._pad()
        ready = self._rest[: count if self._is_playing else 0]
        out[: len(ready), 0], out[len(ready) :] = ready, 0
        if len(ready):
            # Not the time that PortAudio tells for each block: PulseAudio's wanders by 50 ms within seconds.
            self._heard = self._received - len(self._rest), self._clock.now() + float(self._stream.latency)
        self._rest = self._rest[len(ready) :]
        self._has_padded |= has_padded

    def _pad(self) -> bool:
        """Play silence first where the sound would be heard too early; whether that was so."""
        early = self._least_delay() - self._delay
        if self._has_padded or not self._delay or early < _TOLERATED:
            return False
        silence = min(round(early * SAMPLE_RATE), SAMPLE_RATE)
        self._padding += silence
        self._rest = np.concatenate([np.zeros(silence, np.float32), self._rest])
        return True
