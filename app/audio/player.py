"""A sound file as a source that can be paused and wound: live, because the face goes on living meanwhile."""

import threading

import numpy as np

from liveface.app.session.clock import Clock, sleep_until
from liveface.app.session.stats import Stats
from liveface.app.settings import BACKLOG_MS, CAPTURE_MS
from liveface.engine.media import SAMPLE_RATE, Samples

_BLOCK = SAMPLE_RATE * CAPTURE_MS // 1000


class Player:
    """Plays a whole sound as a sound card would bring it, in blocks of 20 ms; silence while paused and after its end.

    It is wound and paused from any thread. With no sound at all it is silence itself.
    """

    live = True

    def __init__(self, sound: Samples, clock: Clock, stats: Stats, *, loop: bool = False) -> None:
        """`sound`: float32 (n,) at 16 kHz, kept and not copied: 230 MB an hour."""
        self._sound = sound
        self._clock = clock
        self._stats = stats
        self._loop = loop
        self._lock = threading.Lock()
        self._started: float | None = None
        self._given = 0  # samples, silence included
        self._place = 0  # of the next sample in the sound
        self._is_playing = len(sound) > 0

    def open(self) -> float:
        """Nothing to do: the sound is here."""
        return 0.0

    def close(self) -> None:
        """Nothing to do."""

    def read(self, timeout: float) -> Samples:
        """The blocks whose time has come; empty if none did within `timeout` seconds."""
        if self._started is None:
            self._started = self._clock.now()
        blocks = [np.zeros(0, np.float32)]
        while self._has_come(timeout if len(blocks) == 1 else 0.0):
            blocks.append(self._next_block())
        return np.concatenate(blocks)

    def play(self, is_wanted: bool) -> None:
        """Go on, from the beginning if the end was reached; or pause."""
        with self._lock:
            self._is_playing = is_wanted and len(self._sound) > 0
            if self._is_playing and self._place >= len(self._sound):
                self._place = 0

    def seek(self, seconds: float) -> None:
        """Go on from that place of the sound."""
        with self._lock:
            self._place = min(max(0, round(seconds * SAMPLE_RATE)), len(self._sound))

    @property
    def is_playing(self) -> bool:
        """Whether sound comes."""
        return self._is_playing

    @property
    def position(self) -> float:
        """Seconds from the beginning of the sound to what is read next."""
        return self._place / SAMPLE_RATE

    @property
    def length(self) -> float:
        """Seconds of sound."""
        return len(self._sound) / SAMPLE_RATE

    def _has_come(self, timeout: float) -> bool:
        """Wait until a block's last sample has been spoken, at most `timeout` seconds."""
        now = self._clock.now()
        moment = self._moment() + _BLOCK / SAMPLE_RATE
        sleep_until(self._clock, min(moment, now + timeout))
        return moment <= now + timeout

    def _next_block(self) -> Samples:
        is_late = self._clock.now() - self._moment() > (BACKLOG_MS + CAPTURE_MS) / 1000
        self._given += _BLOCK
        with self._lock:
            if not self._is_playing:
                return np.zeros(_BLOCK, np.float32)
            block = self._sound[self._place : self._place + _BLOCK]
            self._place += len(block)
            if self._place >= len(self._sound):
                self._place = 0 if self._loop else len(self._sound)
                self._is_playing = self._loop
        if is_late:
            self._stats.note_lost(len(block) / SAMPLE_RATE)
            return np.zeros(_BLOCK, np.float32)
        return np.pad(block, (0, _BLOCK - len(block)))

    def _moment(self) -> float:
        """When the last sample that was given had been spoken."""
        assert self._started is not None
        return self._started + self._given / SAMPLE_RATE
