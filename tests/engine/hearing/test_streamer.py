"""The streamer's promise: every motion, in order, at its moment, whatever the chunks; and stillness in silence."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveface.engine.errors import AudioError, ConfigurationError
from liveface.engine.hearing.streamer import LOOKAHEADS, Streamer
from liveface.engine.media import HOP, Motion, Samples
from tests.fakes import FakeMotionNetwork
from tests.speech import NOISES, noise, spoken

PROPERTY = settings(max_examples=25, deadline=None)


def voice_like(samples: int, seed: int = 0) -> Samples:
    """A buzz with changing pitch and loudness, here and there silent, so that the gate takes all its values."""
    random = np.random.default_rng(seed)
    steps = np.repeat(random.uniform(80, 250, samples // 4000 + 1), 4000)[:samples]
    loudness = np.repeat(random.choice([0, 0, 0.02, 0.1, 0.4], samples // 9000 + 1), 9000)[:samples]
    buzz = np.sin(2 * np.pi * np.cumsum(steps) / 16000) + 0.5 * np.sin(8 * np.pi * np.cumsum(steps) / 16000)
    return np.asarray(loudness * buzz + 1e-3 * random.normal(size=samples), np.float32)


def assert_identical(found: Sequence[Motion], expected: Sequence[Motion]) -> None:
    assert [motion.index for motion in found] == [motion.index for motion in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.action_units, other.action_units)
        np.testing.assert_array_equal(one.code, other.code)
        np.testing.assert_array_equal(one.pcm, other.pcm)
        assert one.speaking == other.speaking


def whole(pcm: Samples, lookahead: int = 2) -> list[Motion]:
    streamer = Streamer(FakeMotionNetwork(), lookahead)
    return streamer.feed(pcm) + streamer.flush()


lookaheads = st.sampled_from(LOOKAHEADS)
chunk_lengths = st.lists(st.one_of(st.integers(0, 700), st.integers(0, 9000)), max_size=15)


@PROPERTY
@given(lengths=chunk_lengths, lookahead=lookaheads, seed=st.integers(0, 9))
def test_random_chunks_give_bit_identical_motions(lengths: list[int], lookahead: int, seed: int) -> None:
    pcm = voice_like(sum(lengths), seed)
    streamer = Streamer(FakeMotionNetwork(), lookahead)
    motions, fed = [], 0
    for length in lengths:
        motions += streamer.feed(pcm[fed : fed + length])
        fed += length
    assert_identical(motions + streamer.flush(), whole(pcm, lookahead))


@PROPERTY
@given(lengths=chunk_lengths, lookahead=lookaheads)
def test_a_motion_appears_exactly_when_its_horizon_is_heard(lengths: list[int], lookahead: int) -> None:
    streamer = Streamer(FakeMotionNetwork(), lookahead)
    heard, appeared = 0, 0
    for length in lengths:
        appeared += len(streamer.feed(np.zeros(length, np.float32)))
        heard += length
        assert appeared == max(0, heard // HOP - lookahead)


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_the_latency_is_the_frame_and_its_lookahead(lookahead: int) -> None:
    streamer = Streamer(FakeMotionNetwork(), lookahead)
    assert streamer.latency == (1 + lookahead) * HOP
    assert streamer.feed(np.zeros(streamer.latency - 1, np.float32)) == []
    (motion,) = streamer.feed(np.zeros(1, np.float32))
    assert motion.index == 0


@PROPERTY
@given(frame=st.integers(0, 30), lookahead=lookaheads, seed=st.integers(0, 9))
def test_a_sample_beyond_its_horizon_never_changes_a_motion(frame: int, lookahead: int, seed: int) -> None:
    pcm = voice_like(40 * HOP, seed)
    changed = pcm.copy()
    changed[(frame + 1 + lookahead) * HOP :] = noise("white", -10, 40 * HOP / 16000)[(frame + 1 + lookahead) * HOP :]
    assert_identical(whole(changed, lookahead)[: frame + 1], whole(pcm, lookahead)[: frame + 1])


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_the_last_frame_of_its_horizon_does_change_a_motion(lookahead: int) -> None:
    pcm, start, _ = spoken()
    frame = start + 20
    changed = pcm.copy()
    changed[(frame + lookahead) * HOP :] *= -0.5
    last, other = whole(changed, lookahead)[frame], whole(pcm, lookahead)[frame]
    assert not np.array_equal(last.code, other.code)


@PROPERTY
@given(before=st.integers(0, 20000), flushed=st.booleans(), lookahead=lookaheads)
def test_after_reset_or_flush_it_is_as_new(before: int, flushed: bool, lookahead: int) -> None:
    streamer = Streamer(FakeMotionNetwork(), lookahead)
    streamer.feed(voice_like(before, seed=1))
    if flushed:
        streamer.flush()
        assert streamer.flush() == []
    else:
        streamer.reset()
    pcm = voice_like(12 * HOP + 5)
    assert_identical(streamer.feed(pcm) + streamer.flush(), whole(pcm, lookahead))


@PROPERTY
@given(length=st.integers(0, 15 * HOP), lookahead=lookaheads)
def test_flush_returns_exactly_what_is_owed(length: int, lookahead: int) -> None:
    streamer = Streamer(FakeMotionNetwork(), lookahead)
    motions = streamer.feed(voice_like(length))
    motions += streamer.flush()
    assert [motion.index for motion in motions] == list(range(-(-length // HOP)))


@PROPERTY
@given(lengths=chunk_lengths, lookahead=lookaheads)
def test_the_joined_sound_of_the_motions_is_the_sound_fed(lengths: list[int], lookahead: int) -> None:
    pcm = voice_like(sum(lengths))
    motions = whole(pcm, lookahead)
    joined = np.concatenate([motion.pcm for motion in motions]) if motions else np.zeros(0, np.float32)
    np.testing.assert_array_equal(joined[: pcm.size], pcm)
    assert not joined[pcm.size :].any()
    assert joined.size - pcm.size < HOP


def test_a_motion_is_the_networks_head_for_its_lookahead_times_the_gate() -> None:
    class Ramp(FakeMotionNetwork):
        """Head L says which frame it is about, and which head it is."""

        def step(self, mel, state):  # type: ignore[no-untyped-def]
            now = state[0]
            heads = np.arange(7, dtype=np.float32)[:, None]
            return 0.1 * heads.repeat(7, 1), (now - heads).repeat(16, 1), (now + 1,)

        def initial_state(self):  # type: ignore[no-untyped-def]
            return (np.zeros((1, 1), np.float32),)

    pcm, start, end = spoken()
    for lookahead in (0, 2, 6):
        streamer = Streamer(Ramp(), lookahead)
        for motion in (streamer.feed(pcm) + streamer.flush())[start + 1 : end]:
            assert motion.speaking
            np.testing.assert_array_equal(motion.code, np.full(16, motion.index))
            np.testing.assert_allclose(motion.action_units, np.full(7, 0.1 * lookahead), rtol=1e-6)
            assert motion.code.dtype == motion.action_units.dtype == np.float32


@pytest.mark.parametrize("kind", NOISES)
def test_in_room_noise_nothing_moves(kind: str) -> None:
    for motion in whole(noise(kind, -50, seconds=6)):
        assert not motion.code.any()
        assert not motion.action_units.any()
        assert not motion.speaking


def test_after_speech_the_mouth_becomes_still_and_stays_so() -> None:
    pcm, _, end = spoken()
    motions = whole(np.concatenate((pcm, np.zeros(HOP * 100, np.float32))))
    assert any(motion.code.any() for motion in motions[:end])
    for motion in motions[end + 12 :]:
        assert not motion.code.any()
        assert not motion.action_units.any()


def test_the_same_speech_20_db_quieter_moves_the_mouth_as_much() -> None:
    pcm, _, _ = spoken()
    pcm = pcm + noise("pink", -60, pcm.size / 16000)
    loud, quiet = (sum(np.abs(m.code).sum() for m in whole(pcm * np.float32(gain))) for gain in (1, 0.1))
    assert quiet == pytest.approx(loud, rel=0.05)


def test_the_mouth_amount_scales_all_motion_at_once() -> None:
    pcm, start, _ = spoken()
    streamer = Streamer(FakeMotionNetwork(), mouth_amount=0.5)
    half = streamer.feed(pcm)[start:]
    for one, other in zip(half, whole(pcm)[start:], strict=False):
        np.testing.assert_allclose(one.code, other.code / 2, rtol=1e-6)
        assert np.all(one.action_units <= other.action_units)
    streamer.mouth_amount = 0
    assert not any(motion.code.any() for motion in streamer.feed(pcm))


def test_action_units_stay_within_their_scale() -> None:
    pcm, _, _ = spoken()
    streamer = Streamer(FakeMotionNetwork(), mouth_amount=3)
    units = np.array([motion.action_units for motion in streamer.feed(pcm)])
    assert units.min() == 0
    assert units.max() == 5


@pytest.mark.parametrize("lookahead", [-1, 7, 1.5])
def test_a_lookahead_that_no_head_has_is_refused(lookahead: int) -> None:
    with pytest.raises(ConfigurationError, match="0 to 6"):
        Streamer(FakeMotionNetwork(), lookahead)


@pytest.mark.parametrize("amount", [-0.1, 3.1, float("nan")])
def test_a_mouth_amount_that_makes_no_sense_is_refused(amount: float) -> None:
    with pytest.raises(ConfigurationError, match="0 to 3"):
        Streamer(FakeMotionNetwork(), mouth_amount=amount)


@pytest.mark.parametrize(
    ("pcm", "message"),
    [
        (np.array([0, np.nan, np.inf], np.float32), "found 2 that are not, the first at sample 1 of 3"),
        (np.array([0, 12000], np.float32), "divide 16-bit samples by 32768"),
        (np.zeros(640, np.int16), "found int16"),
        (np.zeros(640), "found float64"),
        (np.zeros((640, 2), np.float32), "mix the channels"),
        ([0.0], "found list"),
        (None, "found NoneType"),
    ],
)
def test_sound_that_is_not_sound_is_refused_and_changes_nothing(pcm: Samples, message: str) -> None:
    good = voice_like(8 * HOP)
    streamer = Streamer(FakeMotionNetwork())
    motions = streamer.feed(good[:2000])
    with pytest.raises(AudioError, match=message):
        streamer.feed(pcm)
    motions += streamer.feed(good[2000:]) + streamer.flush()
    assert_identical(motions, whole(good))


def test_sound_a_little_beyond_full_scale_is_sound() -> None:
    assert all(np.isfinite(motion.code).all() for motion in whole(voice_like(10 * HOP) * 4))


def test_each_frame_is_heard_once() -> None:
    network = FakeMotionNetwork()
    streamer = Streamer(network, lookahead=3)
    for _ in range(10):
        streamer.feed(np.zeros(HOP, np.float32))
    assert network.steps == 10


def test_two_streamers_do_not_share_state() -> None:
    network = FakeMotionNetwork()
    one, other = Streamer(network), Streamer(network)
    pcm = voice_like(20 * HOP)
    motions = []
    for start in range(0, pcm.size, HOP):
        motions += one.feed(pcm[start : start + HOP])
        other.feed(pcm[::-1][start : start + HOP])
    assert_identical(motions + one.flush(), whole(pcm))


def test_an_edit_counts_from_the_next_motion_on_and_in_silence_too() -> None:
    pcm = voice_like(20 * HOP)
    streamer = Streamer(FakeMotionNetwork())
    expected = whole(pcm)
    motions = streamer.feed(pcm[: 10 * HOP])
    seen = []

    def raised(units: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append((units, code))
        return units + 1, code + 2

    streamer.edit = raised
    changed = streamer.feed(pcm[10 * HOP :])
    streamer.edit = None
    last = streamer.flush()
    assert_identical(motions + last, [*expected[: len(motions)], *expected[-len(last) :]])
    for one, other in zip(changed, expected[len(motions) :], strict=False):
        np.testing.assert_array_equal(one.action_units, other.action_units + 1)
        np.testing.assert_array_equal(one.code, other.code + 2)
    assert len(seen) == len(changed) > 5
    silent = Streamer(FakeMotionNetwork())
    silent.edit = raised
    assert all((motion.code == 2).all() for motion in silent.feed(np.zeros(6 * HOP, np.float32)))
