"""The command that tells whether everything works on this machine. Knows nothing of how that is found out."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from liveface.app.doctor import State, examine
from liveface.app.session.clock import MonotonicClock

_MARKS: dict[State, str] = {"good": "+", "absent": "-", "bad": "!"}


def doctor(
    headless: Annotated[bool, typer.Option("--headless", help="No window and no microphone are needed here.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON instead.")] = False,
) -> None:
    """Check that everything works here: one line each, + good, - absent but not needed, ! bad, with the remedy.

    The exit status is 1 if anything is bad.
    """
    findings = []
    for finding in examine(MonotonicClock(), needs_desktop=not headless):
        findings.append(finding)
        if not as_json:
            print(f"{_MARKS[finding.state]} {finding.subject}: {finding.text}", flush=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings]))
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)
