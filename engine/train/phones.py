"""Phone labels in time: read from a table of alignments, or forced from what was said; it knows no features.

Labels are int8 at 100 Hz, one for each hop of `engine.hearing.features`: an index into `PHONES`, or -1 where nothing is
known.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import ConfigurationError, MediaError
from liveface.engine.media import SAMPLE_RATE, Samples
from liveface.engine.model.audio_encoder import PHONES

Labels = NDArray[np.int8]

RATE = 100  # labels per second
UNKNOWN = -1
_INDEX = {phone: index for index, phone in enumerate(PHONES)}
_COLUMNS = ("file", "start_s", "end_s", "phone")


def read_table(table: Path) -> dict[str, list[tuple[float, float, str]]]:
    """Alignments by file: start and end in seconds and the phone. A time without a row is unknown, not silence.

    The table is CSV with the columns file, start_s, end_s, phone. Raises `MediaError` if it is something else.
    """
    if not table.is_file():
        raise MediaError(f"The table of phones {table} does not exist: give a CSV with columns {', '.join(_COLUMNS)}.")
    found: dict[str, list[tuple[float, float, str]]] = {}
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not set(_COLUMNS) <= set(reader.fieldnames or ()):
            raise MediaError(f"{table} has columns {reader.fieldnames}, expected {', '.join(_COLUMNS)}.")
        for row in reader:
            found.setdefault(row["file"], []).append((float(row["start_s"]), float(row["end_s"]), row["phone"]))
    return found


def read_utterances(table: Path) -> list[dict[str, str]]:
    """The rows of a table of recordings: CSV with the columns file and speaker at least, language if it has many.

    Raises `MediaError` if it is something else.
    """
    if not table.is_file():
        raise MediaError(f"{table} does not exist, expected a table with columns file, speaker: restore it.")
    with table.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not {"file", "speaker"} <= set(reader.fieldnames or ()):
            raise MediaError(f"{table} has columns {reader.fieldnames}, expected file, speaker: restore it.")
        return list(reader)


def labels(segments: Sequence[tuple[float, float, str]], frames: int) -> Labels:
    """Labels int8 (4 * frames,) of segments (start and end in seconds, phone); noises and gaps are unknown."""
    result = np.full(4 * frames, UNKNOWN, np.int8)
    for start, end, phone in segments:
        result[round(start * RATE) : round(end * RATE)] = _INDEX.get(phone, UNKNOWN)
    return result


class Aligner:
    """Forces the phones of a known English sentence onto its sound, with pocketsphinx."""

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError as error:
            raise ConfigurationError(
                "Phone labels need pocketsphinx: install it with `pip install liveface[train]`, or train without them."
            ) from error
        # With its best-path pass, word starts stray by more than 100 ms.
        self._decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, bestpath=False, lm=None, loglevel="FATAL")

    def segments(self, pcm: Samples, transcript: str) -> list[tuple[float, float, str]]:
        """Start and end in seconds and the phone, for the whole recording; empty if the sentence does not fit it.

        Single letters are spoken as their names. Words that the dictionary lacks make the sentence unusable.
        """
        words = [self._spelling(word) for word in transcript.lower().split()]
        if not words or None in words:
            return []
        sound = np.clip(pcm * (0.7 * 32767 / max(float(np.abs(pcm).max()), 1e-4)), -32768, 32767).astype(np.int16)
        try:
            self._decoder.set_align_text(" ".join(word for word in words if word))
            self._decode(sound)
            self._decoder.set_alignment()  # of the words just found: their phones
            self._decode(sound)
            aligned = self._decoder.get_alignment()
        except RuntimeError:
            return []
        phones = [phone for word in aligned for phone in word] if aligned else []
        return [(p.start / RATE, (p.start + p.duration) / RATE, p.name) for p in phones]

    def _spelling(self, word: str) -> str | None:
        for spelling in (f"{word}.", word) if len(word) == 1 else (word,):
            if self._decoder.lookup_word(spelling):
                return spelling
        return None

    def _decode(self, sound: NDArray[np.int16]) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(sound.tobytes(), full_utt=True)
        self._decoder.end_utt()
