"""A sound card that is not there: a PulseAudio server of our own whose microphone and speaker this program drives.

Both ends are pipes that are filled and emptied by one clock, so that the moment of every sample is known.
"""

import os
import shutil
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soxr

from liveface.app.measure.private_sound_server import private_sound_server
from liveface.app.session.clock import Clock, sleep_until
from liveface.engine.media import SAMPLE_RATE, Samples

_RATE = 48_000  # Hz, as most sound cards have
_BLOCK = _RATE // 100  # 10 ms of sound at a time
_CHANNELS = 2  # of the speaker
_SPEAKER_BUFFER = 8192  # bytes, 21 ms: two pages, of which PulseAudio fills one while the other is played
_F_SETPIPE_SZ = 1031  # missing in Python's fcntl before 3.10 on some systems


def is_available() -> bool:
    """Whether PulseAudio and ALSA's way to it seem to be installed."""
    return shutil.which("pulseaudio") is not None and shutil.which("pactl") is not None


class VirtualSoundCard:
    """Speaks `voice` into the microphone and records what the speaker is given, while in its `with`.

    Sample n of the voice, at 16 kHz, is spoken at `started` + n / 16 000 seconds of the clock; after its end it is
    silent. `environment` tells programs to use this sound card.
    """

    def __init__(self, voice: Samples, clock: Clock) -> None:
        converted = soxr.resample(voice, SAMPLE_RATE, _RATE, quality="HQ")
        self._voice = (np.clip(converted, -1, 1) * 32767).astype(np.int16)
        self._clock = clock
        self._played: list[Samples] = []
        self._stopping = threading.Event()
        self._resources = ExitStack()
        self.started = 0.0

    def __enter__(self) -> Self:
        """Start; raises `DeviceError` if PulseAudio does not."""
        import fcntl  # absent on Windows, where there is no PulseAudio either

        with ExitStack() as resources:
            self._start_server(resources)
            self._microphone = _opened(resources, self._folder / "microphone", os.O_WRONLY)
            self._speaker = _opened(resources, self._folder / "speaker", os.O_RDONLY)
            fcntl.fcntl(self._speaker, _F_SETPIPE_SZ, _SPEAKER_BUFFER)
            self._thread = threading.Thread(target=self._run, name="liveface virtual sound card")
            self.started = self._clock.now()
            self._thread.start()
            self._resources = resources.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._resources.close()

    def played(self) -> Samples:
        """What the speaker played so far, float32 (n,) at 16 kHz; sample n was heard at `started` + n / 16 000."""
        sound = np.concatenate([np.zeros(0, np.float32), *self._played])
        converted: Samples = soxr.resample(sound, _RATE, SAMPLE_RATE, quality="HQ")
        return converted

    def _start_server(self, resources: ExitStack) -> None:
        self._folder = folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        modules = (
            f"module-pipe-source source_name=microphone file={folder}/microphone format=s16le rate={_RATE} channels=1",
            f"module-pipe-sink sink_name=speaker file={folder}/speaker format=float32le rate={_RATE} "
            f"channels={_CHANNELS}",
        )
        variables = resources.enter_context(private_sound_server(folder, modules))
        self.environment = variables | {"PULSE_SOURCE": "microphone", "PULSE_SINK": "speaker"}

    def _run(self) -> None:
        tick = 0
        while not self._stopping.is_set():
            tick += 1
            sleep_until(self._clock, self.started + tick * _BLOCK / _RATE)
            self._speak(self._voice[(tick - 1) * _BLOCK : tick * _BLOCK])
            self._played.append(self._listen())

    def _speak(self, block: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
        block = np.pad(block, (0, _BLOCK - len(block)))
        with suppress(BlockingIOError):  # nobody hears
            os.write(self._microphone, block.tobytes())

    def _listen(self) -> Samples:
        """The block that is played from now on; silence where the server has nothing ready."""
        sound = b""
        with suppress(BlockingIOError):
            sound = os.read(self._speaker, _BLOCK * _CHANNELS * 4)
        left = np.frombuffer(sound, np.float32)[::_CHANNELS]
        return np.pad(left, (0, _BLOCK - len(left)))


def _opened(resources: ExitStack, pipe: Path, mode: int) -> int:
    descriptor = os.open(pipe, mode | os.O_NONBLOCK)
    resources.callback(os.close, descriptor)
    return descriptor
