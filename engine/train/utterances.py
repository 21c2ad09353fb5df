"""Recordings from which the motion network learns, in their own and other voices, in batches; it knows no network."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from engine.action_units import ACTION_UNITS
from engine.errors import MediaError
from engine.face_space import CODE_SIZE
from engine.features import FLOOR_DBFS, HOPS_PER_FRAME, MEL_BINS, LevelTracker, normalised_features
from engine.media import HOP, Samples
from engine.train.corpus import held_out
from engine.train.phones import UNKNOWN
from engine.train.voices import Voice, coloured_noise

Array = NDArray[np.float32]

_TEST_EVERY = 9  # clips of a speaker, one is kept for testing


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One utterance with what is known about it; NaN and -1 mark what is not.

    `pcm` float32 (n,); `code` float32 (T, CODE_SIZE); `action_units` float32 (T, units); `phones` int8 (4 T,).
    """

    speaker: str
    pcm: Samples
    code: Array
    action_units: Array
    phones: NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A recording in one voice, ready to learn from: `mel` float16 (4 T, 80), the rest as in `Recording`."""

    mel: NDArray[np.float16]
    code: Array
    action_units: Array
    phones: NDArray[np.int8]

    @property
    def frames(self) -> int:
        """T."""
        return len(self.code)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows of equal length.

    `mel` (B, 4 T, 80); `code` (B, T, CODE_SIZE); `action_units` (B, T, units); `phones` (B, 4 T).
    """

    mel: Tensor
    code: Tensor
    action_units: Tensor
    phones: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same rows on another device."""
        return Batch(self.mel.to(device), self.code.to(device), self.action_units.to(device), self.phones.to(device))


def read_pack(pack: Path, left_out: Collection[str] = ()) -> list[Recording]:
    """The recordings to learn from in a prepared corpus, sorted by speaker and clip.

    Frames without a face are unknown. `left_out`: speakers to keep for testing. Of the others every ninth clip is kept
    for testing, if they have nine. Raises `MediaError` if nothing remains.
    """
    tests = _kept_for_testing(pack)
    recordings = []
    for path in sorted(pack.glob("*/*.npz")):
        if path.parent.name in left_out or (path.parent.name, path.stem) in tests:
            continue
        with np.load(path, allow_pickle=False) as clip:
            frames = len(clip["code"])
            unseen = ~clip["valid"]
            code, action_units = clip["code"].astype(np.float32), clip["action_units"].astype(np.float32)
            phones = clip["phones"] if "phones" in clip else np.full(HOPS_PER_FRAME * frames, UNKNOWN, np.int8)
            pcm = fitted(clip["audio"], frames)
        code[unseen], action_units[unseen] = np.nan, np.nan
        recordings.append(Recording(path.parent.name, pcm, code, action_units, phones))
    if not recordings:
        raise MediaError(f"{pack} holds no prepared clip: make it with `liveface train prepare`.")
    return recordings


def _kept_for_testing(pack: Path) -> set[tuple[str, str]]:
    """Every ninth clip of each speaker with nine or more, the same as `engine.evaluate` tests on.

    Clips that the preparation left out count, so that a stricter one keeps the same clips.
    """
    clips = {(path.parent.name, path.stem) for path in pack.glob("*/*.npz")}
    description = pack / "pack.json"
    if description.is_file():
        unusable = json.loads(description.read_text(encoding="utf-8")).get("left_out", {})
        clips |= {(clip.partition("/")[0], clip.partition("/")[2]) for clip in unusable}
    tests: set[tuple[str, str]] = set()
    for _, own in groupby(sorted(clips), key=lambda clip: clip[0]):
        names = list(own)
        if len(names) >= _TEST_EVERY:
            tests.update(held_out(names, _TEST_EVERY)[1])
    return tests


def unfilmed(speaker: str, pcm: Samples, phones: NDArray[np.int8]) -> Recording:
    """A recording of which only the sound and its phones int8 (4 T,) are known."""
    frames = len(phones) // HOPS_PER_FRAME
    return Recording(
        speaker,
        fitted(pcm, frames),
        np.full((frames, CODE_SIZE), np.nan, np.float32),
        np.full((frames, len(ACTION_UNITS)), np.nan, np.float32),
        phones,
    )


def fitted(pcm: Samples, frames: int) -> Samples:
    """Sound cut or continued with silence to `frames` frames, float32 (640 * frames,)."""
    sound = pcm[: frames * HOP].astype(np.float32)
    return np.pad(sound, (0, frames * HOP - len(sound)))


def hear(recording: Recording, voice: Voice, generator: Generator) -> Heard:
    """The recording in another voice, labels following its speed, after a random loudness heard before."""
    sound = voice.speak(recording.pcm, generator)
    frames = len(sound) // HOP
    before = (
        LevelTracker.heard(float(generator.uniform(FLOOR_DBFS, -15.0))) if generator.random() < 0.5 else LevelTracker()
    )
    mel = voice.colour_features(normalised_features(sound[: frames * HOP], before))
    source = (np.arange(frames) + 0.5) * voice.speed - 0.5
    hops = np.clip(((np.arange(HOPS_PER_FRAME * frames) + 0.5) * voice.speed).astype(int), 0, len(recording.phones) - 1)
    return Heard(
        mel.astype(np.float16), _at(recording.code, source), _at(recording.action_units, source), recording.phones[hops]
    )


def silence(frames: int, generator: Generator) -> Heard:
    """Digital silence or stationary noise, where the mouth is closed and still."""
    level = 10 ** (generator.uniform(-85.0, -35.0) / 20) if generator.random() < 0.75 else 0.0
    sound = coloured_noise(frames * HOP, float(generator.random()), generator) * np.float32(level)
    before = LevelTracker.heard(float(generator.uniform(FLOOR_DBFS, -15.0)))
    mel = normalised_features(sound, before)
    return Heard(
        mel.astype(np.float16),
        np.zeros((frames, CODE_SIZE), np.float32),
        np.zeros((frames, len(ACTION_UNITS)), np.float32),
        np.zeros(HOPS_PER_FRAME * frames, np.int8),
    )


def _at(values: Array, places: Array) -> Array:
    """Rows of `values` (T, n) at fractional `places`, linear between neighbours."""
    places = np.clip(places, 0, len(values) - 1)
    below = np.minimum(places.astype(int), len(values) - 2)
    share = (places - below).astype(np.float32)[:, None]
    return np.asarray(values[below] * (1 - share) + values[below + 1] * share, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Repertoire:
    """What a training hears: groups of recordings in their voices, and the share of each group in a batch."""

    groups: tuple[tuple[float, Sequence[Heard]], ...]
    silence_share: float

    def mostly_last(self, share: float) -> "Repertoire":
        """The same groups, the last with this share of a batch and the others with the rest, in proportion."""
        *others, (_, last) = self.groups
        total = sum(part for part, _ in others)
        rest = tuple((part / total * (1.0 - share), group) for part, group in others)
        return Repertoire((*rest, (share, last)), self.silence_share)

    def row(self, frames: int, generator: Generator) -> Heard:
        """Utterances of one group one after the other, each from a random frame if it is long."""
        shares = np.array([share for share, _ in self.groups])
        group = self.groups[int(generator.choice(len(shares), p=shares / shares.sum()))][1]
        if generator.random() < self.silence_share:
            return silence(frames, generator)
        parts: list[Heard] = []
        missing = frames
        while missing > 0:
            one = group[int(generator.integers(len(group)))]
            start = int(generator.integers(one.frames - frames + 1)) if one.frames > frames else 0
            part = _cut(one, start, min(one.frames, start + missing))
            parts.append(part)
            missing -= part.frames
        return Heard(
            np.concatenate([part.mel for part in parts]),
            np.concatenate([part.code for part in parts]),
            np.concatenate([part.action_units for part in parts]),
            np.concatenate([part.phones for part in parts]),
        )

    def batch(self, rows: int, frames: int, generator: Generator) -> Batch:
        """`rows` rows of `frames` frames, some with a band of frequencies missing."""
        drawn = [self.row(frames, generator) for _ in range(rows)]
        mel = np.stack([row.mel for row in drawn]).astype(np.float32)
        for one in mel[generator.random(rows) < 0.3]:
            low = int(generator.integers(MEL_BINS - 7))
            one[:, low : low + int(generator.integers(2, 8))] = one.mean()
        return Batch(
            torch.from_numpy(mel),
            torch.from_numpy(np.stack([row.code for row in drawn])),
            torch.from_numpy(np.stack([row.action_units for row in drawn])),
            torch.from_numpy(np.stack([row.phones for row in drawn])).long(),
        )


def _cut(heard: Heard, start: int, stop: int) -> Heard:
    hops = slice(HOPS_PER_FRAME * start, HOPS_PER_FRAME * stop)
    return Heard(heard.mel[hops], heard.code[start:stop], heard.action_units[start:stop], heard.phones[hops])


def in_voices(recordings: Sequence[Recording], versions: int, strength: float, seed: int) -> list[Heard]:
    """Every recording as it is, and in `versions - 1` random voices."""
    heard: list[Heard] = []
    for index, recording in enumerate(recordings):
        generator = np.random.default_rng((seed, index))
        voices = [Voice()] + [Voice.random(generator, strength) for _ in range(versions - 1)]
        heard.extend(hear(recording, voice, generator) for voice in voices)
    return heard
