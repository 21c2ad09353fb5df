"""The pictures that sessions wait for, packed into calls of the renderer; knows no thread, no clock and no picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from liveface.engine.face.avatar import Avatar
from liveface.engine.media import FPS, Motion

# No session has a second picture to wait for meanwhile.
_LONGEST_CALL = 1 / FPS  # s, as predicted; one picture may take longer


@dataclass(slots=True, eq=False)
class DrawRequest:
    """Pictures of one avatar: wanted at the moment `due`, useless after `deadline`, in seconds of the clock."""

    motions: list[Motion]
    avatar: Avatar
    due: float
    deadline: float
    begun: int = field(default=0, init=False)  # pictures

    @property
    def pixels(self) -> int:
        """Of one picture."""
        height, width = self.avatar.photo.shape[:2]
        return int(height * width)


Batch = list[tuple[DrawRequest, Motion]]


class DrawQueue:
    """Orders in the sequence of their due times; those of one moment in the sequence in which they came."""

    def __init__(self, predict: Callable[[Sequence[int]], float]) -> None:
        """`predict`: the seconds that a call takes for pictures of so many pixels each."""
        self._predict = predict
        self._orders: list[DrawRequest] = []

    def add(self, order: DrawRequest) -> None:
        """Note what somebody waits for."""
        self._orders.append(order)
        self._orders.sort(key=lambda waiting: waiting.due)

    def remove(self, order: DrawRequest) -> None:
        """Forget what is left of an order, if anything is."""
        self._orders = [waiting for waiting in self._orders if waiting is not order]

    def drop_late(self, now: float) -> list[DrawRequest]:
        """Forget the orders whose deadline is over, and return them."""
        late = [order for order in self._orders if order.deadline < now]
        self._orders = [order for order in self._orders if order.deadline >= now]
        return late

    def take(self, now: float) -> Batch:
        """The next call's pictures, earliest due first: as many as do not make the first of them late.

        Where the first is late already, as many as can still be shown. Empty if nothing waits.
        """
        call: Batch = []
        pixels: list[int] = []
        until = now
        for order in self._orders:
            for motion in order.motions[order.begun :]:
                pixels.append(order.pixels)
                end = now + self._predict(pixels)
                if not call:
                    until = min(order.due if end <= order.due else order.deadline, now + _LONGEST_CALL)
                elif end > until:
                    return self._begun(call)
                call.append((order, motion))
        return self._begun(call)

    def _begun(self, call: Batch) -> Batch:
        for order, _ in call:
            order.begun += 1
        self._orders = [order for order in self._orders if order.begun < len(order.motions)]
        return call
