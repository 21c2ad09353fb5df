"""Tests of what a benchmark says about the machine, and of its processes of its own."""

import os
import subprocess

import pytest

from liveface.app.measure import machine as bench_machine
from liveface.app.measure.machine import OtherWork, describe, in_a_fresh_process, memory_mb, peak_memory_mb
from liveface.engine.errors import BackendError


def test_the_machine_and_the_program_are_described() -> None:
    found = describe()
    assert found["cores"] == len(os.sched_getaffinity(0))
    assert found["cpu"]
    assert {"numpy", "openvino"} <= set(found["libraries"])
    assert found["liveface"]


def test_outside_a_repository_the_commit_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_git(*_: object, **__: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", no_git)
    assert bench_machine.commit() is None


def test_memory_is_at_most_its_peak() -> None:
    assert 10 < memory_mb() <= peak_memory_mb()


def test_a_fresh_process_has_the_threads_and_the_cores_it_was_given() -> None:
    program = "import os; print(os.environ['OMP_NUM_THREADS'], len(os.sched_getaffinity(0)))"
    assert in_a_fresh_process(program, threads=3) == f"3 {len(os.sched_getaffinity(0))}"
    assert in_a_fresh_process(program, threads=1, is_confined=True) == "1 1"


def test_a_process_that_fails_is_an_error_in_a_sentence() -> None:
    with pytest.raises(BackendError, match=r"failed \(ValueError: no\): run it again"):
        in_a_fresh_process("raise ValueError('no')", threads=1)


def test_work_of_others_is_what_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    # busy, idle and own time, in ticks: of 200 ticks 120 were busy, of which 70 were ours
    readings = iter([(1000.0, 500.0, 30.0), (1120.0, 580.0, 100.0)])
    monkeypatch.setattr(OtherWork, "_jiffies", staticmethod(lambda: next(readings)))
    assert OtherWork().percent == 25.0


def test_the_system_tells_how_busy_it_is() -> None:
    assert 0.0 <= OtherWork().percent <= 100.0
