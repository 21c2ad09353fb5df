"""The results of an evaluation as files: numbers with their definitions, plots, contact sheets. It measures nothing."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import cv2
import numpy as np

from liveface.engine.errors import OutputError
from liveface.engine.evaluate.lipsync import CLOSED_GAP, MAXIMUM_LAG, OPEN_GAP, SYNC_RANGE
from liveface.engine.evaluate.run import HEARD, LOUDNESS, NOISE_DBFS, TRUE_MOTION, TRUE_VIDEO, Curves, Row, Sheet
from liveface.engine.media import FPS, Picture

DEFINITIONS = {
    "IOD": "distance between the centres of the eyes, each midway between its two corners",
    "gap_correlation": "Pearson correlation of true and answered mouth opening, mean over clips",
    "gap_correlation_best_lag": "the same at the clip's own best lag: other corpora's sound may be out of step",
    "width_correlation, rounding_correlation": "of the corners' distance; of lips forward minus half of it",
    "width_size": "deviation of the answered width over that of the true one",
    "..._interval": "half of the 95 % interval of the mean over clips",
    "persons": "each person alone, and the mean in which every person counts alike",
    "lag": f"shift in frames, of +-{MAXIMUM_LAG}, of the best correlation (positive: late), mean over clips",
    "landmark_distance": "LMD: mean distance of 40 lip points (x, y), centred on their mean, pose removed, % of IOD",
    "landmark_distance_in_space": "the same in x, y and z and not centred: lips that move as a whole count too",
    "closure_recall": f"closures (opening under {CLOSED_GAP} IOD within a frame of p, b, m; if phones are unknown, "
    "between two openings) during which, or one frame beside which, the answer is closed too",
    "false_closures": f"share of frames open by more than {OPEN_GAP} IOD, as are their neighbours, but answered closed",
    "..._speaking": "the same over the frames that are not quiet: nobody hears a mouth that waits open",
    "opening_delay": "frames by which the first opening of the clip comes late, interpolated between frames",
    "opening_size": "deviation of the answered opening over that of the true one",
    "opening_20dB_quieter": "deviation of the opening for sound 20 dB quieter over that for the sound as it is",
    "lip_speed_ratio": "lip_speed over that of the film",
    "lip_speed": "mean way of a lip point from frame to frame, % of IOD",
    "quiet_motion": "lip_speed in frames whose loudness is in the lowest tenth of the clip's range",
    "silence_motion, noise_motion": f"lip_speed in 3 s of digital silence, and of white noise of {NOISE_DBFS:g} dBFS",
    "silence_opening, noise_opening": "widest opening there, % of IOD",
    "au*_f1": "F1 of presence (intensity >= 1) over all frames; base_rate: true share; chance_f1: always yes",
    "au*": "action units from landmarks of the answer; au_seen*: from its pictures by the action unit classifier",
    "psnr, ssim": "dB over RGB, peak 255, mean over frames that are not equal to the truth; luma BT.601, Gaussian "
    "window 11x11 of deviation 1.5, range 255; on crops cut "
    "upright and steady out of both videos: mouth 1.3 x 1.0 IOD at 128x96, (lower) face 2.6 x 2.0 IOD at 256x192",
    "cpbd": "cumulative probability that blur is not detected, whole picture at native size, every fifth frame",
    "sharpness": "root mean square gradient around the mouth at native resolution over that of the photo",
    "flicker": "mean absolute second difference of luma in time in the mouth crop, grey levels",
    "lse_d, lse_c": f"minimum, and median minus minimum, over +-{SYNC_RANGE} frames of the mean distance (0 to 2) of "
    "audio and video embeddings by the project's own sync expert: compare with the true video, not with other papers",
    "sync_within_1": "share of clips in which that minimum lies at most one frame from true synchrony",
}

_CAPTION = 18  # pixels, above each row of a contact sheet


def write(
    out: Path,
    about: Mapping[str, Any],
    rows: Sequence[Row],
    silence: Mapping[int, Mapping[str, float]],
    sheets: Sequence[Sheet] = (),
    curves: Sequence[Curves] = (),
    phones: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> list[Path]:
    """Write report.json, plots and contact sheets into the folder `out` and return their paths.

    `about`: what was measured on what (commit, hardware, model, corpus). `phones`: the phone table by language.
    Raises `OutputError` if `out` is unwritable.
    """
    content = {
        "about": dict(about),
        "definitions": DEFINITIONS,
        "silence": {str(lookahead): _finite(scores) for lookahead, scores in silence.items()},
        "phones": {language: _finite(scores) for language, scores in phones.items()},
        "rows": [
            {
                "system": row.system,
                "lookahead": row.lookahead,
                "group": row.group,
                "stage": row.stage,
                "clips": row.clips,
                "scores": _finite(row.scores),
            }
            for row in rows
        ],
    }
    written = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        written.append(_replace(out / "report.json", (json.dumps(content, indent=1) + "\n").encode()))
        for name, figure in _plots(rows, curves).items():
            written.append(_replace(out / name, figure))
        for sheet in sheets:
            _, data = cv2.imencode(".png", cv2.cvtColor(contact_sheet(sheet), cv2.COLOR_RGB2BGR))
            written.append(_replace(out / f"sheet_{sheet.title.replace(' ', '_')}.png", data.tobytes()))
    except OSError as error:
        raise OutputError(f"The report cannot be written to {out} ({error}): choose a writable folder.") from error
    return written


def contact_sheet(sheet: Sheet) -> Picture:
    """All rows under each other, each with its title: uint8 (H, W, 3)."""
    strips = []
    for caption, crops in sheet.rows:
        strip = np.concatenate(list(crops), axis=1)
        bar = np.full((_CAPTION, strip.shape[1], 3), 255, np.uint8)
        cv2.putText(bar, caption, (4, _CAPTION - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        strips += [bar, strip]
    return np.concatenate(strips, axis=0)


def _finite(scores: Mapping[str, float]) -> dict[str, float | None]:
    """JSON knows neither infinity (the PSNR of equal pictures) nor NaN (nothing to measure)."""
    return {name: round(value, 5) if math.isfinite(value) else None for name, value in scores.items()}


def _plots(rows: Sequence[Row], curves: Sequence[Curves]) -> dict[str, bytes]:
    """PNG files by name."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    plots = {}
    heard = [row for row in rows if row.system == HEARD and row.stage == "motion"]
    measures = {
        "gap_correlation": "correlation of mouth opening",
        "landmark_distance": "LMD, % of IOD",
        "closure_recall": "closures hit",
        "au_f1": "mean F1 of action units",
    }
    if heard:
        figure, axes = pyplot.subplots(2, 2, figsize=(9, 6), layout="constrained")
        for place, (name, label) in zip(axes.flat, measures.items(), strict=True):
            for group in sorted({row.group for row in heard}):
                points = [(row.lookahead, row.scores[name]) for row in heard if row.group == group]
                (line,) = place.plot(*zip(*points, strict=True), marker="o", label=f"{group} speakers")
                for row in rows:
                    if (row.system, row.group, row.stage) == (LOUDNESS, group, "motion"):
                        place.axhline(
                            row.scores[name], color=line.get_color(), linestyle=":", label=f"{group}, {LOUDNESS}"
                        )
            place.set(xlabel="lookahead, frames", ylabel=label)
        axes[0, 0].legend(fontsize=7)
        plots["lookahead.png"] = _png(figure)
    shown = curves[:6]
    if shown:
        figure, axes = pyplot.subplots(len(shown), 1, figsize=(9, 2 * len(shown)), layout="constrained", squeeze=False)
        truths = (TRUE_VIDEO, TRUE_MOTION)
        for place, one in zip(axes[:, 0], shown, strict=True):
            for name, gap in one.gaps.items():
                place.plot(np.arange(len(gap)) / FPS, 100 * gap, label=name, lw=2 if name in truths else 1)
            place.set(title=one.title, ylabel="opening, % of IOD")
        axes[-1, 0].set(xlabel="s")
        axes[0, 0].legend(fontsize=7)
        plots["openings.png"] = _png(figure)
    return plots


def _png(figure: Any) -> bytes:
    from io import BytesIO

    from matplotlib import pyplot

    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    pyplot.close(figure)
    return buffer.getvalue()


def _replace(path: Path, data: bytes) -> Path:
    """Write under a temporary name, then rename."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        temporary.write_bytes(data)
        return temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
