"""Windows are the same however the sound arrives, and each is given at its last sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveface.engine.errors import AudioError, ConfigurationError
from liveface.engine.hearing.window import SlidingWindow
from liveface.engine.media import Samples

SIZES = st.tuples(st.integers(1, 9), st.integers(0, 20), st.integers(0, 20))


def ramp(length: int) -> Samples:
    return np.arange(1, length + 1, dtype=np.float32)


def by_definition(pcm: Samples, hop: int, past: int, ahead: int) -> list[Samples]:
    count = -(-pcm.size // hop)
    padded = np.concatenate((np.zeros(past), pcm, np.zeros(hop + ahead))).astype(np.float32)
    return [padded[hop * k : hop * k + past + hop + ahead] for k in range(count)]


@given(sizes=SIZES, lengths=st.lists(st.integers(0, 30), max_size=12))
def test_any_chunks_give_the_windows_of_the_definition(sizes: tuple[int, int, int], lengths: list[int]) -> None:
    hop, past, ahead = sizes
    pcm = ramp(sum(lengths))
    window = SlidingWindow(hop, past, ahead)
    given_windows, fed = [], 0
    for length in lengths:
        given_windows += window.push(pcm[fed : fed + length])
        fed += length
        assert len(given_windows) == max(0, (fed - ahead) // hop)
    given_windows += window.flush()
    expected = by_definition(pcm, hop, past, ahead)
    assert len(given_windows) == len(expected)
    for found, wanted in zip(given_windows, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@given(sizes=SIZES, length=st.integers(0, 60), flushed=st.booleans())
def test_after_reset_or_flush_it_is_as_new(sizes: tuple[int, int, int], length: int, flushed: bool) -> None:
    used, new = SlidingWindow(*sizes), SlidingWindow(*sizes)
    used.push(ramp(length) + 100)
    if flushed:
        used.flush()
        assert used.flush() == []
    else:
        used.reset()
    pcm = ramp(40)
    for found, wanted in zip(used.push(pcm) + used.flush(), new.push(pcm) + new.flush(), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_the_latency_is_the_hop_and_what_lies_ahead() -> None:
    window = SlidingWindow(640, past=240, ahead=1280)
    assert window.latency == 1920
    assert window.push(np.zeros(window.latency - 1, np.float32)) == []
    assert len(window.push(np.zeros(1, np.float32))) == 1


def test_windows_do_not_share_memory_with_the_sound_given() -> None:
    pcm = ramp(8)
    (first, _) = SlidingWindow(4).push(pcm)
    pcm[:] = 0
    np.testing.assert_array_equal(first, ramp(4))


@pytest.mark.parametrize("sizes", [(0, 0, 0), (1, -1, 0), (1, 0, -1)])
def test_impossible_sizes_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigurationError, match="found"):
        SlidingWindow(*sizes)


@pytest.mark.parametrize(
    ("pcm", "message"),
    [
        (np.zeros(4, np.int16), "found int16. Divide by 32768"),
        (np.zeros(4), "found float64"),
        (np.zeros((4, 2), np.float32), r"found shape \(4, 2\)"),
        (np.float32(0), "found float32"),
        ([0.0], "found list"),
    ],
)
def test_what_is_not_one_channel_of_float32_is_refused_and_changes_nothing(pcm: Samples, message: str) -> None:
    window = SlidingWindow(4)
    window.push(ramp(2))
    with pytest.raises(AudioError, match=message):
        window.push(pcm)
    np.testing.assert_array_equal(window.push(ramp(2)), [[1, 2, 1, 2]])
