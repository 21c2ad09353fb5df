"""The names under which conversations can be watched: those that publishers have chosen. Knows no HTTP."""

import re

from liveface.app.server.sessions.session_registry import ServerSession, SessionRegistry
from liveface.engine.errors import ConfigurationError, NotFoundError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as ids of conversations are, too


def check_name(name: str) -> str:
    """A name that a publisher may choose; raises `ConfigurationError`."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(code="name_invalid", name=name[:70])
    return name


class Publications:
    """A name belongs to the conversation that it was given to, until that one has ended or another one was given it.

    Names and ids are two things: an id, which every viewer knows, never does for a name.
    """

    def __init__(self, conversations: SessionRegistry) -> None:
        self._conversations = conversations
        self._identifiers: dict[str, str] = {}

    def watched(self, text: str) -> ServerSession | None:
        """The running conversation of that id or else of that name, for who only watches."""
        return self._running(text) or self.named(text)

    def named(self, name: str) -> ServerSession | None:
        """The running conversation of that name."""
        identifier = self._identifiers.get(name)
        return None if identifier is None else self._running(identifier)

    def name_of(self, conversation: ServerSession) -> str | None:
        """The name that a conversation has been given, if it has one."""
        return next((name for name, one in self._identifiers.items() if one == conversation.id), None)

    def is_identifier(self, text: str) -> bool:
        """Whether a conversation has that id, so that as a name it would mislead who watches."""
        return any(one.id == text for one in self._conversations)

    def name(self, name: str, conversation: ServerSession) -> None:
        """Give a conversation a name, from now on."""
        running = {one.id for one in self._conversations}
        self._identifiers = {key: one for key, one in self._identifiers.items() if one in running}
        self._identifiers[name] = conversation.id

    def _running(self, identifier: str) -> ServerSession | None:
        try:
            conversation = self._conversations.get(identifier)
        except NotFoundError:
            return None
        return conversation if conversation.is_running else None
