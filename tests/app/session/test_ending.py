"""Tests of the signals that ask a program to end."""

import os
import signal
import threading

import pytest

from liveface.app.session.ending import Ending, noted_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_noted_and_everything_is_as_before_in_the_end(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with noted_signals() as ending:
        assert not ending.is_asked
        os.kill(os.getpid(), number)
        assert ending.is_asked
        assert ending.is_interrupt is (number is signal.SIGINT)
        assert signal.getsignal(number) is before  # a second one is obeyed
    assert signal.getsignal(number) is before


def test_in_another_thread_nothing_is_changed() -> None:
    found: list[Ending] = []
    before = signal.getsignal(signal.SIGTERM)

    def look() -> None:
        with noted_signals() as ending:
            found.append(ending)
            assert signal.getsignal(signal.SIGTERM) is before

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert not found[0].is_asked
