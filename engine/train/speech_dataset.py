"""Recordings from which the motion network learns, in their own and other voices, in batches; it knows no network."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from liveface.engine.errors import MediaError
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.face_space import CODE_SIZE
from liveface.engine.hearing.features import FLOOR_DBFS, HOPS_PER_FRAME, MEL_BINS, LevelTracker, normalised_features
from liveface.engine.media import HOP, Samples
from liveface.engine.train import split
from liveface.engine.train.articulation import FEATURES, SILENCE, Segments, describe, describe_labels, uses_cmu
from liveface.engine.train.phones import UNKNOWN, labels
from liveface.engine.train.speech_encoder import COMPONENTS
from liveface.engine.train.voices import Voice, coloured_noise

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One utterance with what is known about it; NaN and -1 mark what is not.

    `pcm` float32 (640 T,); `code` float32 (T, CODE_SIZE); `action_units` float32 (T, units); `phones` int8 (4 T,);
    `articulation` float32 (4 T, 12), see `engine.train.articulation`; `heard` float32 (T, 64), what a pre-trained
    speech encoder makes of it.
    """

    speaker: str
    pcm: Samples
    code: Array
    action_units: Array
    phones: NDArray[np.int8]
    articulation: Array
    heard: Array

    @property
    def frames(self) -> int:
        """T."""
        return len(self.code)


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A recording in one voice, ready to learn from: `mel` float16 (4 T, 80), the rest as in `Recording`."""

    mel: NDArray[np.float16]
    code: Array
    action_units: Array
    phones: NDArray[np.int8]
    articulation: NDArray[np.float16]
    heard: NDArray[np.float16]

    @property
    def frames(self) -> int:
        """T."""
        return len(self.code)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows of equal length.

    `mel` (B, 4 T, 80); `code` (B, T, CODE_SIZE); `action_units` (B, T, units); `phones` (B, 4 T);
    `articulation` (B, 4 T, 12); `heard` (B, T, 64).
    """

    mel: Tensor
    code: Tensor
    action_units: Tensor
    phones: Tensor
    articulation: Tensor
    heard: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same rows on another device."""
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def read_pack(pack: Path, left_out: Collection[str] = ()) -> list[Recording]:
    """The recordings to learn from in a prepared corpus, sorted by speaker and clip.

    Frames without a face are unknown. `left_out`: speakers to keep for testing. Raises `MediaError` if nothing remains.
    """
    recordings = []
    for speaker, name in split.read(pack).learned(left_out):
        path = pack / speaker / f"{name}.npz"
        if not path.is_file():
            continue
        with np.load(path, allow_pickle=False) as clip:
            frames = len(clip["code"])
            unseen = ~clip["valid"]
            code, action_units = clip["code"].astype(np.float32), clip["action_units"].astype(np.float32)
            phones = clip["phones"] if "phones" in clip else np.full(HOPS_PER_FRAME * frames, UNKNOWN, np.int8)
            pcm = fitted(clip["audio"], frames)
        code[unseen], action_units[unseen] = np.nan, np.nan
        recordings.append(
            Recording(speaker, pcm, code, action_units, phones, describe_labels(phones), nothing_heard(frames))
        )
    if not recordings:
        raise MediaError(f"{pack} holds no prepared clip: make it with `liveface train prepare`.")
    return recordings


def codes_by_speaker(pack: Path, left_out: Collection[str] = ()) -> dict[str, Array]:
    """The motion codes (T, CODE_SIZE) of everyone to learn from, frames without a face left out."""
    codes: dict[str, list[Array]] = {}
    for recording in read_pack(pack, left_out):
        codes.setdefault(recording.speaker, []).append(recording.code[np.isfinite(recording.code[:, 0])])
    return {speaker: np.concatenate(parts) for speaker, parts in codes.items()}


def unfilmed(speaker: str, pcm: Samples, segments: Segments) -> Recording:
    """A recording of which only the sound and its phones (start and end in seconds, name) are known."""
    frames = -(-len(pcm) // HOP)
    english = uses_cmu(segments)
    return Recording(
        speaker,
        fitted(pcm, frames),
        np.full((frames, CODE_SIZE), np.nan, np.float32),
        np.full((frames, len(ACTION_UNITS)), np.nan, np.float32),
        labels(segments if english else (), frames),
        describe(segments, frames),
        nothing_heard(frames),
    )


def nothing_heard(frames: int) -> Array:
    """The place of a speech encoder's answer that is not known, (T, 64)."""
    return np.full((frames, COMPONENTS), np.nan, np.float32)


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
        mel.astype(np.float16),
        _at(recording.code, source),
        _at(recording.action_units, source),
        recording.phones[hops],
        recording.articulation[hops].astype(np.float16),
        _at(recording.heard, source).astype(np.float16),
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
        np.tile((np.arange(len(FEATURES)) == SILENCE).astype(np.float16), (HOPS_PER_FRAME * frames, 1)),
        nothing_heard(frames).astype(np.float16),
    )


def _at(values: Array, places: Array) -> Array:
    """Rows of `values` (T, n) at fractional `places`, linear between neighbours."""
    places = np.clip(places, 0, len(values) - 1)
    below = np.minimum(places.astype(int), len(values) - 2)
    share = (places - below).astype(np.float32)[:, None]
    return np.asarray(values[below] * (1 - share) + values[below + 1] * share, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class SpeechDataset:
    """What a training hears: groups of recordings in their voices, and the share of each group in a batch."""

    groups: tuple[tuple[float, Sequence[Heard]], ...]
    silence_share: float

    def mostly_last(self, share: float) -> "SpeechDataset":
        """The same groups, the last with this share of a batch and the others with the rest, in proportion."""
        *others, (_, last) = self.groups
        total = sum(part for part, _ in others)
        rest = tuple((part / total * (1.0 - share), group) for part, group in others)
        return SpeechDataset((*rest, (share, last)), self.silence_share)

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
        return Heard(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Heard)))

    def batch(self, rows: int, frames: int, generator: Generator) -> Batch:
        """`rows` rows of `frames` frames, some with a band of frequencies missing."""
        drawn = [self.row(frames, generator) for _ in range(rows)]
        mel = np.stack([row.mel for row in drawn]).astype(np.float32)
        for row in np.flatnonzero(generator.random(rows) < 0.3):
            low = int(generator.integers(MEL_BINS - 7))
            mel[row, :, low : low + int(generator.integers(2, 8))] = mel[row].mean()
        return Batch(
            torch.from_numpy(mel),
            torch.from_numpy(np.stack([row.code for row in drawn])),
            torch.from_numpy(np.stack([row.action_units for row in drawn])),
            torch.from_numpy(np.stack([row.phones for row in drawn])).long(),
            torch.from_numpy(np.stack([row.articulation for row in drawn])).float(),
            torch.from_numpy(np.stack([row.heard for row in drawn])).float(),
        )


def _cut(heard: Heard, start: int, stop: int) -> Heard:
    hops = slice(HOPS_PER_FRAME * start, HOPS_PER_FRAME * stop)
    frames = slice(start, stop)
    return Heard(
        heard.mel[hops],
        heard.code[frames],
        heard.action_units[frames],
        heard.phones[hops],
        heard.articulation[hops],
        heard.heard[frames],
    )


class InVoices(Sequence[Heard]):
    """Every recording as it is and in other voices, each heard when it is first asked for, and then remembered."""

    def __init__(self, recordings: Sequence[Recording], versions: int, strength: float, seed: int) -> None:
        """`versions`: of a recording, the one as it is among them."""
        self._recordings, self._versions = recordings, versions
        self._strength, self._seed = strength, seed
        self._heard: dict[int, Heard] = {}

    def __len__(self) -> int:
        return len(self._recordings) * self._versions

    def __getitem__(self, index: int) -> Heard:  # type: ignore[override]  # slices are not needed
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index not in self._heard:
            generator = np.random.default_rng((self._seed, index))
            voice = Voice.random(generator, self._strength) if index % self._versions else Voice()
            self._heard[index] = hear(self._recordings[index // self._versions], voice, generator)
        return self._heard[index]


def with_heard(recording: Recording, heard: Array) -> Recording:
    """The recording with what a speech encoder makes of it, float32 (T, 64)."""
    return replace(recording, heard=heard)
