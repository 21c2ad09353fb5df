"""A benchmark's numbers as plots, PNG files. It measures nothing."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from liveface.app.measure.bench import SIDE, STAGES
from liveface.app.measure.tables import FRAME_MS, milliseconds, usable
from liveface.app.settings import DEFAULT_LOOKAHEAD
from liveface.engine.media import FPS

Numbers = Mapping[str, Any]

_BLUE, _LIGHT, _ORANGE, _GREEN, _VIOLET, _GREY = "#1f5fa8", "#a9c7e8", "#d9762b", "#2a7f62", "#8250a8", "#8a8f98"
_COLOURS = (_BLUE, _ORANGE, _GREEN, _VIOLET, _GREY)


def plots(numbers: Numbers) -> dict[str, bytes]:
    """PNG files by name."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    look: dict[Any, Any] = {
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": _GREY,
        "grid.color": "#e6e8eb",
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "legend.frameon": False,
        "legend.fontsize": 9,
    }
    with pyplot.rc_context(look):
        made = {
            "stages.png": _plot_stages(numbers),
            "lookahead.png": _plot_lookaheads(numbers),
            "batch.png": _plot_batches(numbers),
        }
        if "soak" in numbers:
            made["soak.png"] = _plot_soak(numbers["soak"])
    return made


def _plot_stages(numbers: Numbers) -> bytes:
    from matplotlib import pyplot

    rows = [
        (stage, found["cold"], found["steady"])
        for stage in (*STAGES, "picture")
        if (found := numbers["stages_ms"].get(stage)) is not None and found["steady"] is not None
    ]
    figure, place = pyplot.subplots(figsize=(9, 0.5 * len(rows) + 1.3), layout="constrained")
    for row, (stage, cold, steady) in enumerate(reversed(rows)):
        colour = _BLUE if stage in STAGES else _GREEN
        once = row == len(rows) - 1
        place.hlines(row, steady["p50"], steady["max"], color=_GREY, lw=1.2, label="to the longest" if once else "")
        place.hlines(row, steady["p50"], steady["p99"], color=_LIGHT, lw=7, label="p50 to p99" if once else "")
        place.hlines(row, steady["p50"], steady["p95"], color=colour, lw=7, label="p50 to p95" if once else "")
        place.plot(steady["p50"], row, "o", color="white", mec=colour, mew=2, ms=9, label="p50" if once else "")
        place.plot(cold, row, "x", color=_ORANGE, ms=7, mew=2, label="first run" if once else "")
        place.annotate(
            f"{milliseconds(steady['p50'])}",
            (steady["p50"], row),
            (0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )
    place.axvline(FRAME_MS, color=_ORANGE, lw=1, ls="--")
    place.annotate(
        f"one frame, {FRAME_MS:.0f} ms",
        (FRAME_MS, len(rows) - 0.45),
        (4, 0),
        textcoords="offset points",
        color=_ORANGE,
    )
    place.set(
        xscale="log",
        yticks=range(len(rows)),
        yticklabels=[stage for stage, _, _ in reversed(rows)],
        ylim=(-0.6, len(rows) - 0.1),
        xlabel="ms, logarithmic",
        title=f"Each stage of a picture, {SIDE} x {SIDE}, one after another",
    )
    place.xaxis.set_major_formatter("{x:g}")
    place.grid(visible=False, axis="y")
    place.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=5)
    return _png(figure)


def _plot_lookaheads(numbers: Numbers) -> bytes:
    from matplotlib import pyplot

    found = {int(ahead): one for ahead, one in numbers["lookaheads"].items()}
    measured = {ahead: one["mic_to_picture_ms"] for ahead, one in found.items() if one["mic_to_picture_ms"]}
    figure, (delays, lips) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    delays.plot(
        list(found),
        [one["promised_ms"] for one in found.values()],
        color=_GREY,
        ls="--",
        label="at most, when nothing is late",
    )
    if measured:
        delays.fill_between(
            list(measured),
            [one["p50"] for one in measured.values()],
            [one["p95"] for one in measured.values()],
            color=_LIGHT,
            label="p50 to p95",
        )
        for name, colour in (("p50", _BLUE), ("p95", _ORANGE)):
            delays.plot(list(measured), [one[name] for one in measured.values()], "o-", color=colour, label=name)
    delays.set(
        xlabel="lookahead, frames of 40 ms", ylabel="microphone to picture, ms", title="What it costs", ylim=(0, None)
    )
    delays.legend(loc="upper left")
    quality = {int(ahead): one for ahead, one in numbers["quality"]["lookahead"].items()}
    for name, label, colour in (("S r", "known speaker, held-out clips", _BLUE), ("U r", "strangers", _GREEN)):
        values = [one[name] for one in quality.values()]
        lips.plot(list(quality), values, "o-", color=colour, label=label)
        for ahead, value in zip(quality, values, strict=True):
            lips.annotate(f"{value:.3f}", (ahead, value), (0, 7), textcoords="offset points", ha="center", fontsize=8)
    lips.set(
        xlabel="lookahead, frames of 40 ms",
        ylabel="correlation of mouth opening",
        title=f"What it brings ({numbers['quality']['source']})",
    )
    lips.margins(y=0.15)
    lips.legend(loc="center right")
    for place in (delays, lips):
        place.axvline(DEFAULT_LOOKAHEAD, color=_GREY, lw=1, ls=":")
        place.set_xticks(list(quality))
    return _png(figure)


def _plot_batches(numbers: Numbers) -> bytes:
    from matplotlib import pyplot

    figure, place = pyplot.subplots(figsize=(9, 4.2), layout="constrained")
    ticks: set[int] = set()
    for (name, found), colour in zip(usable(numbers).items(), _COLOURS, strict=False):
        batches = {int(batch): one for batch, one in found["batches"].items()}
        ticks.update(batches)
        place.plot(
            list(batches), [one["fps"] for one in batches.values()], "o-", color=colour, label=f"{name}: pictures"
        )
        place.plot(
            list(batches),
            [one["generator_fps"] for one in batches.values()],
            "s:",
            color=colour,
            ms=4,
            label=f"{name}: generator alone",
        )
    place.axhline(FPS, color=_GREY, lw=1, ls="--")
    place.annotate(
        "real time", (max(ticks, default=1), FPS), (0, 4), textcoords="offset points", ha="right", color=_GREY
    )
    place.set(
        xlabel="batch: pictures drawn at once",
        ylabel="pictures per second",
        title=f"Throughput against batch, {SIDE} x {SIDE}",
        ylim=(0, None),
    )
    place.set_xscale("log", base=2)
    place.set_xticks(sorted(ticks), [str(tick) for tick in sorted(ticks)])
    place.minorticks_off()
    if ticks:
        place.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _png(figure)


def _plot_soak(soak: Numbers) -> bytes:
    from matplotlib import pyplot

    figure, (delays, memory) = pyplot.subplots(2, 1, figsize=(9, 5), layout="constrained", sharex=True)
    for index, label, colour in ((1, "p50", _BLUE), (2, "p95", _ORANGE)):
        curve = soak["curves"]["mic_to_picture_ms"]
        delays.plot([one[0] for one in curve], [one[index] for one in curve], color=colour, label=label)
    delays.set(ylabel="microphone to picture, ms", title="A live session over its time")
    delays.legend(loc="lower right", ncols=2)
    memory.plot(*zip(*soak["curves"]["memory_mb"], strict=True), color=_GREEN)
    memory.set(ylabel="memory, MB", xlabel="s")
    for place in (delays, memory):
        place.set_ylim(0.0, 1.1 * place.get_ylim()[1])
    return _png(figure)


def _png(figure: Any) -> bytes:
    from matplotlib import pyplot

    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    pyplot.close(figure)
    return buffer.getvalue()
