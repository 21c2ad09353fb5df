"""Tests of what browsers keep after they have shown a token."""

from liveface.app.server.logins import LIFE_SECONDS, Logins
from tests.app.server.application_fakes import StillClock


def test_an_id_is_good_until_it_has_not_been_used_for_long() -> None:
    clock = StillClock()
    logins = Logins(clock)
    one, other = logins.open(), logins.open()
    assert one != other
    clock.moment += LIFE_SECONDS - 1
    assert logins.knows(one)
    clock.moment += 2
    assert logins.knows(one)
    assert not logins.knows(other)
    assert not logins.knows("guessed")


def test_of_too_many_the_one_that_was_used_least_recently_ends() -> None:
    logins = Logins(StillClock())
    first, second = logins.open(), logins.open()
    assert logins.knows(first)
    for _ in range(1023):
        logins.open()
    assert logins.knows(first)
    assert not logins.knows(second)
