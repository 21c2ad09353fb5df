"""Time for tests of one thread: it stands still, and whoever waits moves it on."""

from collections.abc import Callable

from liveface.app.session.clock import Condition


class SteppingClock:
    """`then` is called with the time after each step, which lasts at most `step` seconds."""

    def __init__(self, then: Callable[[float], None] = lambda now: None, step: float = 0.005) -> None:
        self.moment = 100.0
        self.then = then
        self._step = step

    def now(self) -> float:
        return self.moment

    def condition(self) -> Condition:
        return _Step(self)

    def advance(self, seconds: float) -> None:
        until = self.moment + seconds
        while self.moment < until:
            self.moment = min(until, self.moment + self._step)
            self.then(self.moment)


class _Step:
    def __init__(self, clock: SteppingClock) -> None:
        self._clock = clock

    def __enter__(self) -> bool:
        return True

    def __exit__(self, *error: object) -> None:
        pass

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None, "nobody would wake it"
        self._clock.advance(timeout)
        return False

    def notify_all(self) -> None:
        pass
