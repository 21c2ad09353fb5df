"""What browsers keep after they have shown a token: ids that mean something here only. Knows no HTTP."""

import secrets
from collections import OrderedDict

from liveface.app.session.clock import Clock

LIFE_SECONDS = 30 * 24 * 3600  # since it was last used

_MOST = 1024  # at once; then the one that was used least recently ends


class Logins:
    """Nothing can be learned from an id, and all of them end with the server."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: OrderedDict[str, float] = OrderedDict()  # when each was used last

    def open(self) -> str:
        """A new id that cannot be guessed."""
        key = secrets.token_urlsafe(32)
        self._open[key] = self._clock.now()
        while len(self._open) > _MOST:
            self._open.popitem(last=False)
        return key

    def knows(self, key: str) -> bool:
        """Whether the id is good, which makes it last longer. Looking up 256 random bits tells nothing by its time."""
        used = self._open.pop(key, None)
        if used is None or self._clock.now() - used > LIFE_SECONDS:
            return False
        self._open[key] = self._clock.now()
        return True
