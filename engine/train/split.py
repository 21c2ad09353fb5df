"""Which recordings are learned from, which choose, and which report: every trainer and `evaluate` ask here, once.

A corpus may state it in `clips.csv` (columns speaker, clip, and split or fold, any of them), which preparing it copies
into the pack as `split.csv`. Without a table every ninth clip of a speaker with nine or more is for the report.
"""

import csv
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from liveface.engine.errors import ConfigurationError, MediaError

ClipName = tuple[str, str]  # speaker and name
Use = Literal["train", "validation", "test"]

PACK_TABLE, CORPUS_TABLE = "split.csv", "clips.csv"
TEST_EVERY = 9  # clips of a speaker, one is for the report
_USES: tuple[Use, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Role:
    """What a clip is for. `fold`: the half of a cross-fit that its speaker belongs to, empty outside of it."""

    use: Use = "train"
    fold: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """The role of every clip of a corpus."""

    roles: dict[ClipName, Role]

    @property
    def speakers(self) -> frozenset[str]:
        """Everyone in the corpus."""
        return frozenset(speaker for speaker, _ in self.roles)

    @property
    def folds(self) -> tuple[str, ...]:
        """The names of the cross-fit's parts, sorted."""
        return tuple(sorted({role.fold for role in self.roles.values()} - {""}))

    def strangers(self, fold: str) -> frozenset[str]:
        """Who is unknown to a model trained on `fold`: the speakers of all others. Raises `ConfigurationError`."""
        if fold not in self.folds:
            raise ConfigurationError(
                f"The corpus has no fold {fold!r}: choose one of {', '.join(self.folds) or 'none, as it names none'}."
            )
        return frozenset(name[0] for name, role in self.roles.items() if role.fold not in ("", fold))

    def learned(self, left_out: Collection[str] = ()) -> list[ClipName]:
        """The clips to learn from, sorted; nothing of the speakers `left_out`."""
        return sorted(name for name, role in self.roles.items() if role.use == "train" and name[0] not in left_out)

    def judged(self, use: Use, strangers: Collection[str] = ()) -> dict[str, list[ClipName]]:
        """The clips to judge by: those of people who were trained on ("seen"), and all of the `strangers` ("unseen").

        `use`: "validation" to choose, "test" to report; it does not matter for strangers, none of whose clips teach.
        """
        return {
            "seen": sorted(n for n, role in self.roles.items() if role.use == use and n[0] not in strangers),
            "unseen": sorted(name for name in self.roles if name[0] in strangers),
        }


def every_ninth(clips: Iterable[ClipName]) -> Split:
    """The split of a corpus that states none: of a speaker with nine clips or more, every ninth is for the report."""
    roles = {}
    for _, own in groupby(sorted(set(clips)), key=lambda clip: clip[0]):
        names = list(own)
        for position, name in enumerate(names):
            tested = len(names) >= TEST_EVERY and position % TEST_EVERY == 0
            roles[name] = Role("test" if tested else "train")
    return Split(roles)


def read(folder: Path, clips: Iterable[ClipName] = ()) -> Split:
    """The split of a corpus or of a pack; `clips` are those of a corpus without a table. Raises `MediaError`."""
    for name in (PACK_TABLE, CORPUS_TABLE):
        table = folder / name
        if table.is_file():
            stated = _read_table(table)
            if stated is not None:
                return stated
    return every_ninth([*clips, *_clips_of_pack(folder)])


def write(split: Split, pack: Path) -> None:
    """Keep the split with a pack."""
    lines = ["speaker,clip,split,fold"]
    lines += [f"{speaker},{clip},{r.use},{r.fold}" for (speaker, clip), r in sorted(split.roles.items())]
    temporary = pack / f".{PACK_TABLE}.part"
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(pack / PACK_TABLE)


def _clips_of_pack(pack: Path) -> set[ClipName]:
    """The clips of a pack; those that its preparation left out count, so that a stricter one keeps the same split."""
    clips = {(path.parent.name, path.stem) for path in pack.glob("*/*.npz")}
    description = pack / "pack.json"
    if description.is_file():
        unusable = json.loads(description.read_text(encoding="utf-8")).get("left_out", {})
        clips |= {(clip.partition("/")[0], clip.partition("/")[2]) for clip in unusable}
    return clips


def _read_table(table: Path) -> Split | None:
    """The split that a table states; None if it has neither a split nor a fold."""
    roles: dict[ClipName, Role] = {}
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        columns = set(reader.fieldnames or ())
        if not {"split", "fold"} & columns:
            return None
        if not {"speaker", "clip"} <= columns:
            raise MediaError(
                f"{table} has columns {reader.fieldnames}, expected speaker, clip, split, fold: restore it."
            )
        for row in reader:
            stated = row.get("split") or "train"
            use = next((use for use in _USES if use == stated), None)
            if use is None:
                raise MediaError(f"{table} says {stated!r} of {row['clip']}, expected one of {', '.join(_USES)}.")
            roles[row["speaker"], row["clip"]] = Role(use, row.get("fold") or "")
    return Split(roles)
