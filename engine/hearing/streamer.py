"""Speech in, motion out: one `Motion` for each 40 ms, after a fixed lookahead; knows no inference library and no face.

Offline and live are the same: a file is fed once, a microphone in pieces, and the motions are bit-identical.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import AudioError, ConfigurationError
from liveface.engine.hearing.features import FeatureExtractor
from liveface.engine.hearing.silence import SilenceGate
from liveface.engine.hearing.window import SlidingWindow, check_samples
from liveface.engine.media import HOP, Motion, Samples

LOOKAHEADS = range(7)  # frames that every motion network offers
DEFAULT_LOOKAHEAD = 2

_LOUDEST = 16.0  # full scale is 1; far above it somebody forgot to divide integers
_HIGHEST_INTENSITY = 5.0  # of an action unit
_MOST_MOTION = 3.0  # times the network's own

Array = NDArray[np.float32]
State = tuple[Array, ...]
Edit = Callable[[Array, Array], tuple[Array, Array]]  # of action units (7,) and code (16,), to the same


class MotionNetwork(Protocol):
    """A causal network with one output head for each lookahead; its state is a value."""

    def initial_state(self) -> State:
        """The state before any sound."""

    def step(self, mel: Array, state: State) -> tuple[Array, Array, State]:
        """Hear one frame, `mel` float32 (4, 80).

        Returns action units float32 (7, 7), code float32 (7, 16) and the next state. Row L is the estimate for the
        frame L frames before the one just heard.
        """


class Streamer:
    """Turns sound, in pieces of any length, into motions in order, without a gap.

    Motion k is given out as soon as sample 640 * (k + 1 + lookahead) - 1 has been fed, and depends on no later one.
    In silence and steady noise it is exactly zero (see `engine.hearing.silence`).
    """

    def __init__(self, network: MotionNetwork, lookahead: int = DEFAULT_LOOKAHEAD, mouth_amount: float = 1.0) -> None:
        """`lookahead`: frames of sound heard beyond a motion's own. `mouth_amount`: gain of all motion, 1 = as learned.

        `edit` may be set at any time and counts from the next motion on, in silence too: a change of Action Units that
        what is drawn follows, such as `engine.face.unit_basis.UnitEdit.applied`. None leaves them as heard.
        Raises `ConfigurationError` if either is out of range.
        """
        if lookahead not in LOOKAHEADS:
            raise ConfigurationError(
                f"Found a lookahead of {lookahead} frames: choose a whole number from 0 to {LOOKAHEADS[-1]}."
            )
        self._network = network
        self._lookahead = lookahead
        self._window = SlidingWindow(HOP, ahead=lookahead * HOP)
        self._features = FeatureExtractor()
        self._gate = SilenceGate(lookahead)
        self.mouth_amount = mouth_amount
        self.edit: Edit | None = None
        self.reset()

    @property
    def latency(self) -> int:
        """Samples from the first of a frame to the last that its motion needs."""
        return self._window.latency

    @property
    def mouth_amount(self) -> float:
        """Gain of action units and code, 0 to 3; may be changed at any time and counts from the next motion on."""
        return self._mouth_amount

    @mouth_amount.setter
    def mouth_amount(self, amount: float) -> None:
        if not 0.0 <= amount <= _MOST_MOTION:
            raise ConfigurationError(f"Found a mouth amount of {amount}: choose a number from 0 to {_MOST_MOTION:g}.")
        self._mouth_amount = amount

    def reset(self) -> None:
        """Forget everything heard, and count from 0 again: equal to a new streamer."""
        self._window.reset()
        self._features.reset()
        self._gate.reset()
        self._state = self._network.initial_state()
        self._next_index = 0

    def feed(self, pcm: Samples) -> list[Motion]:
        """Take any number of samples, float32 (n,) at 16 kHz, full scale 1; return the motions now complete.

        Raises `AudioError`, and stays as it was, for another type or shape, and for samples that are not finite or
        far beyond full scale.
        """
        check_samples(pcm)
        _check_values(pcm)
        return [self._move(window) for window in self._window.push(pcm)]

    def flush(self) -> list[Motion]:
        """End the sound: return the motions of all frames begun but not yet given, then be as new.

        In all, ceil(n / 640) motions are given for n samples; silence is heard beyond the last one.
        """
        motions = [self._move(window) for window in self._window.flush()]
        self.reset()
        return motions

    def _move(self, window: Samples) -> Motion:
        """The motion of the window's first frame. All frames of the first window are new, later only the last."""
        frames = window.reshape(-1, HOP)
        for frame in frames if self._next_index == 0 else frames[-1:]:
            units, code, self._state = self._network.step(self._features.feed(frame), self._state)
            gate = self._gate.hear(frame)
        amount = np.float32(gate.opening * self._mouth_amount)
        shown = np.clip(units[self._lookahead] * amount, 0.0, _HIGHEST_INTENSITY, dtype=np.float32)
        moved = code[self._lookahead] * amount
        edit = self.edit
        if edit is not None:
            shown, moved = edit(shown, moved)
        motion = Motion(self._next_index, shown, moved, frames[0].copy(), gate.speaking)
        self._next_index += 1
        return motion


def _check_values(pcm: Samples) -> None:
    finite = np.isfinite(pcm)
    if not finite.all():
        raise AudioError(
            f"Sound must be finite numbers, found {pcm.size - int(finite.sum())} that are not, the first at sample "
            f"{int(np.argmin(finite))} of {pcm.size}: repair the recording or the device that delivers it."
        )
    if pcm.size and np.abs(pcm).max() > _LOUDEST:
        raise AudioError(
            f"Sound must lie in -1 to 1, found a sample of {np.abs(pcm).max():g}: divide 16-bit samples by 32768."
        )
