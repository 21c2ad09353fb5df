"""What a request brings and is answered, written beside what handles it: docs/openapi.yaml is made from that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from liveface.app.server.refusals import STATUSES

H = TypeVar("H", bound=Callable[..., object])

# Codes that several requests have in common.
OWNED = ("conversation_unknown", "owner_missing")
CHOICE = ("setting_value", "configuration_invalid", "avatar_unknown")
OFFERED = (
    *("offers_waiting", "offer_too_slow", "peers_full", "ports_full", "machine_full_of_viewers", "peer_unusable"),
    *(code for code in STATUSES if code.startswith("sdp_")),
    *("not_acceptable", "offer_without_codec", "offer_over_connections"),
)
OPENED = ("conversations_full", "machine_full", "no_capacity", "server_stops")


@dataclass(frozen=True, slots=True)
class Description:
    """`body`, `answer`: a schema of JSON or a type of content. `query`: a schema. `codes`: of refusals.

    `is_owners`: only for who shows the secret. `headers`: of the answer.
    """

    body: type | str | None = None
    query: type | None = None
    answer: type | str | None = None
    status: int = 200
    codes: tuple[str, ...] = ()
    is_owners: bool = False
    headers: tuple[str, ...] = ()


def described(description: Description) -> Callable[[H], H]:
    """Give a handler its description; the words are its docstring."""

    def give(handler: H) -> H:
        vars(handler)["description"] = description
        return handler

    return give


def description_of(handler: object) -> Description | None:
    """That of a handler, if it has one."""
    found = getattr(handler, "description", None)
    return found if isinstance(found, Description) else None
