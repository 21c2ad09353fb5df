"""How many offers are answered at once, by whichever way they come. Knows nothing of what they hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from liveface.engine.errors import CapacityError

_AT_ONCE = 8  # what each of them waits for is the same processor
_SECONDS = 20.0  # for an answer: a STUN server that does not answer takes 5


class OfferLimits:
    """Belongs to one event loop. Who finds it full is sent away: an offer that waits would be too old."""

    def __init__(self) -> None:
        self._inside = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """While an offer is being answered; raises `CapacityError` if there are too many, or if it takes too long."""
        if self._inside >= _AT_ONCE:
            raise CapacityError(code="offers_waiting", found=self._inside)
        self._inside += 1
        try:
            async with asyncio.timeout(_SECONDS):
                yield
        except TimeoutError as error:
            raise CapacityError(code="offer_too_slow", seconds=round(_SECONDS)) from error
        finally:
            self._inside -= 1
