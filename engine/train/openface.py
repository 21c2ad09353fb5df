"""OpenFace's table of one video: Action Unit intensities on the program's own frame grid.

It knows OpenFace's columns (FeatureExtraction, versions 1 and 2), not which units a corpus needs elsewhere.
"""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import MediaError
from liveface.engine.face.action_units import ACTION_UNITS, MAXIMUM, PRESENT
from liveface.engine.media import FPS

Array = NDArray[np.float32]

_JUST_ABSENT = 0.9 * PRESENT


def read(table: Path, count: int) -> Array:
    """Intensities 0 to 5 of `count` pictures at 25 a second, float32 (count, 7) in the order of `ACTION_UNITS`.

    Each picture takes the row nearest in time. NaN: a unit that OpenFace lacks, a row where it found no face, a time
    after the last row. Where OpenFace also says present or absent, the intensity is brought to that side of `PRESENT`.
    Raises `MediaError` if the file is no such table.
    """
    columns = _columns(table)
    times = columns["timestamp"]
    wanted = np.arange(count) / FPS
    row = np.abs(times[None] - wanted[:, None]).argmin(axis=1)
    usable = (columns["success"][row] > 0) & (np.abs(times[row] - wanted) <= 1 / FPS)
    result = np.full((count, len(ACTION_UNITS)), np.nan, np.float32)
    for position, unit in enumerate(ACTION_UNITS):
        intensity = columns.get(f"AU{unit:02d}_r")
        if intensity is None:
            continue
        values = np.clip(intensity[row], 0.0, MAXIMUM)
        presence = columns.get(f"AU{unit:02d}_c")
        if presence is not None:
            here = presence[row] > 0
            values = np.where(here, np.maximum(values, PRESENT), np.minimum(values, _JUST_ABSENT))
        result[usable, position] = values[usable]
    return result


def _columns(table: Path) -> dict[str, NDArray[np.float64]]:
    """All columns by name; versions of OpenFace differ in the spaces before a name."""
    try:
        with table.open(newline="", encoding="utf-8") as file:
            names, *rows = [[field.strip() for field in row] for row in csv.reader(file) if row]
        values = np.array(rows, np.float64).reshape(len(rows), len(names))
    except (OSError, ValueError) as error:
        raise MediaError(f"{table} is not a readable OpenFace table ({error}): run FeatureExtraction again.") from error
    missing = {"timestamp", "success"} - set(names)
    if missing or not rows:
        fault = f"has no column {', '.join(sorted(missing))}" if missing else "has no rows"
        raise MediaError(f"{table} {fault}, expected OpenFace's FeatureExtraction output of one video: write it again.")
    return dict(zip(names, values.T, strict=True))
