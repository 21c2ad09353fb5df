"""Plays the frames' sound on a speaker that may come and go, and tells when it is heard."""

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from liveface.app.audio.device_failover import SILENT_AFTER, DeviceFailover, Notify
from liveface.app.audio.devices import SoundDevice, end_stream, playable, start_stream
from liveface.app.audio.drift_compensation import DriftCompensation
from liveface.app.session.clock import Clock
from liveface.app.session.queues import SampleQueue
from liveface.app.settings import CAPTURE_MS
from liveface.engine.media import HOP, SAMPLE_RATE, Frame, Samples

_WAITING_MS = 120  # of sound between the frames and the device
_LONGEST = SAMPLE_RATE * _WAITING_MS // 1000
_IN_HAND = HOP + SAMPLE_RATE * CAPTURE_MS // 1000  # before it begins to play: one frame and one block
_TOLERATED = 0.01  # s by which the sound may be too early
_REMEMBERED = 25  # delays, one second: their median does not follow the jitter of a single block


class Speaker:
    """A sink that plays sound only, on any number of channels. What a stalled device does not take is dropped.

    The thread "liveface speaker" looks after the device: where it vanishes in use, the default one takes its place, if
    it may, until it returns.
    """

    def __init__(
        self,
        name: str | None,
        clock: Clock,
        least_delay: Callable[[], float] = lambda: 0.0,
        on_notice: Notify = lambda change: None,
        may_change: bool = True,
    ) -> None:
        """`name` as `devices.choose` takes it.

        `least_delay`: seconds; where the device is faster, the sound waits. Asked by the device's thread.
        `on_notice` gets what becomes of the device, in the thread that looks after it. `may_change`: whether the
        default device may take the place of one that has gone.
        """
        self._clock = clock
        self._least_delay = least_delay
        self._keeper = DeviceFailover("output", name, self._open_line, clock, on_notice, may_change)
        self._line: _Line | None = None  # that is playing
        self._queue = SampleQueue(clock, SAMPLE_RATE, _WAITING_MS)
        self._rest: Samples = np.zeros(0, np.float32)
        self._is_playing = False
        self._sent = self._received = 0  # samples handed over, taken by the device's thread
        self._heard: tuple[int, float] | None = None  # a sample, and when it is heard
        self._delays: deque[float] = deque(maxlen=_REMEMBERED)
        self._steady = DriftCompensation()
        self._delay = 0.0
        self._padding = 0  # samples of silence, played to be late enough since the sound last stopped
        self._has_padded = False  # and the delay has not been measured since

    def open(self, width: int, height: int) -> None:
        """Start playing; raises `DeviceError` if there is no such speaker or it cannot be used."""
        self._keeper.open()

    @property
    def has_ended(self) -> bool:
        """Whether there is no device at the moment."""
        return self._keeper.line is None

    def send(self, frame: Frame) -> None:
        """Play a frame's sound after that of the frames before; never blocks."""
        self._keeper.check()
        if (heard := self._heard) is not None:
            if self._has_padded:
                self._has_padded = False
                self._delays.clear()
            sample, moment = heard
            self._delays.append(moment + (self._sent - sample) / SAMPLE_RATE - self._clock.now())
            self._steady.note(self._delays[-1])
            self._delay = max(0.0, float(np.median(self._delays)))
        self._queue.put(frame.pcm)
        self._sent += len(frame.pcm)

    def delay(self) -> float:
        """Seconds from the handing over of the latest frame until it is heard, 0 before any was; from any thread."""
        return self._delay

    def close(self, completed: bool = True) -> None:
        """Release the device; may be called twice."""
        self._keeper.close()

    def _open_line(self, device: SoundDevice, on_end: Callable[[], None]) -> "_Line":
        return _Line(device, self._clock, self._next, on_end)

    def _next(self, line: "_Line", count: int) -> Samples:
        """The next `count` samples for that line, float32; silence where it is not in use or has nothing yet."""
        if line is not self._keeper.line:
            return np.zeros(count, np.float32)
        if line is not self._line:
            self._line, self._heard, self._is_playing = line, None, False
            self._steady = DriftCompensation()
        pcm = self._queue.get(timeout=0)
        self._received += len(pcm)
        self._rest = np.concatenate([self._rest, pcm])[-_LONGEST - self._padding :]
        if not self._is_playing:
            self._padding = 0
            self._steady.restart()
        # Frames come every second time: with too little in hand, the next late one would be heard as a gap.
        self._is_playing = len(self._rest) >= (count if self._is_playing else _IN_HAND)
        has_padded = self._is_playing and self._pad()
        if not self._is_playing:
            return np.zeros(count, np.float32)
        # Not the time that PortAudio tells for each block: PulseAudio's wanders by 50 ms within seconds.
        self._heard = self._received - len(self._rest), self._clock.now() + line.latency
        ready, self._rest = self._steady.take(self._rest, count)
        self._has_padded |= has_padded
        # A device may ask for more at a time than waits here at most.
        return ready if len(ready) == count else np.pad(ready, (0, count - len(ready)))

    def _pad(self) -> bool:
        """Play silence first where the sound would be heard too early; whether that was so."""
        early = self._least_delay() - self._delay
        if self._has_padded or not self._delay or early < _TOLERATED:
            return False
        silence = min(round(early * SAMPLE_RATE), SAMPLE_RATE)
        self._padding += silence
        self._rest = np.concatenate([np.zeros(silence, np.float32), self._rest])
        self._steady = DriftCompensation()
        return True


class _Line:
    """An open device. What it plays is converted to its rate by straight lines, where it does not take 16 kHz."""

    def __init__(
        self,
        device: SoundDevice,
        clock: Clock,
        following: Callable[["_Line", int], Samples],
        on_end: Callable[[], None],
    ) -> None:
        """`following` returns the next samples at 16 kHz, as many as it is asked for."""
        self.device = device
        self.has_begun = False
        self._clock = clock
        self._following = following
        self._on_end = on_end
        self._latest = clock.now()
        self._has_ended = False
        self._last = np.zeros(1, np.float32)  # sample that was played
        rate, channels = playable(device)
        self._rate, self.latency = rate, 0.0
        self._stream = start_stream(
            "output",
            device,
            samplerate=rate,
            blocksize=rate * CAPTURE_MS // 1000,
            channels=channels,
            dtype="float32",
            latency=(1 + device.is_served) * CAPTURE_MS / 1000,  # two blocks wait in either case
            callback=self._play,
            finished_callback=self._end,
        )
        self.latency = float(self._stream.latency)

    def is_silent(self) -> bool:
        """Whether the device has stopped, which it tells or not."""
        return self._has_ended or self._clock.now() - self._latest > SILENT_AFTER

    def close(self) -> None:
        """Release the device."""
        end_stream(self._stream)

    def _play(self, out: NDArray[np.float32], count: int, _time: object, _status: object) -> None:
        pcm = self._following(self, round(count * SAMPLE_RATE / self._rate))
        if self._rate != SAMPLE_RATE:
            known = np.concatenate([self._last, pcm])
            self._last = pcm[-1:]
            pcm = np.interp(np.arange(1, count + 1) * len(pcm) / count, np.arange(len(known)), known)
        out[:] = pcm[:, None]
        self._latest = self._clock.now()
        self.has_begun = True

    def _end(self) -> None:
        self._has_ended = True
        self._on_end()
