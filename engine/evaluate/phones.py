"""What lips do on the sounds that everyone sees, in speech that nobody filmed: the phone table.

Whether p b m shut the mouth, f and v bring the lip to the teeth, u is narrower than i, and a opens wider than i, needs
no film: only the times of the phones. Lengths are in inter-ocular distances (IOD), time is in frames of 40 ms.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from liveface.engine.evaluate.lipsync import CLOSED_GAP, motion_per_frame
from liveface.engine.face.face_space import LIPS, MotionBasis
from liveface.engine.media import FPS, Motion, Samples
from liveface.engine.train import articulation, measures
from liveface.engine.train.measures import GAP, PROTRUSION, WIDTH

Floats = NDArray[np.float32]
Scores = dict[str, float]
Hear = Callable[[Samples], Sequence[Motion]]  # whole sound to one motion for each frame

ALL = "all"
_TOLERANCE = 1.0  # frame, by which a closure may come early or late, as for films


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Speech float32 (n,) at 16 kHz, and its phones: start and end in seconds, and their name in CMU or IPA."""

    language: str
    speaker: str
    pcm: Samples
    segments: articulation.Segments


@dataclass(slots=True, eq=False)
class _Tally:
    """What was seen on the sounds of some utterances."""

    utterances: int = 0
    shut: list[bool] = field(default_factory=list)  # of p b m
    vowels_shut: list[bool] = field(default_factory=list)  # of the open and mid ones, which never are
    labiodental: list[float] = field(default_factory=list)  # smallest gap of each f and v
    rounded: list[Floats] = field(default_factory=list)  # measures in the middle of u o w
    spread: list[Floats] = field(default_factory=list)  # of i e
    heights: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in articulation.HEIGHTS})
    gaps: list[Floats] = field(default_factory=list)  # of all frames
    speeds: list[float] = field(default_factory=list)  # of each utterance

    def scores(self) -> Scores:
        """The table's row."""
        contrast = (
            np.mean(self.rounded, axis=0) - np.mean(self.spread, axis=0) if self.rounded and self.spread else None
        )
        row = {
            "utterances": float(self.utterances),
            "bilabials": float(len(self.shut)),
            "bilabial_shut": _mean(self.shut),
            "vowels_shut": _mean(self.vowels_shut),
            "labiodental_gap": _mean(self.labiodental),
            "rounding_contrast": float("nan") if contrast is None else float(-contrast[WIDTH]),
            "protrusion_contrast": float("nan") if contrast is None else float(contrast[PROTRUSION]),
            "opening_p95": float(np.percentile(np.concatenate(self.gaps), 95)) if self.gaps else float("nan"),
            "lip_speed": _mean(self.speeds),
        }
        return row | {f"{name}_vowel_gap": _mean(gaps) for name, gaps in self.heights.items()}


def phone_scores(utterances: Iterable[Utterance], hear: Hear, basis: MotionBasis) -> dict[str, Scores]:
    """Scores by language, and of all together under `ALL`.

    `bilabial_shut`: share of p b m in which, or a frame beside which, the gap is below 0.02. `vowels_shut`: of mid and
    open vowels whose gap never leaves that: a mouth that shuts too often. `labiodental_gap`: the smallest gap in f and
    v, mean. `rounding_contrast`: how much narrower the lips are in the middle of u o w than of i e;
    `protrusion_contrast`: how much farther forward. `..._vowel_gap`: by the vowel's height. `lip_speed`: % IOD a frame.
    """
    shapes = measures.matrix(basis)
    tallies: dict[str, _Tally] = {ALL: _Tally()}
    for utterance in utterances:
        code = np.stack([motion.code for motion in hear(utterance.pcm)])
        measured = np.asarray(code @ shapes, np.float32)
        speed = motion_per_frame(basis.decode(code)[:, LIPS])
        for tally in (tallies.setdefault(utterance.language, _Tally()), tallies[ALL]):
            _count(tally, utterance, measured)
            tally.speeds.append(speed)
    return {language: tally.scores() for language, tally in sorted(tallies.items())}


def _count(tally: _Tally, utterance: Utterance, measured: Floats) -> None:
    tally.utterances += 1
    gap = np.maximum(measured[:, GAP], 0.0)
    tally.gaps.append(gap)
    cmu = articulation.uses_cmu(utterance.segments)
    for start, end, phone in utterance.segments:
        letters = articulation.spelling(phone, cmu)
        bounds = np.linspace(start, end, len(letters) + 1) * FPS
        for letter, first, last in zip(letters, bounds[:-1], bounds[1:], strict=True):
            inside = _frames(first, last, len(gap))
            if inside.start >= len(gap):
                continue
            near = gap[_frames(first - _TOLERANCE, last + _TOLERANCE, len(gap))]
            middle = measured[min(int((first + last) / 2), len(gap) - 1)]
            if letter in articulation.BILABIALS:
                tally.shut.append(bool(near.min() < CLOSED_GAP))
            elif letter in articulation.LABIODENTALS:
                tally.labiodental.append(float(gap[inside].min()))
            if letter in articulation.ROUNDED_SOUNDS:
                tally.rounded.append(middle)
            elif letter in articulation.SPREAD_SOUNDS:
                tally.spread.append(middle)
            for name, vowels in articulation.HEIGHTS.items():
                if letter in vowels:
                    tally.heights[name].append(float(max(middle[GAP], 0.0)))
                    if name != "close":
                        tally.vowels_shut.append(bool(gap[inside].max() < CLOSED_GAP))


def _frames(first: float, last: float, count: int) -> slice:
    """The frames whose middle lies between two times in frames; at least the one in which the middle of both lies."""
    start, stop = int(np.ceil(first - 0.5)), int(np.ceil(last - 0.5))
    if stop <= start:
        start = int((first + last) / 2)
        stop = start + 1
    return slice(min(max(start, 0), count), min(max(stop, 1), count))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
