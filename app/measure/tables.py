"""A benchmark's numbers as tables: of a terminal, or without a look for a page. It measures nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from liveface.app.measure.bench import SIDE, STAGES, SUMS
from liveface.app.settings import DEFAULT_LOOKAHEAD
from liveface.engine.bench import ratios
from liveface.engine.media import FPS

Numbers = Mapping[str, Any]

PERCENTILES = ("p50", "p95", "p99", "max")
FRAME_MS = 1000 / FPS

_NOTABLE = 0.05  # a ratio further from 1 than this is marked
_MORE_IS_BETTER = ("fps", "real_time_factor", "generator_fps")
_NOT_COMPARED = ("liveface_bench", "machine", "quality", "overhead", "other_programs_percent", "seconds")
_NO_MEASUREMENT = ("count", "seconds", "frames", "operations", "threads", "promised_ms", "slope", "standard_error")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table without a look; where all its `columns` are nameless, each row is a fact with its name first.

    `plot`: the name of the picture file that belongs to it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    plot: str = ""

    @property
    def is_facts(self) -> bool:
        """Whether each row is a fact with its name."""
        return not any(self.columns)


def show(console: Console, shown: Sequence[Grid]) -> None:
    """Print tables."""
    for grid in shown:
        table = Table(*grid.columns, show_header=not grid.is_facts, box=box.SIMPLE_HEAD)
        for column in table.columns[1:]:
            column.justify = "left" if grid.is_facts else "right"
        for row in grid.rows:
            table.add_row(*map(Text, row))
        console.print(Text(grid.title, "bold"), table, sep="")
        if grid.note:
            console.print(Text(grid.note, "dim"), "")


def grids(numbers: Numbers, old: Numbers | None) -> list[Grid]:
    """All tables, in the order in which they are read; `old` adds the comparison."""
    made = [_machine(numbers), _overview(numbers), _stages(numbers), _lookaheads(numbers)]
    made += [_back_ends(numbers), _batches(numbers), _floor(numbers)]
    if "soak" in numbers:
        made.append(_soak(numbers["soak"]))
    if old is not None:
        made.append(_comparison(numbers, old))
    return made


def _machine(numbers: Numbers) -> Grid:
    machine = numbers["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    return Grid(
        "Machine and program",
        ("", ""),
        [
            ("processor", f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mb'] / 1024:.0f} GB"),
            ("system", f"{machine['os']}, Python {machine['python']}"),
            ("liveface", f"{machine['liveface']}, commit {machine['commit'] or 'unknown'}, {numbers['precision']}"),
            ("libraries", libraries),
            ("other programs", f"used {numbers['other_programs_percent']:.0f} % of the cores meanwhile"),
        ],
    )


def _overview(numbers: Numbers) -> Grid:
    picture, cold, memory, cost = (numbers[key] for key in ("picture", "cold", "memory_mb", "overhead"))
    parts = f"program {cold['program_s']:.2f}, motion network {cold['motion_network_s']:.2f}, "
    parts += f"drawing networks {cold['drawing_networks_s']:.2f}, avatar {cold['avatar_s']:.2f}"
    return Grid(
        f"One session at {SIDE} x {SIDE}",
        ("", ""),
        [
            (
                "pictures per second",
                f"{picture['fps']:.1f} ({picture['real_time_factor']:.2f} x real time), live order",
            ),
            *(("drawn ahead", f"{rate:.1f} ({rate / FPS:.2f} x)") for rate in highest_rate(numbers)),
            ("on one core", f"{numbers['one_core']['fps']:.1f} ({numbers['one_core']['real_time_factor']:.2f} x)"),
            ("first picture after", f"{cold['to_first_picture_s']:.2f} s ({parts})"),
            ("memory", f"{memory['after_live']:.0f} MB after live sessions, {memory['most']:.0f} MB at most"),
            (
                "cost of measuring",
                f"{cost['percent']:+.2f} +- {cost['standard_error_percent']:.2f} % of a picture measured, "
                f"{cost['calculated_percent']:.2f} % calculated",
            ),
        ],
    )


def _stages(numbers: Numbers) -> Grid:
    rows = []
    for stage in (*STAGES, *SUMS):
        found = numbers["stages_ms"].get(stage)
        if found is not None:
            warm, steady = found["warm"] or {}, found["steady"] or {}
            values = [found["cold"], warm.get("p50"), *(steady.get(name) for name in PERCENTILES)]
            rows.append((stage, *map(milliseconds, values)))
    return Grid(
        f"Stages of a picture at {SIDE} x {SIDE}, ms",
        ("stage", "cold", "warm p50", *(f"steady {name}" for name in PERCENTILES)),
        rows,
        f"A picture has {FRAME_MS:.0f} ms. hear, draw and picture are sums; picture is without encoding.",
        "stages.png",
    )


def _lookaheads(numbers: Numbers) -> Grid:
    rows = []
    for ahead, found in numbers["lookaheads"].items():
        delay, quality = found["mic_to_picture_ms"] or {}, numbers["quality"]["lookahead"].get(ahead, {})
        rows.append(
            (
                ahead,
                f"{found['promised_ms']:.0f}",
                *(milliseconds(delay.get(name)) for name in PERCENTILES),
                f"{found['fps']:.1f}",
                str(found["skipped"]),
                *(f"{quality[name]:.3f}" if name in quality else "-" for name in ("S r", "U r")),
            )
        )
    return Grid(
        "Live sessions: microphone to picture, ms",
        ("lookahead", "promised", *PERCENTILES, "fps", "skipped", "S r", "U r"),
        rows,
        f"S r and U r: {numbers['quality']['source']}; correlation of mouth opening, known speaker and strangers.",
        "lookahead.png",
    )


def _back_ends(numbers: Numbers) -> Grid:
    running = usable(numbers)
    sides = list(next(iter(running.values()))["sides"]) if running else []
    rows = [
        (
            name,
            f"{found['load_s']:.2f}",
            milliseconds(found["generator_ms"]["p50"]),
            milliseconds(found["generator_ms"]["p95"]),
            *(f"{found['sides'][side]['fps']:.1f}" for side in sides),
        )
        for name, found in running.items()
    ]
    absent = [f"{name}: {found['reason']}" for name, found in numbers["backends"].items() if not found["available"]]
    return Grid(
        "Back ends: generator alone in ms, whole pictures per second",
        ("back end", "load s", "generator p50", "p95", *(f"fps {side} px" for side in sides)),
        rows,
        "\n".join(["Cannot run here:", *absent] if absent else []),
    )


def _batches(numbers: Numbers) -> Grid:
    running = usable(numbers)
    batches = list(next(iter(running.values()))["batches"]) if running else []
    return Grid(
        f"Pictures per second against batch at {SIDE} x {SIDE}: drawn (and painted by the generator alone)",
        ("batch", *running),
        [
            (
                batch,
                *(
                    f"{found['batches'][batch]['fps']:.1f} ({found['batches'][batch]['generator_fps']:.1f})"
                    for found in running.values()
                ),
            )
            for batch in batches
        ],
        plot="batch.png",
    )


def _floor(numbers: Numbers) -> Grid:
    found = numbers["floor"]
    title = "Floor: operations over the peak of this machine"
    if "reason" in found:
        return Grid(title, ("not computed",), [(found["reason"],)])
    peaks = ", ".join(f"{rate:.0f} GFLOP/s on {threads}" for threads, rate in found["peak_gflops"].items())
    return Grid(
        title,
        ("network", "MFLOP", "threads", "floor ms", "measured ms", "times the floor"),
        [
            (
                name,
                f"{part['operations'] / 1e6:.1f}",
                str(part["threads"]),
                milliseconds(part["floor_ms"]),
                milliseconds(part["measured_ms"]),
                f"{part['times_the_floor']:.1f}",
            )
            for name, part in found.items()
            if name != "peak_gflops"
        ],
        f"Peak: a product of large float32 matrices, {peaks} threads. Both networks in float32.",
    )


def _soak(soak: Numbers) -> Grid:
    delay = soak["mic_to_picture_ms"] or {}
    memory = soak["memory_mb"]
    return Grid(
        f"A live session of {soak['seconds']:.0f} s, lookahead {DEFAULT_LOOKAHEAD}",
        ("", ""),
        [
            ("microphone to picture, ms", ", ".join(f"{name} {milliseconds(delay.get(name))}" for name in PERCENTILES)),
            ("pictures", f"{soak['fps']:.2f} per second; {soak['skipped']} of {soak['frames']} skipped"),
            ("sound lost", f"{soak['lost_ms']} ms"),
            ("drift of pictures against sound", f"{_slope(soak['drift_ms_per_hour'])} ms per hour"),
            ("memory", f"{memory['first']:.1f} MB at the start, {memory['last']:.1f} at the end"),
            ("memory slope", f"{_slope(soak['memory_mb_per_hour'])} MB per hour"),
        ],
        "Slopes with their standard errors. The session's own bounded buffers fill up in its first two minutes.",
        "soak.png",
    )


def loopback_grid(report: Numbers) -> Grid:
    """What the self-test from outside found: an `app.measure.loopback.LoopbackReport` as a mapping."""
    delay, offset = report["sound_to_photon_ms"], report["av_offset_ms"]
    if report["kind"] == "webrtc":
        title = "From a peer's microphone track to what comes back to it over WebRTC"
    else:
        microphone = "a virtual microphone"
        source = microphone if report["microphone"] else f"a file at real time, for want of {microphone},"
        title = f"From {source} to what a {report['kind']} shows"
    arrival = report["arrival_offset_ms"]
    return Grid(
        title,
        ("", ""),
        [
            ("sound to photon, ms", ", ".join(f"{name} {milliseconds(delay[name])}" for name in ("p50", "p95", "p99"))),
            ("sound later than picture, ms", _offset(offset)),
            *([("the same by arrival, ms", _offset(arrival))] if arrival else []),
            (
                "drift",
                f"{report['drift_ms_per_hour']:+.1f} +- {report['drift_error_ms_per_hour']:.1f} ms per hour (95 %)",
            ),
            ("pictures", f"{report['frames']} seen, {report['missed']} missed"),
            ("clicks", str(report["clicks"])),
        ],
        f"A picture may have been there {milliseconds(report['glance_ms'])} ms earlier than it was seen (p95).",
    )


def _offset(offset: Numbers) -> str:
    return f"p50 {offset['p50']:+.1f}, p95 of its size {offset['p95']:.1f}"


def _comparison(numbers: Numbers, old: Numbers) -> Grid:
    rows = []
    for name, (before, ratio) in ratios(*(_comparable(one) for one in (numbers, old))).items():
        last = name.rpartition(".")[2]
        if last in _NO_MEASUREMENT:
            continue
        gain = ratio if last in _MORE_IS_BETTER or "peak_gflops" in name else 1 / ratio
        mark = "" if abs(gain - 1) < _NOTABLE else ("better" if gain > 1 else "worse")
        rows.append((name, f"{before:.6g}", f"{before * ratio:.6g}", f"{ratio:.3f}", mark))
    commits = " to ".join(str(one["machine"]["commit"]) for one in (old, numbers))
    return Grid(f"Compared, {commits}: new / old", ("measurement", "old", "new", "new / old", ""), rows)


def _comparable(numbers: Numbers) -> Numbers:
    return {key: value for key, value in numbers.items() if key not in _NOT_COMPARED}


def usable(numbers: Numbers) -> dict[str, Numbers]:
    """The back ends that ran, by name."""
    return {name: found for name, found in numbers["backends"].items() if found["available"]}


def highest_rate(numbers: Numbers) -> list[float]:
    """The pictures per second of the CPU's back end in use, at its best batch; empty if it did not run."""
    found = usable(numbers).get(f"openvino {numbers['precision']}")
    return [] if found is None else [max(one["fps"] for one in found["batches"].values())]


def milliseconds(value: float | None) -> str:
    """With two places below 10, else one."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _slope(found: Numbers | None) -> str:
    return "-" if found is None else f"{found['slope']:+.2f} +- {found['standard_error']:.2f}"
