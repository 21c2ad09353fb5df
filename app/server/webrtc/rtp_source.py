"""Live sound that a peer sends over a network; knows nothing of the network but that its packets come unevenly."""

import numpy as np

from liveface.app.server.webrtc.codecs import VOICE_RATE, VoiceDecoder, voice_length
from liveface.app.server.webrtc.jitter_buffer import JitterBuffer, Piece
from liveface.app.session.clock import Clock
from liveface.app.session.sources import PromptResampler
from liveface.app.session.stats import Stats
from liveface.app.settings import BACKLOG_MS
from liveface.engine.media import Samples

LONGEST_DELAY_MS = 300  # of sound that waits for its moment; what is more is dropped, oldest first, and counted

_QUIET = 0.003  # amplitude, about -50 dB, below which sound may be left out unheard
_LEAST_LEFT_OUT = 0.005  # s: of less it is not worth it


class RemoteSource:
    """Implements `Source`. It goes on like a sound card, whatever arrives: pictures never stop, time never shifts.

    A peer that is silent, muted or gone is heard as silence, and so is sound that was lost on the way or is too late.
    """

    live = True

    def __init__(self, clock: Clock, stats: Stats) -> None:
        self._clock = clock
        self._stats = stats
        self._changed = clock.condition()
        self._buffer: JitterBuffer[bytes] | None = None
        self._stream: int | None = None
        self._noted_lost = 0
        self._has_ended = False

    def receive(self, stream: int, sequence: int, timestamp: int, packet: bytes) -> None:
        """Add an Opus packet of an RTP stream, which `stream` names. From any thread; never blocks."""
        length = voice_length(packet)
        with self._changed:
            if not length or self._buffer is None:
                return
            if stream != self._stream:
                self._stream = stream
                self._begin(self._buffer.due)
            self._buffer.add(sequence, timestamp, length, packet, self._clock.now())

    def clear(self) -> None:
        """Forget what has arrived and has not been read: it is heard as silence."""
        with self._changed:
            if self._buffer is not None:
                self._buffer.clear()

    def end(self) -> None:
        """Let `read` return None from now on."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def open(self) -> float:
        """Let time begin; what arrived before is not heard."""
        with self._changed:
            self._begin(self._clock.now())
        return 0.0

    def read(self, timeout: float) -> Samples | None:
        """The sound whose moment has come, float32 (n,) at 16 kHz; None once `end` or `close` was called."""
        until = self._clock.now() + timeout
        with self._changed:
            while self._is_open() and (now := self._clock.now()) < min(self._due(), until):
                self._changed.wait(min(self._due(), until) - now)
            buffer = self._buffer  # another one than before, if meanwhile another stream has begun
            if buffer is None or self._has_ended:
                return None
            now = self._clock.now()
            pieces = []
            while (piece := buffer.next(now)) is not None:
                pieces.append(self._sound(buffer, piece, now))
            self._stats.note_lost((buffer.lost - self._noted_lost) / VOICE_RATE)
            self._noted_lost = buffer.lost
            return self._resampler.feed(np.concatenate(pieces)) if pieces else np.zeros(0, np.float32)

    def close(self) -> None:
        """Stop listening."""
        with self._changed:
            self._buffer = None

    @property
    def delay_ms(self) -> float:
        """How long sound waits here until all of it can go on evenly."""
        with self._changed:
            return 0.0 if self._buffer is None else self._buffer.delay * 1000

    def _is_open(self) -> bool:
        return self._buffer is not None and not self._has_ended

    def _due(self) -> float:
        assert self._buffer is not None
        return self._buffer.due

    def _begin(self, moment: float) -> None:
        """Let the first stream begin, or another one go on where that before it has got to."""
        self._buffer = JitterBuffer(VOICE_RATE, LONGEST_DELAY_MS / 1000, moment)
        self._resampler = PromptResampler(VOICE_RATE)
        self._decoder = VoiceDecoder()
        self._noted_lost = 0

    def _sound(self, buffer: JitterBuffer[bytes], piece: Piece[bytes], now: float) -> Samples:
        if piece.payload is None:
            return np.zeros(piece.length, np.float32)
        if now - piece.due > BACKLOG_MS / 1000:
            buffer.lost += piece.length
            return np.zeros(piece.length, np.float32)
        pcm = self._decoder.decode(piece.payload)
        if len(pcm) < piece.length:  # what could not be decoded
            pcm = np.append(pcm, np.zeros(piece.length - len(pcm), np.float32))
        too_much = min(buffer.excess(), piece.length)
        if too_much >= _LEAST_LEFT_OUT * VOICE_RATE and np.abs(pcm).max() < _QUIET:
            buffer.leave_out(too_much)
            pcm = pcm[: piece.length - too_much]
        return pcm
