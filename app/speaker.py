"""Plays the frames' sound when their pictures are shown. Knows nothing of where they come from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.clock import Clock
from app.config import CAPTURE_MS
from app.devices import choose, portaudio
from app.queues import SampleQueue
from engine.errors import DeviceError
from engine.media import HOP, SAMPLE_RATE, Frame, Samples

_WAITING_MS = 120  # of sound between the frames and the device
_LONGEST = SAMPLE_RATE * _WAITING_MS // 1000
_IN_HAND = HOP + SAMPLE_RATE * CAPTURE_MS // 1000  # before it begins to play: one frame and one block


class Speaker:
    """A sink that plays sound only. `send` never blocks; what a stalled device does not take is dropped."""

    def __init__(self, name: str | None, clock: Clock) -> None:
        """`name` as `devices.choose` takes it."""
        self._name = name
        self._clock = clock
        self._stream: Any = None

    def open(self, width: int, height: int) -> None:
        """Start playing; raises `DeviceError` if there is no such speaker or it cannot be used."""
        library = portaudio()
        device = choose("output", self._name)
        self._queue = SampleQueue(self._clock, SAMPLE_RATE, _WAITING_MS)
        self._rest: Samples = np.zeros(0, np.float32)
        self._is_playing = False
        try:
            self._stream = library.OutputStream(
                device=device.number,
                samplerate=SAMPLE_RATE,
                blocksize=SAMPLE_RATE * CAPTURE_MS // 1000,
                channels=1,
                dtype="float32",
                latency=CAPTURE_MS / 1000,
                callback=self._play,
            )
            self._stream.start()
        except library.PortAudioError as error:
            self.close()
            raise DeviceError(
                f"The speaker “{device.name}” cannot be opened ({error}): close other programs that use it, "
                "or leave out --speaker."
            ) from error

    def send(self, frame: Frame) -> None:
        """Play a frame's sound after that of the frames before."""
        self._queue.put(frame.pcm)

    def close(self, completed: bool = True) -> None:
        """Release the device; may be called twice."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _play(self, out: NDArray[np.float32], count: int, _time: object, _status: object) -> None:
        self._rest = np.concatenate([self._rest, self._queue.get(timeout=0)])[-_LONGEST:]
        # Frames come every second time: with too little in hand, the next late one would be heard as a gap.
        self._is_playing = len(self._rest) >= (count if self._is_playing else _IN_HAND)
        ready = self._rest[: count if self._is_playing else 0]
        out[: len(ready), 0], out[len(ready) :] = ready, 0
        self._rest = self._rest[len(ready) :]
