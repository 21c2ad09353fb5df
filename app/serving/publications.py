"""The names under which conversations can be watched: those that publishers have chosen. Knows no HTTP."""

import re

from app.serving.conversation import Conversation, Conversations
from engine.errors import ConfigurationError, NotFoundError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # as ids of conversations are, too


def check_name(name: str) -> str:
    """A name that a publisher may choose; raises `ConfigurationError`."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"The name is “{name[:70]}”: write 1 to 64 letters of a-z and A-Z, digits, - and _.")
    return name


class Publications:
    """A name belongs to the conversation that took it last, until that one has ended."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._identifiers: dict[str, str] = {}

    def find(self, name: str) -> Conversation | None:
        """The running conversation of that name or id."""
        try:
            conversation = self._conversations.get(self._identifiers.get(name, name))
        except NotFoundError:
            return None
        return conversation if conversation.is_running else None

    def name(self, name: str, conversation: Conversation) -> None:
        """Give a conversation a name, from now on."""
        running = {one.id for one in self._conversations}
        self._identifiers = {key: one for key, one in self._identifiers.items() if one in running}
        self._identifiers[name] = conversation.id
