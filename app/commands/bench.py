"""The command that measures the latency of the program on this machine. It knows what to measure with, not how."""

import json
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from liveface.app.measure import report as bench_report
from liveface.app.measure.bench import FULL, QUICK, measure
from liveface.app.measure.tables import grids, loopback_grid, show
from liveface.engine.errors import ConfigurationError
from liveface.engine.extras import installing

_WIDTH = 130  # characters, where the output is no terminal
_LOOPBACK = 20.0  # s


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repetitions and cases: under a minute.")] = False,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Also a live session of this length: delay, skips, drift, memory.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for bench.json, report.html and plots.")] = None,
    compare: Annotated[Path | None, typer.Option(help="An older bench.json: shows new / old of every number.")] = None,
    loopback: Annotated[
        str | None, typer.Option(help="Only this: window, file or webrtc, measured from outside, sound to photon.")
    ] = None,
) -> None:
    """Measure how fast everything is on this machine."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    if loopback is not None:
        if quick or out is not None or compare is not None:
            raise ConfigurationError("--loopback measures by itself: give it --seconds only.")
        _look_from_outside(loopback, seconds or _LOOPBACK, console)
        return
    if sys.platform != "linux":
        raise ConfigurationError(
            "bench reads memory and processor time as only Linux tells them: `liveface run --headless --audio FILE` "
            "measures delay and speed here."
        )
    old = None if compare is None else bench_report.read(compare)
    if out is not None:
        bench_report.require_writable(out)
        if find_spec("matplotlib") is None:
            raise ConfigurationError(
                f"The plots need the package matplotlib: {installing('plots')}, or leave out --out."
            )
    # Plain lines: a moving display would be work of our own between the measurements.
    numbers = measure(QUICK if quick else FULL, seconds, lambda step: print(f"{step} ...", file=sys.stderr, flush=True))
    show(console, grids(numbers, old))
    if out is not None:
        for path in bench_report.write(out, numbers, old):
            console.print(str(path), soft_wrap=True)
    print(json.dumps(numbers), flush=True)


def _look_from_outside(kind: str, seconds: float, console: Console) -> None:
    from liveface.app.measure.loopback import run_loopback

    report = asdict(run_loopback(kind, seconds))
    show(console, [loopback_grid(report)])
    print(json.dumps(report), flush=True)
