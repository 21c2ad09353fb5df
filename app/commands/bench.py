"""The command that measures the latency of the program on this machine. It knows what to measure with, not how."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app import bench_report
from app.bench import FULL, QUICK, measure
from app.bench_tables import show

_WIDTH = 130  # characters, where the output is no terminal


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer repetitions and cases: under a minute.")] = False,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Also a live session of this length: delay, skips, drift, memory.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A folder for bench.json, report.html and plots.")] = None,
    compare: Annotated[Path | None, typer.Option(help="An older bench.json: shows new / old of every number.")] = None,
) -> None:
    """Measure how fast everything is on this machine."""
    old = None if compare is None else bench_report.read(compare)
    if out is not None:
        bench_report.require_writable(out)
        if find_spec("matplotlib") is None:
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
    progress = Console(stderr=True)
    with progress.status("measuring") as status:
        numbers = measure(QUICK if quick else FULL, seconds, lambda step: status.update(f"measuring: {step}"))
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    show(console, numbers, old)
    if out is not None:
        for path in bench_report.write(out, numbers, old):
            console.print(str(path), soft_wrap=True)
    print(json.dumps(numbers), flush=True)
