"""The messages of an agent's WebSocket and of a peer's data channel, as types. docs/openapi.yaml has them, too."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict, TypeVar

from msgspec import Struct

from liveface.app.files.schema import FieldError, read
from liveface.app.server.refusals import RefusalError
from liveface.app.server.schemas import ConversationNumbers, Failure
from liveface.engine.errors import ErrorObject

M = TypeVar("M", bound=Struct)
ErrorKind = Literal["invalid_request_error", "server_error"]


# Sent by an agent
class Append(Struct, frozen=True, tag="input_audio_buffer.append"):
    """Sound to be spoken: PCM16, in base64."""

    audio: bytes


class Commit(Struct, frozen=True, tag="input_audio_buffer.commit"):
    """The utterance ends here."""


class ClearOutput(Struct, frozen=True, tag="output_audio_buffer.clear"):
    """Forget what has not been heard, and close the mouth."""


class ClearInput(Struct, frozen=True, tag="input_audio_buffer.clear"):
    """The same."""


class Cancel(Struct, frozen=True, tag="response.cancel"):
    """The same."""


AGENT_MESSAGES = (Append, Commit, ClearInput, ClearOutput, Cancel)


# Told to an agent
class Event(Struct, kw_only=True):
    """What all have: `event_id` is given to each as it is sent."""

    event_id: str = ""


class SessionCreated(Event, kw_only=True, tag="session.created"):
    """The first one. `owner` is a secret: it allows to interrupt, end and come back."""

    conversation: str
    owner: str
    whep: str
    avatar: str
    width: int
    height: int
    lookahead: int
    rate: int
    input_audio_format: Literal["pcm16"] = "pcm16"


class Started(Event, kw_only=True, tag="output_audio_buffer.started"):
    """The first sound of an item was handed to the viewers."""

    item_id: str


class Position(Event, kw_only=True, tag="playback.position"):
    """How much of an item has been said, in samples of the agent's rate."""

    item_id: str
    samples: int
    ms: int


class Stopped(Event, kw_only=True, tag="output_audio_buffer.stopped"):
    """All of a committed item was said."""

    item_id: str
    samples: int
    ms: int


class Committed(Event, kw_only=True, tag="input_audio_buffer.committed"):
    """Answer to a commit."""

    item_id: str
    previous_item_id: str | None


class Cleared(Event, kw_only=True, tag="output_audio_buffer.cleared"):
    """An interrupt: the item that was being said, and how much of it was; null and 0 in silence."""

    item_id: str | None
    samples: int
    ms: int


class AgentError(ErrorObject):
    """`event_id`: that of the message, if it had one."""

    type: ErrorKind
    event_id: object


class Refused(Event, kw_only=True, tag="error"):
    """A message was not followed, or the session has ended."""

    error: AgentError


AGENT_EVENTS = (SessionCreated, Started, Position, Stopped, Committed, Cleared, Refused)


# Over the data channel
class Interrupt(Struct, frozen=True, tag="interrupt"):
    """Forget all sound that was not heard. Owner only."""


class MuteMessage(Struct, frozen=True, tag="mute"):
    """Hear silence instead, or no longer. Owner only."""

    muted: bool


CHANNEL_MESSAGES = (Interrupt, MuteMessage)


class StatsMessage(ConversationNumbers):
    """Once a second: the numbers of the conversation."""

    type: Literal["stats"]


class EndedMessage(TypedDict):
    """The conversation has ended, and why; null where its owner has ended it."""

    type: Literal["ended"]
    error: ErrorObject | None


class ErrorMessage(Failure):
    """A message was not followed."""

    type: Literal["error"]


CHANNEL_EVENTS = (StatsMessage, EndedMessage, ErrorMessage)


def read_message(kinds: tuple[type[M], ...], document: Mapping[str, object], codes: Mapping[str, str]) -> M:
    """A message as one of its kinds; raises `RefusalError`, with the code of the field that does not fit."""
    known: dict[Any, type[M]] = {kind.__struct_config__.tag: kind for kind in kinds}
    named = document.get("type")
    if not isinstance(named, str) or named not in known:
        raise RefusalError("unknown_type", found=str(named), known=list(known))
    try:
        return read(known[named], document)
    except FieldError as fault:
        raise RefusalError(codes[fault.name], field=fault.name, expected=fault.expected) from None
