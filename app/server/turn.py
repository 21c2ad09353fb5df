"""Credentials for TURN servers that are good for some hours, as coturn's `use-auth-secret` takes them.

The scheme is that of draft-uberti-behave-turn-rest-00. Knows no connection.
"""

import base64
import hashlib
import hmac

LIFE_SECONDS = 6 * 3600  # longer than most conversations: who connects again is told new ones

_NAME = "liveface"


def credentials(secret: str, now: float) -> tuple[str, str]:
    """A name and a password that a TURN server with that secret takes for `LIFE_SECONDS` from `now`, s since 1970."""
    username = f"{int(now) + LIFE_SECONDS}:{_NAME}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(digest).decode()
