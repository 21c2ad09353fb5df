"""Tests of drawing on several cores at once."""

import numpy as np
import pytest

from app.clock import MonotonicClock
from app.drawing_pool import DrawingPool
from engine.errors import BackendError
from engine.media import HOP, Motion
from tests.app.fakes import FakeRenderer, an_avatar


def motions(count: int) -> list[Motion]:
    silence = np.zeros(HOP, np.float32)
    return [Motion(i, np.zeros(7, np.float32), np.full(16, i / 20, np.float32), silence, True) for i in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 5, 8])
def test_a_pool_draws_what_one_renderer_draws_in_the_same_order(count: int) -> None:
    clock, avatar = MonotonicClock(), an_avatar()
    alone = FakeRenderer(clock).draw(motions(count), [avatar] * count)
    together = DrawingPool([FakeRenderer(clock), FakeRenderer(clock)]).draw(motions(count), [avatar] * count)
    assert [frame.index for frame in together] == list(range(count))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_a_batch_is_shared_evenly() -> None:
    clock = MonotonicClock()
    renderers = [FakeRenderer(clock), FakeRenderer(clock)]
    DrawingPool(renderers).draw(motions(8), [an_avatar()] * 8)
    assert [renderer.drawn for renderer in renderers] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_what_a_renderer_raises_is_raised() -> None:
    def refuse(index: int) -> float:
        raise BackendError("no such instruction")

    renderer = FakeRenderer(MonotonicClock(), refuse)
    renderer.drawn.append(0)
    with pytest.raises(BackendError):
        DrawingPool([FakeRenderer(MonotonicClock()), renderer]).draw(motions(4), [an_avatar()] * 4)
