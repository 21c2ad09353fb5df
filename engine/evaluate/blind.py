"""Blind choices between two ways of drawing: pairs of contact sheets, shuffled and unlabelled, and what was chosen.

It does not know who draws, or who chooses.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from liveface.engine.errors import MediaError, OutputError
from liveface.engine.face import face_space
from liveface.engine.media import Picture

KEY = "key.json"
_MOUTH = (200, 160)  # pixels of one mouth in a sheet, width and height
_ACROSS = 1.3  # IOD that it shows
_FACES = 4  # whole faces at the end of a row
_GAP = 12  # pixels between the two rows


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """One face saying something: `pictures` uint8 (T, H, W, 3) RGB; `points` (468, 2 or 3), its mesh in the photo."""

    pictures: Picture
    points: face_space.Array


def mouths(performance: Performance) -> Picture:
    """The enlarged mouth of each picture, uint8 (T, 160, 200, 3)."""
    points = performance.points[:, :2]
    middle = points[[face_space.CORNER_RIGHT, face_space.CORNER_LEFT]].mean(axis=0)
    scale = _MOUTH[0] / (_ACROSS * float(face_space.inter_ocular(points)))
    place = np.array(
        [[scale, 0.0, _MOUTH[0] / 2 - scale * middle[0]], [0.0, scale, 0.42 * _MOUTH[1] - scale * middle[1]]]
    )
    flags = cv2.INTER_CUBIC if scale > 1.0 else cv2.INTER_AREA
    return np.stack([cv2.warpAffine(one, place, _MOUTH, flags=flags) for one in performance.pictures]).astype(np.uint8)


def sheet(performance: Performance) -> Picture:
    """One row of mouths, and a few of the whole faces below it."""
    row = np.hstack(list(mouths(performance)))
    chosen = np.linspace(0, len(performance.pictures) - 1, _FACES).round().astype(int)
    width = row.shape[1] // _FACES
    height = width * performance.pictures.shape[1] // performance.pictures.shape[2]
    faces = [cv2.resize(performance.pictures[i], (width, height), interpolation=cv2.INTER_AREA) for i in chosen]
    below = np.zeros((height, row.shape[1], 3), np.uint8)
    below[:, : width * _FACES] = np.hstack(faces)
    return np.asarray(np.vstack([row, below]), np.uint8)


def write_sheets(performances: Sequence[tuple[str, Performance]], out: Path) -> list[Path]:
    """Write `out`/NAME.png for each name and performance; their paths. Raises `OutputError`."""
    files = []
    for name, performance in performances:
        files.append(out / f"{name}.png")
        _write(files[-1], sheet(performance))
    return files


def _write(file: Path, image: Picture) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        file.write_bytes(data.tobytes())
    except OSError as error:
        raise OutputError(f"{file} cannot be written ({error}): choose a writable folder.") from error


def write_pairs(pairs: Sequence[tuple[Performance, Performance]], out: Path, seed: int = 0) -> list[Path]:
    """Write `out`/pair_NN.png, each with both performances of a pair in random order, and the key; their paths.

    Raises `OutputError`.
    """
    random = np.random.default_rng(seed)
    first_is_upper = random.random(len(pairs)) < 0.5
    files = []
    for number, (pair, as_given) in enumerate(zip(pairs, first_is_upper, strict=True), start=1):
        upper, lower = (sheet(one) for one in (pair if as_given else pair[::-1]))
        between = np.full((_GAP, upper.shape[1], 3), 255, np.uint8)
        files.append(out / f"pair_{number:02}.png")
        _write(files[-1], np.asarray(np.vstack([upper, between, lower]), np.uint8))
    try:
        (out / KEY).write_text(json.dumps({"first_is_upper": first_is_upper.tolist()}) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{out / KEY} cannot be written ({error}): choose a writable folder.") from error
    return files


def tally(folder: Path, choices: str) -> tuple[int, int, int]:
    """How often the first, the second and neither was chosen; `choices`: for each pair u(pper), l(ower) or = (alike).

    Raises `MediaError` if the folder holds no key or the choices do not fit it.
    """
    try:
        first_is_upper = json.loads((folder / KEY).read_text(encoding="utf-8"))["first_is_upper"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{folder} holds no pairs to choose from ({error}): write them with --sheet first.") from error
    if len(choices) != len(first_is_upper) or set(choices) - set("ul="):
        raise MediaError(
            f"Found the choices {choices!r}, expected {len(first_is_upper)} letters: u (upper), l (lower) or = (alike)."
        )
    decided = [pair for pair in zip(choices, first_is_upper, strict=True) if pair[0] != "="]
    first = sum((choice == "u") == is_upper for choice, is_upper in decided)
    alike = choices.count("=")
    return first, len(choices) - alike - first, alike
