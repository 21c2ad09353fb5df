"""Tokens that allow part of what the server does, for a while: JSON Web Tokens (RFC 7519), signed with HS256.

Knows no HTTP, and nothing of the one plain token that allows all.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import jwt

from liveface.engine.errors import ConfigurationError

Scope = Literal["view", "publish", "metrics", "admin"]

SCOPES: tuple[Scope, ...] = get_args(Scope)
EVERYTHING: frozenset[Scope] = frozenset(SCOPES)
SHORTEST_KEY = 32  # bytes (RFC 7518, section 3.2)

_IMPLIED: dict[Scope, frozenset[Scope]] = {
    "view": frozenset({"view"}),
    "publish": frozenset({"publish", "view"}),  # who publishes chooses a face, which is looking
    "metrics": frozenset({"metrics"}),
    "admin": EVERYTHING,
}
_ALGORITHM = "HS256"
_LONGEST_LIFE = 10 * 365 * 24 * 3600  # s


@dataclass(frozen=True, slots=True)
class Pass:
    """What somebody may do. `until`: seconds since 1970; None for ever."""

    scopes: frozenset[Scope]
    until: float | None = None


def make(key: str, scopes: Collection[str], now: float, seconds: float, name: str = "") -> str:
    """A token for what `scopes` name, for `seconds` from `now` on, both in seconds, `now` since 1970.

    `name`: of who gets it, which it tells. Raises `ConfigurationError`.
    """
    check_key(key)
    if unknown := [scope for scope in scopes if scope not in SCOPES] or ([] if scopes else ["nothing"]):
        raise ConfigurationError(f"The scope is “{unknown[0][:40]}”: choose of {', '.join(SCOPES)}.")
    if not 1 <= seconds <= _LONGEST_LIFE:
        raise ConfigurationError(f"The token is to be good for {seconds:.0f} s: from 1 s to 10 years are possible.")
    claims = {"scope": " ".join(scopes), "iat": int(now), "exp": int(now + seconds)}
    return jwt.encode(claims | ({"sub": name} if name else {}), key, _ALGORITHM)


def read(token: str, key: str) -> Pass | None:
    """What a token allows now; None where it was not signed with the key, is too old, or names no scope of ours."""
    try:
        claims = jwt.decode(token, key, [_ALGORITHM], options={"require": ["exp", "scope"], "verify_aud": False})
        named = str(claims["scope"]).split()
        until = float(claims["exp"])
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None
    scopes = frozenset().union(*(_IMPLIED[scope] for scope in SCOPES if scope in named))
    return Pass(scopes, until) if scopes else None


def check_key(key: str) -> None:
    """Raise `ConfigurationError` for one that could be guessed."""
    if len(key.encode()) < SHORTEST_KEY:
        raise ConfigurationError(
            f"The key has {len(key.encode())} bytes: to sign tokens at least {SHORTEST_KEY} are needed; make one with "
            "`openssl rand -hex 32`."
        )
