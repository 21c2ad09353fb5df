"""A benchmark's files: numbers, plots and a page are written, an older run's numbers read. It measures nothing."""

import base64
import json
import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from liveface.app.files.atomic_write import write_whole
from liveface.app.measure.bench import FORMAT, SIDE
from liveface.app.measure.plots import plots
from liveface.app.measure.tables import Grid, grids, highest_rate, milliseconds
from liveface.app.settings import DEFAULT_LOOKAHEAD
from liveface.engine.errors import ConfigurationError, OutputError
from liveface.engine.media import FPS

Numbers = Mapping[str, Any]

_MEANINGS = {
    "capture": "taking one picture's sound out of a microphone's queue; in a live session, how late a block is read",
    "window": "cutting sound into windows that hold their lookahead",
    "features": "log-mel of one frame",
    "motion": "one step of the motion network",
    "generator": "what drawing waits for the painting network: geometry is computed meanwhile",
    "compositor": "the rest of drawing: landmarks, bending the photo, laying the mouth in",
    "encode": "H.264 and AAC into a file, measured by itself; not part of a live picture",
    "present": "through the queue of frames to the sinks",
    "hear": "from sound to motion: window, features, motion, silence gate",
    "draw": "from motion to picture: generator and compositor",
    "picture": "everything but encoding",
    "cold": "the first run in the process",
    "warm": "the ten runs after it",
    "steady": "all later ones; percentiles without a phase are these",
    "mic to picture": "from the capture of the first sample of a picture's own 40 ms until the picture is handed over",
    "promised": "40 ms for the picture's own sound, 40 for each frame of lookahead, a block of 20 and 25 of hold",
    "real-time factor": f"pictures per second over {FPS}",
    "floor": "multiplications and additions of a network over the rate of a large float32 matrix product here",
}


def read(path: Path) -> Numbers:
    """An older run's numbers, from its bench.json or its output; raises `ConfigurationError`."""
    remedy = "give the bench.json of an earlier `liveface bench --out FOLDER`."
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read to compare with ({error.strerror}): {remedy}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not text: {remedy}") from error
    for candidate in (text, text.rpartition("\n")[2]):
        try:
            found = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and found.get("liveface_bench") == FORMAT:
            return found
    raise ConfigurationError(f"{path} is not a result of liveface bench, or of another version: {remedy}")


def require_writable(out: Path) -> None:
    """Make the folder `out`; raises `OutputError` if nothing can be written to it, before minutes of measuring."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise OutputError(
            f"The folder {out} cannot be written to ({error.strerror}): choose another with --out."
        ) from error


def write(out: Path, numbers: Numbers, old: Numbers | None) -> list[Path]:
    """Write bench.json, report.html and the plots into `out`, each complete or not at all; returns their paths.

    Raises `OutputError`.
    """
    pictures = plots(numbers)
    files = {
        "bench.json": (json.dumps(numbers, indent=1) + "\n").encode(),
        **pictures,
        "report.html": _page(numbers, old, pictures).encode(),
    }
    return [_replace(out / name, content) for name, content in files.items()]


def _replace(path: Path, content: bytes) -> Path:
    try:
        write_whole(path, content)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}): choose another folder with --out.") from error
    return path


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #f6f7f9; margin: 0; }
main { max-width: 1000px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 40px 0 10px; }
p { margin: 4px 0; } .quiet { color: #667080; font-size: 13px; white-space: pre-line; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 12px; margin: 24px 0; }
.tile { background: #fff; border: 1px solid #e2e5ea; border-radius: 10px; padding: 14px 16px; }
.tile b { display: block; font-size: 25px; line-height: 1.2; color: #1f5fa8; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; background: #fff; border: 1px solid #e2e5ea; border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 6px 14px; text-align: right; border-bottom: 1px solid #eceef2; white-space: nowrap; }
th { color: #667080; font-weight: 600; } tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { text-align: left; } .facts td:last-child { text-align: left; white-space: normal; }
img { width: 100%; background: #fff; border: 1px solid #e2e5ea; border-radius: 10px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; font-size: 14px; }
dt { font-weight: 600; } dd { margin: 0; color: #445; }
"""


def _page(numbers: Numbers, old: Numbers | None, pictures: Mapping[str, bytes]) -> str:
    """One page that needs no other file."""
    default = numbers["lookaheads"].get(str(DEFAULT_LOOKAHEAD), {}).get("mic_to_picture_ms") or {}
    tiles = (
        (f"{numbers['picture']['fps']:.1f}", f"pictures per second, {SIDE} px, one by one"),
        *((f"{rate:.1f}", "pictures per second, drawn ahead") for rate in highest_rate(numbers)),
        (f"{numbers['one_core']['fps']:.1f}", "on one core"),
        (f"{milliseconds(default.get('p50'))} ms", f"microphone to picture, p50, lookahead {DEFAULT_LOOKAHEAD}"),
        (f"{milliseconds(default.get('p95'))} ms", "its p95"),
        (f"{numbers['cold']['to_first_picture_s']:.1f} s", "from start to first picture"),
        (f"{numbers['memory_mb']['after_live']:.0f} MB", "of memory in a live session"),
    )
    machine = numbers["machine"]
    about = (
        f"{machine['cpu']}, {machine['cores']} cores. liveface {machine['liveface']}, commit "
        f"{machine['commit'] or 'unknown'}. Measured in {numbers['seconds']:.0f} s, while other programs used "
        f"{numbers['other_programs_percent']:.0f} % of the cores."
    )
    body = [
        "<h1>liveface: latency</h1>",
        f'<p class="quiet">{escape(about)}</p>',
        '<div class="tiles">',
        *(f'<div class="tile"><b>{escape(value)}</b>{escape(label)}</div>' for value, label in tiles),
        "</div>",
    ]
    body += [_section(grid, pictures.get(grid.plot)) for grid in grids(numbers, old)]
    meanings = "".join(f"<dt>{escape(name)}</dt><dd>{escape(meaning)}</dd>" for name, meaning in _MEANINGS.items())
    body.append(f"<h2>What the words mean</h2><dl>{meanings}</dl>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>liveface: latency</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n<body><main>\n'
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _section(grid: Grid, picture: bytes | None) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in grid.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in grid.rows)
    header = "" if grid.is_facts else f"<thead><tr>{head}</tr></thead>"
    note = f'<p class="quiet">{escape(grid.note)}</p>' if grid.note else ""
    kind = "facts" if grid.is_facts else "numbers"
    table = f'<table class="{kind}">{header}<tbody>{rows}</tbody></table>'
    image = ""
    if picture is not None:
        data = base64.b64encode(picture).decode("ascii")
        image = f'<p><img alt="{escape(grid.title)}" src="data:image/png;base64,{data}"></p>'
    return f'<h2>{escape(grid.title)}</h2>{image}<div class="wide">{table}</div>{note}'
