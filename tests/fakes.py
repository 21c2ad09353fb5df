"""Stand-ins for the parts that are slow, trained or physical: deterministic, and honest about their contracts."""

import numpy as np

from liveface.engine.hearing.streamer import LOOKAHEADS, Array, State

N_UNITS = 7
CODE_SIZE = 16


class FakeMotionNetwork:
    """A small causal network with fixed random weights: every head hears all the past, and only the past.

    `steps` counts the frames heard.
    """

    def __init__(self, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        heads = len(LOOKAHEADS)
        self._mixing = random.normal(0, 0.05, (320, 24)).astype(np.float32)
        self._units = random.normal(0, 1, (24, heads * N_UNITS)).astype(np.float32)
        self._code = random.normal(0, 1, (24, heads * CODE_SIZE)).astype(np.float32)
        self.steps = 0

    def initial_state(self) -> State:
        return (np.zeros(24, np.float32),)

    def step(self, mel: Array, state: State) -> tuple[Array, Array, State]:
        assert mel.shape == (4, 80)
        assert mel.dtype == np.float32
        self.steps += 1
        hidden = np.tanh(np.float32(0.9) * state[0] + mel.reshape(-1) @ self._mixing)
        units = np.square(hidden @ self._units).reshape(-1, N_UNITS)
        return units, (hidden @ self._code).reshape(-1, CODE_SIZE), (hidden,)
