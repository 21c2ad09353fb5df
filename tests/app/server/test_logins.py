"""Tests of what browsers keep after they have shown a token."""

import time

from liveface.app.server.logins import LIFE_SECONDS, Logins
from liveface.app.server.tokens import EVERYTHING, Pass
from tests.app.server.application_fakes import StillClock

ALL = Pass(EVERYTHING)


def test_an_id_is_good_until_it_has_not_been_used_for_long() -> None:
    clock = StillClock()
    logins = Logins(clock)
    one, other = logins.open(ALL), logins.open(ALL)
    assert one != other
    clock.moment += LIFE_SECONDS - 1
    assert logins.found(one)
    clock.moment += 2
    assert logins.found(one)
    assert not logins.found(other)
    assert not logins.found("guessed")


def test_of_too_many_the_one_that_was_used_least_recently_ends() -> None:
    logins = Logins(StillClock())
    first, second = logins.open(ALL), logins.open(ALL)
    assert logins.found(first)
    for _ in range(1023):
        logins.open(ALL)
    assert logins.found(first)
    assert not logins.found(second)


def test_an_id_ends_with_the_token_that_it_was_made_for() -> None:
    logins = Logins(StillClock())
    good, old = logins.open(Pass(EVERYTHING, time.time() + 60)), logins.open(Pass(EVERYTHING, time.time() - 1))
    assert logins.found(good)
    assert not logins.found(old)
