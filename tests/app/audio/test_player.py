"""Tests of a sound that is played like a tape, in virtual time."""

import numpy as np
import pytest

from liveface.app.audio.player import Player
from liveface.app.session.stats import Stats
from liveface.engine.media import SAMPLE_RATE, Samples
from tests.app.fakes import VirtualClock

SOUND = np.arange(1, SAMPLE_RATE + 1, dtype=np.float32) / SAMPLE_RATE  # one second


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(1)


def heard(player: Player, clock: VirtualClock, seconds: float) -> Samples:
    """What comes in that time."""
    until = clock.now() + seconds
    blocks = []
    while clock.now() < until - 1e-6:
        blocks.append(player.read(0.05))
    return np.concatenate(blocks)


def test_sound_comes_at_its_own_pace_then_silence(clock: VirtualClock) -> None:
    player = Player(SOUND, clock, Stats())
    assert player.open() == 0
    pcm = heard(player, clock, 1.5)
    np.testing.assert_array_equal(pcm[:SAMPLE_RATE], SOUND)
    assert not pcm[SAMPLE_RATE:].any()
    assert len(pcm) == pytest.approx(1.5 * SAMPLE_RATE, abs=320)
    assert not player.is_playing
    assert player.position == player.length == 1.0


def test_while_it_is_paused_silence_comes_and_nothing_is_lost(clock: VirtualClock) -> None:
    player = Player(SOUND, clock, Stats())
    first = heard(player, clock, 0.3)
    player.play(False)
    pause = heard(player, clock, 0.5)
    player.play(True)
    rest = heard(player, clock, 0.7)
    assert not pause.any()
    np.testing.assert_array_equal(np.concatenate([first, rest])[:SAMPLE_RATE], SOUND)


def test_it_is_wound_to_any_place_within_the_sound(clock: VirtualClock) -> None:
    player = Player(SOUND, clock, Stats())
    heard(player, clock, 0.1)
    player.seek(0.5)
    assert heard(player, clock, 0.02)[0] == SOUND[SAMPLE_RATE // 2]
    player.seek(-3)
    assert player.position == 0
    player.seek(99)
    assert player.position == 1


def test_playing_at_the_end_begins_anew(clock: VirtualClock) -> None:
    player = Player(SOUND, clock, Stats())
    heard(player, clock, 1.1)
    player.play(True)
    assert heard(player, clock, 0.02)[0] == SOUND[0]


def test_in_a_loop_it_goes_on(clock: VirtualClock) -> None:
    player = Player(SOUND[:3200], clock, Stats(), loop=True)
    np.testing.assert_array_equal(heard(player, clock, 0.6)[:9600], np.tile(SOUND[:3200], 3))
    assert player.is_playing


def test_sound_that_nobody_reads_in_time_becomes_silence_and_is_counted(clock: VirtualClock) -> None:
    stats = Stats()
    player = Player(SOUND, clock, stats)
    heard(player, clock, 0.1)
    with clock.condition() as _:
        clock._now += 0.5
    late = player.read(0)
    assert len(late) == SAMPLE_RATE // 2
    assert stats.report().lost_ms == pytest.approx(300, abs=21)
    lost = int(0.1 * SAMPLE_RATE) + np.flatnonzero(late)[0]
    np.testing.assert_array_equal(late[np.flatnonzero(late)], SOUND[lost : int(0.6 * SAMPLE_RATE)])


def test_without_any_sound_it_is_silence_itself(clock: VirtualClock) -> None:
    player = Player(np.zeros(0, np.float32), clock, Stats())
    player.play(True)
    assert not heard(player, clock, 0.1).any()
    assert not player.is_playing
