"""A microphone that may come and go: while it is away another one is heard, or silence, and pictures go on."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveface.app.audio.device_failover import SILENT_AFTER, DeviceFailover, Notify
from liveface.app.audio.devices import SoundDevice, end_stream, recordable, start_stream
from liveface.app.audio.gap_concealment import GapConcealment
from liveface.app.files.downmix import Downmix
from liveface.app.session.clock import Clock, sleep_until
from liveface.app.session.queues import SampleQueue
from liveface.app.session.sources import PromptResampler
from liveface.app.session.stats import Stats
from liveface.app.settings import BACKLOG_MS, CAPTURE_MS
from liveface.engine.hearing.voice_gate import VoiceGate
from liveface.engine.media import SAMPLE_RATE, Samples

_FIRST_PATIENCE = 3.0  # s until its first block: some devices take long to start


class Microphone:
    """A source: a sound card's input of any rate and any number of channels, as 16 kHz mono.

    Its callback only copies; sound that nobody reads for 200 ms becomes silence. The thread "liveface microphone"
    looks after the device: where that vanishes in use, the default one takes its place, or silence if there is none,
    until it returns.
    """

    live = True

    def __init__(
        self,
        name: str | None,
        clock: Clock,
        stats: Stats,
        block_ms: int = CAPTURE_MS,
        on_notice: Notify = lambda change: None,
        gate: VoiceGate | None = None,
    ) -> None:
        """`name` as `devices.choose` takes it; `block_ms`: of sound that the device brings at a time.

        `on_notice` gets what becomes of the device, in the thread that looks after the device. `gate` hears all sound
        first.
        """
        self._block_ms = block_ms
        self._clock = clock
        self._stats = stats
        self._gate = gate
        self._keeper = DeviceFailover("input", name, self._open_line, clock, on_notice)
        self._heard: _Line | None = None  # the line that was read last

    def open(self) -> float:
        """Start recording; raises `DeviceError` if there is no such microphone or it cannot be used."""
        self._heard = line = self._keeper.open()
        self._filler = GapConcealment(self._clock.now())
        self._dropped = 0
        return line.delay

    def read(self, timeout: float) -> Samples | None:
        """What has been recorded since the last call."""
        timeout = min(timeout, self._block_ms / 1000)  # silence comes at the pace of sound, or pictures would be late
        self._keeper.check()
        line = self._keeper.line
        if line is not self._heard:
            self._filler.cut()
            self._heard = line
        if line is None:
            sleep_until(self._clock, self._clock.now() + timeout)
            pcm = np.zeros(0, np.float32)
        else:
            pcm = line.read(timeout)
            self._stats.note_lost(line.take_lost())
            self._stats.note_xruns(line.take_xruns())
        pcm = self._filler.fill(pcm, self._clock.now(), is_connected=line is not None)
        self._stats.note_lost((self._filler.dropped - self._dropped) / SAMPLE_RATE)
        self._dropped = self._filler.dropped
        return pcm if self._gate is None else self._gate.feed(pcm)

    def close(self) -> None:
        """Release the device."""
        self._keeper.close()

    @property
    def device(self) -> str | None:
        """The name of what is heard now; None is silence."""
        line = self._keeper.line
        return None if line is None else line.device.name

    def _open_line(self, device: SoundDevice, on_end: Callable[[], None]) -> "_Line":
        return _Line(device, self._clock, self._block_ms, on_end)


class _Line:
    """An open device: its sound as it comes, in blocks."""

    def __init__(self, device: SoundDevice, clock: Clock, block_ms: int, on_end: Callable[[], None]) -> None:
        self.device = device
        self.has_begun = False
        self._clock = clock
        rate, self._channels = recordable(device)
        self._resampler = None if rate == SAMPLE_RATE else PromptResampler(rate)
        self._downmix = Downmix([f"AUX{number}" for number in range(self._channels)], rate, 1)
        self._samples_per_second = rate * self._channels
        block = rate * block_ms // 1000
        self._queue = SampleQueue(clock, self._samples_per_second, BACKLOG_MS, block * self._channels)
        self._lost_before = self._xruns = self._xruns_before = 0
        self._latest = clock.now()
        self._has_ended = False
        self._on_end = on_end
        self._stream: Any = start_stream(
            "input",
            device,
            samplerate=rate,
            blocksize=block,
            channels=self._channels,
            dtype="float32",
            latency=block_ms / 1000,
            callback=self._receive,
            finished_callback=self._end,
        )
        self.delay = max(0.0, float(self._stream.latency) - block_ms / 1000)

    def read(self, timeout: float) -> Samples:
        """What has come since the last call, float32 (n,) at 16 kHz, mono."""
        pcm = self._queue.get(timeout)
        mono = self._downmix.feed(np.nan_to_num(pcm.reshape(-1, self._channels)))[:, 0]
        return mono if self._resampler is None else self._resampler.feed(mono)

    def is_silent(self) -> bool:
        """Whether the device has stopped, which it tells or not."""
        patience = SILENT_AFTER if self.has_begun else _FIRST_PATIENCE
        return self._has_ended or self._clock.now() - self._latest > patience

    def take_lost(self) -> float:
        """Seconds of sound that nobody read in time, since the last call."""
        lost = self._queue.lost
        before, self._lost_before = self._lost_before, lost
        return (lost - before) / self._samples_per_second

    def take_xruns(self) -> int:
        """How often PortAudio lost sound because the machine was busy, since the last call."""
        xruns = self._xruns
        before, self._xruns_before = self._xruns_before, xruns
        return xruns - before

    def close(self) -> None:
        end_stream(self._stream)

    def _receive(self, pcm: NDArray[np.float32], _frames: int, _time: object, status: Any) -> None:
        self._queue.put(pcm.flatten())  # a copy: PortAudio reuses its buffer
        self._xruns += bool(status and status.input_overflow)
        self._latest = self._clock.now()
        self.has_begun = True

    def _end(self) -> None:
        self._has_ended = True
        self._on_end()
