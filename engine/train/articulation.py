"""What lips and tongue do in each speech sound, whatever the language; it knows no sound and no face.

Phones are named in IPA, in the CMU dictionary's capitals, or in the letters that the synthesiser Kokoro gives to
diphthongs. All of them are described by the same twelve features of 0 to 1 (after the IPA chart), so a mouth learned
from English speaks other languages.
"""

import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from liveface.engine.model.audio_encoder import PHONES

Array = NDArray[np.float32]
Segments = Sequence[tuple[float, float, str]]  # start and end in seconds, and the phone

FEATURES = (
    "silence",
    "bilabial",
    "labiodental",
    "rounded",
    "spread",
    "open",
    "vowel",
    "front",
    "dental",
    "sibilant",
    "back",
    "nasal",
)
SILENCE, BILABIAL, LABIODENTAL, ROUNDED, SPREAD, OPEN = range(6)
RATE = 100  # labels per second

BILABIALS, LABIODENTALS = frozenset("pbm"), frozenset("fv")
ROUNDED_SOUNDS, SPREAD_SOUNDS = frozenset("uow"), frozenset("ie")
# Vowels by height; the letters of one level are spoken with about the same opening.
HEIGHTS = {"close": frozenset("iuyɨɪʊ"), "mid": frozenset("eoəɛɔɜɤ"), "open": frozenset("aɑæɐɒʌ")}

# Rounded, spread, open and front of the vowels.
_VOWELS = {
    "i": (0.0, 1.0, 0.1, 1.0), "ɪ": (0.0, 0.7, 0.25, 0.8), "e": (0.0, 0.8, 0.4, 0.9), "ɛ": (0.0, 0.5, 0.6, 0.8),
    "æ": (0.0, 0.5, 0.85, 0.7), "a": (0.0, 0.2, 1.0, 0.4), "ɑ": (0.0, 0.0, 1.0, 0.0), "ɒ": (0.5, 0.0, 0.9, 0.0),
    "ɔ": (0.7, 0.0, 0.7, 0.0), "o": (0.9, 0.0, 0.45, 0.0), "ʊ": (0.7, 0.0, 0.3, 0.1), "u": (1.0, 0.0, 0.15, 0.0),
    "ʌ": (0.0, 0.1, 0.65, 0.2), "ɐ": (0.0, 0.1, 0.75, 0.3), "ə": (0.1, 0.1, 0.35, 0.4), "ɜ": (0.2, 0.0, 0.45, 0.4),
    "y": (1.0, 0.0, 0.15, 1.0), "ø": (0.9, 0.0, 0.4, 0.9), "œ": (0.7, 0.0, 0.6, 0.8), "ɨ": (0.0, 0.4, 0.2, 0.5),
    "ɤ": (0.0, 0.2, 0.45, 0.0), "ɯ": (0.0, 0.5, 0.15, 0.0),
}  # fmt: skip

# The other sounds: what is not 0.
_CONSONANTS: dict[str, dict[str, float]] = {
    "p": {"bilabial": 1.0}, "b": {"bilabial": 1.0}, "m": {"bilabial": 1.0, "nasal": 1.0},
    "f": {"labiodental": 1.0}, "v": {"labiodental": 1.0}, "β": {"bilabial": 0.5},
    "ɱ": {"labiodental": 1.0, "nasal": 1.0},
    "w": {"rounded": 1.0, "back": 0.5}, "ɥ": {"rounded": 1.0, "front": 1.0}, "j": {"spread": 0.6, "front": 1.0},
    "ɹ": {"rounded": 0.5}, "ɻ": {"rounded": 0.4}, "r": {"dental": 0.6}, "ɾ": {"dental": 0.8}, "ʁ": {"back": 1.0},
    "t": {"dental": 1.0}, "d": {"dental": 1.0}, "n": {"dental": 1.0, "nasal": 1.0}, "l": {"dental": 1.0},
    "θ": {"dental": 1.0, "open": 0.1}, "ð": {"dental": 1.0, "open": 0.1},
    "s": {"sibilant": 1.0, "spread": 0.3, "dental": 0.5}, "z": {"sibilant": 1.0, "spread": 0.3, "dental": 0.5},
    "ʃ": {"sibilant": 1.0, "rounded": 0.6}, "ʒ": {"sibilant": 1.0, "rounded": 0.6},
    "ʂ": {"sibilant": 1.0, "rounded": 0.3}, "ʐ": {"sibilant": 1.0, "rounded": 0.3},
    "ɕ": {"sibilant": 1.0, "spread": 0.5, "front": 0.7}, "ʝ": {"spread": 0.4, "front": 1.0},
    "k": {"back": 1.0}, "g": {"back": 1.0}, "ŋ": {"back": 1.0, "nasal": 1.0}, "x": {"back": 1.0}, "ɣ": {"back": 1.0},
    "h": {}, "ʔ": {}, "ɲ": {"front": 1.0, "nasal": 1.0, "dental": 0.3}, "ʎ": {"front": 1.0, "dental": 0.5},
}  # fmt: skip

# Sounds that are another one, or two after each other.
_SPELLED = {
    "ɡ": "g", "ᵊ": "ə", "ᵻ": "ɪ", "ɚ": "ə", "ɝ": "ɜ", "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ",
    "T": "ɾ", "ʧ": "tʃ", "ʤ": "dʒ", "ʦ": "ts", "ʣ": "dz", "ʨ": "tɕ", "ꭧ": "tʂ",
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ", "D": "d", "DH": "ð",
    "EH": "ɛ", "ER": "ɜ", "EY": "eɪ", "F": "f", "G": "g", "HH": "h", "IH": "ɪ", "IY": "i", "JH": "dʒ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ",
    "TH": "θ", "UH": "ʊ", "UW": "u", "V": "v", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
_CMU_ONLY = {"W": "w", "Y": "j", "T": "t"}  # capitals that both alphabets use, for different sounds
_SILENT = frozenset({"SIL", "sil", ""})
_MARKS = "ːˑʰʲʷᵝˈˌ"


def spelling(phone: str, cmu: bool) -> str:
    """The sounds of a phone in plain IPA letters: one or, for diphthongs and affricates, two; "" if unknown.

    `cmu` tells which alphabet the capitals T, W and Y belong to. Length, stress and nasality are left out.
    """
    if cmu:
        phone = phone.rstrip("012")
        phone = _CMU_ONLY.get(phone, phone)
    plain = "".join(c for c in unicodedata.normalize("NFD", phone) if not unicodedata.combining(c) and c not in _MARKS)
    plain = _SPELLED.get(plain, plain)
    return plain if plain and all(letter in _VOWELS or letter in _CONSONANTS for letter in plain) else ""


def describe(segments: Segments, frames: int) -> Array:
    """Features of phones in time, float32 (4 * frames, 12); NaN where nothing, noise or an unknown phone is spoken."""
    cmu = uses_cmu(segments)
    result = np.full((4 * frames, len(FEATURES)), np.nan, np.float32)
    for start, end, phone in segments:
        first, last = round(start * RATE), round(end * RATE)
        if phone in _SILENT:
            result[first:last] = _SILENCE
            continue
        letters = spelling(phone, cmu)
        bounds = np.linspace(first, last, len(letters) + 1).round().astype(int)
        for letter, begin, stop in zip(letters, bounds[:-1], bounds[1:], strict=True):
            result[begin:stop] = _letter(letter)
    return result


def describe_labels(phones: NDArray[np.int8]) -> Array:
    """Features of labels int8 (4 T,) of `engine.train.phones`, float32 (4 T, 12)."""
    edges = np.flatnonzero(np.diff(phones)) + 1
    bounds = [0, *edges.tolist(), len(phones)]
    segments = [(a / RATE, b / RATE, PHONES[phones[a]]) for a, b in pairwise(bounds) if phones[a] >= 0]
    return describe(segments, len(phones) // 4)


def uses_cmu(segments: Segments) -> bool:
    """Whether phones are the CMU dictionary's: all capitals, and more than the few that IPA texts borrow."""
    return all(phone.rstrip("012").isupper() and phone.isascii() for _, _, phone in segments if phone)


def _row(values: dict[str, float]) -> Array:
    return np.array([values.get(name, 0.0) for name in FEATURES], np.float32)


def _letter(letter: str) -> Array:
    if letter in _VOWELS:
        rounded, spread, opened, front = _VOWELS[letter]
        values = {"rounded": rounded, "spread": spread, "open": opened, "front": front, "back": 1.0 - front}
        return _row(values | {"vowel": 1.0})
    return _row(_CONSONANTS[letter])


_SILENCE = _row({"silence": 1.0})
