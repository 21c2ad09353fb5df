"""The rates, and the two values that flow through the program."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from liveface.engine.media import FPS, HOP, SAMPLE_RATE, Frame, Motion


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 48_000, 90_000])
def test_every_clock_divides_exactly_by_the_frame_rate(rate: int) -> None:
    assert rate % FPS == 0
    assert HOP * FPS == SAMPLE_RATE


def test_motion_and_frame_cannot_be_changed() -> None:
    pcm = np.zeros(HOP, np.float32)
    motion = Motion(0, np.zeros(7, np.float32), np.zeros(16, np.float32), pcm, False)
    frame = Frame(0, np.zeros((2, 2, 3), np.uint8), pcm, True)
    for value in (motion, frame):
        with pytest.raises(FrozenInstanceError):
            value.index = 1  # type: ignore[misc]
