"""Tests of the names of publications."""

from types import SimpleNamespace
from typing import Any

import pytest

from liveface.app.server.sessions.stream_names import Publications, check_name
from liveface.engine.errors import ConfigurationError, NotFoundError


class FakeConversations(dict[str, Any]):
    """Conversations by their id, as `SessionRegistry` has them."""

    def get(self, identifier: str) -> Any:
        if identifier not in self:
            raise NotFoundError(identifier)
        return self[identifier]

    def __iter__(self) -> Any:
        return iter(list(self.values()))


def a_conversation(identifier: str, is_running: bool = True) -> Any:
    return SimpleNamespace(id=identifier, is_running=is_running)


def published(*conversations: Any) -> tuple[Publications, FakeConversations]:
    running: Any = FakeConversations({one.id: one for one in conversations})
    return Publications(running), running


def test_who_watches_finds_a_conversation_by_its_name_and_by_its_id() -> None:
    one, other = a_conversation("x1"), a_conversation("x2")
    publications, _ = published(one, other)
    publications.name("studio", one)
    assert publications.watched("studio") is one
    assert publications.watched("x2") is other
    assert publications.watched("kitchen") is None


def test_an_id_is_no_name() -> None:
    one, other = a_conversation("x1"), a_conversation("x2")
    publications, _ = published(one, other)
    publications.name("studio", one)
    assert publications.named("studio") is one
    assert publications.named("x1") is None
    assert publications.is_identifier("x1")
    assert not publications.is_identifier("studio")
    assert (publications.name_of(one), publications.name_of(other)) == ("studio", None)


def test_a_name_that_looks_like_an_id_does_not_lead_viewers_astray() -> None:
    one, other = a_conversation("x1"), a_conversation("x2")
    publications, _ = published(one, other)
    publications.name("x1", other)
    assert publications.watched("x1") is one


def test_a_name_belongs_to_who_took_it_last() -> None:
    one, other = a_conversation("x1"), a_conversation("x2")
    publications, _ = published(one, other)
    publications.name("studio", one)
    publications.name("studio", other)
    assert publications.named("studio") is other


def test_a_conversation_that_has_ended_or_failed_is_not_found() -> None:
    one, other = a_conversation("x1"), a_conversation("x2", is_running=False)
    publications, running = published(one, other)
    publications.name("studio", one)
    publications.name("kitchen", other)
    del running["x1"]
    assert publications.named("studio") is None
    assert publications.named("kitchen") is None


def test_names_of_what_has_ended_are_forgotten() -> None:
    one, other = a_conversation("x1"), a_conversation("x2")
    publications, running = published(one, other)
    publications.name("studio", one)
    del running["x1"]
    publications.name("kitchen", other)
    running["x1"] = one
    assert publications.named("studio") is None


@pytest.mark.parametrize("name", ["", "../etc", "a b", "a/b", "é", "a" * 65, "a\n"])
def test_a_name_that_could_mislead_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        check_name(name)


@pytest.mark.parametrize("name", ["studio", "Studio_2-b", "4", "-id_", "a" * 64])
def test_a_plain_name_is_taken(name: str) -> None:
    assert check_name(name) == name
