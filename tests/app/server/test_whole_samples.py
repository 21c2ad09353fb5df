"""Tests of a stream of bytes that is cut anywhere."""

import numpy as np
import pytest

from liveface.app.server.whole_samples import WholeSamples


@pytest.mark.parametrize("size", [2, 4, 6])
def test_however_it_is_cut_the_same_samples_come_out(size: int) -> None:
    random = np.random.default_rng(size)
    stream = random.bytes(size * 500)
    for longest in (1, 3, 7, 400):
        samples, out, place = WholeSamples(size), b"", 0
        while place < len(stream):
            count = int(random.integers(0, longest + 1))
            piece = samples.feed(stream[place : place + count])
            assert len(piece) % size == 0
            out, place = out + piece, place + count
        assert out == stream


def test_what_is_cleared_is_not_joined_to_what_comes_later() -> None:
    samples = WholeSamples()
    assert samples.feed(b"abc") == b"ab"
    samples.clear()
    assert samples.feed(b"de") == b"de"
