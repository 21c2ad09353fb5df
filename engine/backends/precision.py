"""The arithmetic that a network shall run in: a decision from measurements, remembered between runs.

It knows no inference library: a back end measures its candidates, and asks here.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.engine.face.condition import CONDITION_SIZE
from liveface.engine.face.mouth import CROP_SIZE, IDENTITY_CHANNELS, INPUT_CHANNELS
from liveface.engine.folders import cache_folder

Array = NDArray[np.float32]

REFERENCE = "f32"  # the precision of training, which is always exact enough
MEAN_LIMIT = 2 / 255  # mean difference from the reference, of values from 0 to 1: below what an eye can see
WORST_LIMIT = 32 / 255  # largest difference of a single value, likewise
_WORTH = 0.9  # share of the reference's time that a less exact precision must stay below to be chosen
_REMEMBERED = 32  # decisions kept in the file
_WARM_RUNS, _TIMED_RUNS = 2, 8


@dataclass(frozen=True, slots=True)
class Trial:
    """One precision measured: processor `seconds` of a run, `mean` and `worst` error from the reference, 0 to 1."""

    seconds: float
    mean: float
    worst: float

    @property
    def is_exact_enough(self) -> bool:
        """Whether the pictures are the reference's to the eye; never true of a result that is not finite."""
        return self.mean <= MEAN_LIMIT and self.worst <= WORST_LIMIT


def measure(run: Callable[[], Sequence[Array]], reference: Sequence[Array]) -> Trial:
    """Cost of a run, the quickest of a few, and its difference from the reference's results.

    Processor time is counted, so that what other programs do meanwhile does not decide.
    """
    for _ in range(_WARM_RUNS):
        outputs = run()
    seconds = []
    for _ in range(_TIMED_RUNS):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    differences = np.concatenate(
        [np.abs(one - other).ravel() for one, other in zip(outputs, reference, strict=True)], dtype=np.float32
    )
    return Trial(min(seconds), float(differences.mean()), float(differences.max()))


def choose(trials: Mapping[str, Trial]) -> str:
    """Name the fastest precision that is exact enough; the reference, unless another is faster by a tenth."""
    reference = trials[REFERENCE]
    usable = {
        name: trial.seconds
        for name, trial in trials.items()
        if trial.is_exact_enough and trial.seconds < _WORTH * reference.seconds
    }
    return min(usable, key=usable.__getitem__) if usable else REFERENCE


def memory_file() -> Path:
    """Where decisions are kept for this user; the file need not exist."""
    return cache_folder() / "precision.json"


def recall(file: Path, key: str, names: Collection[str]) -> str | None:
    """The decision kept under `key` if it is one of `names`; a file that is missing or broken holds none."""
    found = _read(file).get(key)
    return found if found in names else None


def remember(file: Path, key: str, name: str) -> None:
    """Keep a decision; where the file cannot be written, the next start measures again."""
    decisions = _read(file)
    decisions.pop(key, None)
    kept = dict([*decisions.items(), (key, name)][-_REMEMBERED:])
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as writer:
                json.dump(kept, writer, indent=1)
            Path(temporary).replace(file)
        finally:
            Path(temporary).unlink(missing_ok=True)


def _read(file: Path) -> dict[str, str]:
    try:
        decisions = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(decisions, dict):
        return {}
    return {key: name for key, name in decisions.items() if isinstance(name, str)}


def probe() -> tuple[Array, Array, Array]:
    """A drawn face's open mouth, always the same, to run the drawing networks on.

    Returns `photo` (1, 4, 128, 160), `inputs` (1, 8, 128, 160) and `told` (1, CONDITION_SIZE) as an
    `engine.backends.painter.Painter` takes.
    """
    width, height = CROP_SIZE
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)

    def oval(centre: float, reach_x: float, reach_y: float) -> Array:
        distance = np.hypot(x / reach_x, (y - centre) / reach_y)
        return np.asarray(np.clip((1.0 - distance) * 12.0, 0.0, 1.0), np.float32)

    lips, inner = oval(0.05, 0.62, 0.48), oval(0.05, 0.45, 0.24)
    texture = 0.02 * np.sin(37.0 * x + 11.0 * y) * np.sin(29.0 * y)
    shade = 0.85 - 0.15 * x - 0.10 * y + texture
    skin, lip = np.array([0.78, 0.58, 0.48]), np.array([0.66, 0.36, 0.36])
    face = (skin[:, None, None] * (1.0 - lips) + lip[:, None, None] * lips) * shade
    upper, lower = inner * oval(-0.12, 0.40, 0.18), inner * oval(0.24, 0.34, 0.14)
    closed = oval(0.05, 0.45, 0.02)
    photo = np.concatenate([face, closed[None]])
    inputs = np.concatenate([face, np.stack([inner, lips, upper, lower, 0.0 * inner])])
    assert len(photo) == IDENTITY_CHANNELS
    assert len(inputs) == INPUT_CHANNELS
    told = np.linspace(1.5, -1.0, CONDITION_SIZE)
    return photo[None].astype(np.float32), inputs[None].astype(np.float32), told[None].astype(np.float32)
