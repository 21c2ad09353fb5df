"""A face lives slightly, smoothly and repeatably, and with the voice."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from liveface.engine.drawing.liveliness import LARGEST_PITCH, LARGEST_ROLL, LARGEST_YAW, Liveliness
from liveface.engine.errors import ConfigurationError
from liveface.engine.expression import REST
from liveface.engine.media import FPS, HOP, Motion
from tests.engine.hearing.test_accents import stressed

SEEDS = (0, 1, 2, 12345)
SILENCE = np.zeros(HOP, np.float32)


def motion(pcm: np.ndarray, speaking: bool) -> Motion:
    return Motion(0, np.zeros(7, np.float32), np.zeros(16, np.float32), pcm, speaking)


def silent(seconds: float) -> list[Motion]:
    return [motion(SILENCE, False)] * round(seconds * FPS)


def spoken(pcm: np.ndarray) -> list[Motion]:
    return [motion(frame, True) for frame in pcm.reshape(-1, HOP)]


def lived(liveliness: Liveliness, motions: list[Motion]) -> np.ndarray:
    """Blink, yaw, pitch, roll, breath and brows of each motion, (n, 6)."""
    return np.array([astuple(liveliness.enliven(one).expression)[:6] for one in motions])


def test_equal_seeds_and_equal_sound_live_equally() -> None:
    motions = silent(2) + spoken(stressed(4.0, [1.0, 2.0, 3.1], 12.0)) + silent(4)
    liveliness = Liveliness(7)
    first = lived(liveliness, motions)
    np.testing.assert_array_equal(lived(Liveliness(7), motions), first)
    liveliness.reset()
    np.testing.assert_array_equal(lived(liveliness, motions), first)
    assert not np.array_equal(lived(Liveliness(8), motions), first)


def test_a_motion_keeps_all_else() -> None:
    one = replace(motion(SILENCE, False), index=7)
    enlivened = Liveliness(0).enliven(one)
    assert (enlivened.index, enlivened.pcm is one.pcm, enlivened.code is one.code) == (7, True, True)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_frame_is_at_rest(seed: int) -> None:
    assert Liveliness(seed).enliven(motion(SILENCE, False)).expression == REST


@pytest.mark.parametrize("seed", SEEDS)
def test_the_head_sways_slightly_and_smoothly_in_silence(seed: int) -> None:
    sway = lived(Liveliness(seed), silent(240))[:, 1:4]
    assert np.all(np.abs(sway).max(axis=0) <= (LARGEST_YAW, LARGEST_PITCH, LARGEST_ROLL))
    assert np.all(sway.std(axis=0) > (0.5, 0.4, 0.2))
    assert np.all(sway.std(axis=0) < 1.5)
    assert np.abs(np.diff(sway, axis=0)).max() < 0.15  # degrees a frame
    assert np.abs(np.diff(sway, 2, axis=0)).max() < 0.03


def test_breath_goes_slowly_from_out_to_in() -> None:
    breath = lived(Liveliness(0), silent(60))[:, 4]
    assert 0 <= breath.min() < 0.01
    assert 0.99 < breath.max() <= 1
    assert np.abs(np.diff(breath)).max() < 0.05


def test_the_head_nods_about_two_degrees_a_moment_after_a_stress() -> None:
    even, stress = (lived(Liveliness(3), spoken(stressed(4.0, at, 14.0)))[:, 2] for at in ([], [3.0]))
    nod = stress - even
    assert np.abs(nod[: 3 * FPS]).max() == 0
    assert 1.4 < nod.max() < 2.2
    assert 1 <= nod.argmax() - 3 * FPS <= 3
    assert np.abs(nod[-10:]).max() < 0.1


def test_brows_rise_on_some_strong_stresses_and_come_down_again() -> None:
    at = list(np.arange(1.0, 60.0, 1.0))
    brows = lived(Liveliness(0), spoken(stressed(60.0, at, 14.0)))[:, 5]
    raised = [brows[round(moment * FPS) : round((moment + 0.6) * FPS)].max() > 0.5 for moment in at]
    assert 0.4 < np.mean(raised) < 0.8
    assert brows.min() >= -0.01
    assert brows[[round((moment + 0.96) * FPS) for moment in at]].max() < 0.1


def test_what_is_not_speech_moves_nothing() -> None:
    knocks = [motion(frame, False) for frame in stressed(4.0, [1.0, 2.0], 20.0).reshape(-1, HOP)]
    np.testing.assert_array_equal(lived(Liveliness(0), knocks), lived(Liveliness(0), silent(4)))


def test_strength_scales_the_head_and_not_the_blinks() -> None:
    motions = spoken(stressed(20.0, [1.0, 2.0, 3.1, 8.0], 12.0)) + silent(4)
    none, usual, most = (lived(Liveliness(5, strength), motions) for strength in (0.0, 1.0, 2.0))
    assert np.abs(none[:, 1:]).max() == 0
    assert np.array_equal(none[:, 0], usual[:, 0])
    assert none[:, 0].max() == 1
    assert np.all(most[:, 1:4].std(axis=0) > 1.5 * usual[:, 1:4].std(axis=0))
    assert np.all(np.abs(most[:, 1:4]).max(axis=0) <= (LARGEST_YAW, LARGEST_PITCH, LARGEST_ROLL))


def test_after_an_interruption_the_head_goes_to_rest_without_a_jump() -> None:
    liveliness = Liveliness(0)
    before = lived(liveliness, spoken(stressed(3.0, [1.0, 2.9], 14.0)))
    liveliness.interrupt()
    after = lived(liveliness, silent(3))
    path = np.concatenate([before[-2:], after])[:, 1:4]
    assert np.abs(np.diff(path, axis=0)).max() < 1.2
    assert np.abs(np.diff(after[-25:, 2])).max() < 0.1


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="-1"):
        Liveliness(-1)
    with pytest.raises(ConfigurationError, match=r"2\.5"):
        Liveliness(0, 2.5)
