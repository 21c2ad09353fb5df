"""Which tests may be skipped where `CI` is true: those that need another machine, never those that lack a program."""

import os

import pytest

# How the reasons begin that no installation would mend. Whatever else is skipped fails there.
OF_THE_MACHINE = (
    "the training data is absent",
    "this machine has a GPU",
    "this machine has no GPU",
    "root may write anywhere",
    "needs Linux's list of open files",
    "the machine is too busy",
    "other programs keep this machine too busy",
    "npm cannot install the clients of others",  # the network
    "no generator in 8-bit integers is shipped",
)


def is_forbidden(report: pytest.TestReport | pytest.CollectReport) -> bool:
    """Whether a test was skipped that could have run."""
    if os.environ.get("CI") != "true" or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return False
    return not _reason(report).startswith(OF_THE_MACHINE)


def fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that says why."""
    report.longrepr = f"{_reason(report)}\nWhere CI is true no test is skipped for want of a program: install it."
    report.outcome = "failed"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    told = report.longrepr
    return (str(told[2]) if isinstance(told, tuple) else str(told)).removeprefix("Skipped: ")
