"""What browsers keep after they have shown a token: ids that mean something here only. Knows no HTTP."""

import secrets
import time
from collections import OrderedDict

from liveface.app.server.tokens import Pass
from liveface.app.session.clock import Clock

LIFE_SECONDS = 30 * 24 * 3600  # since it was last used

_MOST = 1024  # at once; then the one that was used least recently ends


class Logins:
    """Nothing can be learned from an id, and all of them end with the server."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: OrderedDict[str, tuple[float, Pass]] = OrderedDict()  # when each was used last, and what it allows

    def open(self, found: Pass) -> str:
        """A new id that cannot be guessed, for what a token allows, as long as that does."""
        key = secrets.token_urlsafe(32)
        self._open[key] = self._clock.now(), found
        while len(self._open) > _MOST:
            self._open.popitem(last=False)
        return key

    def found(self, key: str) -> Pass | None:
        """What the id allows, which makes it last longer; None for a wrong one.

        Looking up 256 random bits tells nothing by its time.
        """
        used, found = self._open.pop(key, (0.0, None))
        if found is None or self._clock.now() - used > LIFE_SECONDS:
            return None
        if found.until is not None and time.time() >= found.until:
            return None
        self._open[key] = self._clock.now(), found
        return found
