"""Recorded speakers on disk: finds the clips of a corpus, with what was said, whatever the folder's layout.

Layouts: GRID as distributed (any nesting, sound and alignments inside or beside), TCD-TIMIT (straight camera), and a
folder with `clips.csv`, `words.csv` and `grid/<speaker>/<clip>.mkv`. It opens no video and no sound.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from liveface.engine.errors import MediaError
from liveface.engine.media import HOP, SAMPLE_RATE

VIDEO_SUFFIXES = frozenset({".mpg", ".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v"})
_SOUND_SUFFIXES = frozenset({".wav", ".flac"})
_ALIGNMENT_RATE = 25_000  # units per second in GRID's .align files: a thousandth of a frame
_LABEL_RATE = 10_000_000  # units per second in HTK's label files, of which TCD-TIMIT has one for many clips

# Folders that say what a file is, not who speaks; the first other folder above a file names its speaker.
_NOT_SPEAKERS = frozenset(
    {"video", "audio", "align", "alignments", "mpg_6000", "mpg_vcd", "clips", "straightcam"}
    | {"audio_25k", "audio_50k", "wav", "grid", "volunteers", "lipspeakers"}
)
_OTHER_CAMERA = "30degcam"

_GRID_NAME = re.compile(r"[blps][bgrw][abiw][a-vxyz][0-9z][anps]")
_GRID_WORDS: tuple[dict[str, str], ...] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {},
    {"z": "zero", "0": "zero", "1": "one", "2": "two", "3": "three", "4": "four"}
    | {"5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine"},
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


@dataclass(frozen=True, slots=True)
class Segment:
    """One word or phone of a clip: first sample and the sample after its last, at 16 kHz; `sil` is silence."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Clip:
    """One recorded sentence. `audio` may be the video file itself; `openface` is its Action Unit table, if any."""

    speaker: str
    name: str
    video: Path
    audio: Path
    transcript: str  # lower case, empty when unknown
    words: tuple[Segment, ...]  # in time, empty when unknown
    phones: tuple[Segment, ...]  # in time, lower case, empty when unknown
    openface: Path | None


def find_clips(folder: Path) -> list[Clip]:
    """Every clip under `folder`, sorted by speaker and name; raises `MediaError` if there is none."""
    if not folder.is_dir():
        raise MediaError(f"The corpus folder {folder} does not exist: give the folder that holds the speakers.")
    listed = folder / "clips.csv"
    if listed.is_file():
        rows = _rows(listed, {"speaker", "clip"})
        videos = [folder / "grid" / row["speaker"] / f"{row['clip']}.mkv" for row in rows]
        beside = [video for video in videos if video.is_file()]
        words, phones = _words_of_table(folder / "words.csv"), {}
    else:
        beside = sorted(path for path in folder.rglob("*") if path.is_file() and _OTHER_CAMERA not in path.parts)
        videos = [path for path in beside if path.suffix.lower() in VIDEO_SUFFIXES]
        words = {_key(path): _words_of_alignment(path) for path in beside if path.suffix == ".align"}
        phones = {key: found for path in beside if path.suffix == ".mlf" for key, found in _phones_of_labels(path)}
    sounds = {_key(path): path for path in beside if path.suffix.lower() in _SOUND_SUFFIXES}
    clips: dict[tuple[str, str], Clip] = {}
    for video in videos:
        key = _key(video)
        known = clips.get(key)
        # GRID comes in two qualities; the larger file is the better one.
        if not video.is_file() or (known is not None and known.video.stat().st_size >= video.stat().st_size):
            continue
        spoken = words.get(key, ())
        table = video.with_suffix(".csv")
        clips[key] = Clip(
            *key,
            video,
            sounds.get(key, video),
            sentence_of(video.stem) or _text_beside(video) or " ".join(w.text for w in spoken if w.text != "sil"),
            spoken,
            phones.get(key, ()),
            table if table.is_file() else None,
        )
    if not clips:
        raise MediaError(
            f"{folder} holds no video clip, expected GRID's or TCD-TIMIT's folders or <speaker>/<clip>.mp4: "
            "give the folder that contains the speakers."
        )
    return [clips[key] for key in sorted(clips)]


def sentence_of(name: str) -> str:
    """The sentence that a GRID clip name encodes (`bbaf2n`: bin blue at f two now); empty for any other name."""
    if not _GRID_NAME.fullmatch(name):
        return ""
    return " ".join(words.get(letter, letter) for letter, words in zip(name, _GRID_WORDS, strict=True))


def _key(path: Path) -> tuple[str, str]:
    """Speaker and clip name that a file belongs to."""
    folders = [part for part in reversed(path.absolute().parent.parts) if part.lower() not in _NOT_SPEAKERS]
    return folders[0], path.stem


def _text_beside(video: Path) -> str:
    """The sentence in the .txt file next to a video, without TIMIT's two leading sample numbers."""
    file = video.with_suffix(".txt")
    if not file.is_file():
        return ""
    return " ".join(re.findall(r"[a-z']+", file.read_text(encoding="utf-8", errors="replace").lower()))


def _rows(table: Path, columns: set[str]) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = columns - set(reader.fieldnames or ())
        if missing:
            raise MediaError(f"{table} has no column {', '.join(sorted(missing))}: restore the table of the corpus.")
        return list(reader)


def _words_of_table(table: Path) -> dict[tuple[str, str], tuple[Segment, ...]]:
    """Words by clip from a table whose times are frames, possibly fractions."""
    if not table.is_file():
        return {}
    found: dict[tuple[str, str], list[Segment]] = {}
    for row in _rows(table, {"speaker", "clip", "start_frame", "end_frame", "word"}):
        start, end = round(float(row["start_frame"]) * HOP), round(float(row["end_frame"]) * HOP)
        found.setdefault((row["speaker"], row["clip"]), []).append(Segment(start, end, row["word"]))
    return {key: tuple(words) for key, words in found.items()}


def _words_of_alignment(file: Path) -> tuple[Segment, ...]:
    """Words of one GRID .align file: lines of start, end, word."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return tuple(_segment(line, _ALIGNMENT_RATE, file) for line in lines)


def _phones_of_labels(file: Path) -> Iterator[tuple[tuple[str, str], tuple[Segment, ...]]]:
    """Phones by clip of an HTK master label file: a quoted path, lines of start, end, phone, then a full stop."""
    key = ("", "")
    phones: list[Segment] = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith('"'):
            key, phones = _key(Path(line.strip().strip('"').replace("\\", "/"))), []
        elif line.strip() == ".":
            yield key, tuple(phones)
        elif not line.startswith("#"):
            phones.append(_segment(line, _LABEL_RATE, file))


def _segment(line: str, rate: int, file: Path) -> Segment:
    fields = line.split()
    if len(fields) != 3 or not (fields[0].isdigit() and fields[1].isdigit()):
        raise MediaError(f"{file} holds the line {line!r}, expected: start, end, what is said. Restore the file.")
    start, end = (round(int(value) * SAMPLE_RATE / rate) for value in fields[:2])
    return Segment(start, end, fields[2])
