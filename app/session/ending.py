"""The signals that ask a program to end, noted instead of obeyed at once, so that what is open can be closed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Ending:
    """What has been asked for."""

    def __init__(self) -> None:
        self.signal: int | None = None

    @property
    def is_asked(self) -> bool:
        """Whether the program should end."""
        return self.signal is not None

    @property
    def is_interrupt(self) -> bool:
        """Whether it was by Ctrl-C."""
        return self.signal == signal.SIGINT


@contextmanager
def noted_signals() -> Iterator[Ending]:
    """SIGTERM, SIGHUP and Ctrl-C are noted until the end; a second one is obeyed. In another thread nothing changes."""
    ending = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            if signal.getsignal(number) is note:
                signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        ending.signal = number
        restore()

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield ending
    finally:
        restore()
