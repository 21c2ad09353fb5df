"""Trains the motion network: phones of many voices first, then the mouths of the speakers who were filmed.

    liveface train motion --pack PACK [--speech FOLDER] --out MODELS

The bottleneck is the variety of voices. So the audio encoder first learns phones from transcribed speech, keeps that
task as an auxiliary, and every recording is heard in several other voices (`engine.train.voices`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine import checkpoint, face_space
from engine.action_units import ACTION_UNITS
from engine.errors import MediaError
from engine.face_space import CODE_SIZE, MotionBasis
from engine.features import FLOOR_DBFS, HOPS_PER_FRAME, MEL_BINS, LevelTracker, normalised_features
from engine.media import HOP, Samples
from engine.model.audio_encoder import PHONE_DELAYS
from engine.model.motion_network import LOOKAHEADS, MotionConfiguration, MotionNetwork
from engine.model.temporal import Memory
from engine.train.loop import Progress, Settings, TrainingState, train
from engine.train.phones import UNKNOWN
from engine.train.voices import Voice, coloured_noise

Array = NDArray[np.float32]


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


@dataclass(frozen=True, slots=True)
class HearingOptions:
    """Everything that is chosen about one training."""

    network: MotionConfiguration = field(default_factory=MotionConfiguration)
    pretraining_steps: int = 1500
    steps: int = 2500
    batch: int = 8  # rows of `row_frames`
    row_frames: int = 100
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    seed: int = 0
    versions: int = 40  # voices in which the recordings of a rare speaker are heard; a frequent one has fewer
    strength: float = 1.0  # of the change of voice
    filmed_share: float = 0.5  # of a batch: the speaker with most recordings
    others_share: float = 0.25  # the other filmed speakers; the rest of the batch is unfilmed speech
    silence_share: float = 0.05
    units_weight: float = 0.5
    code_weight: float = 2.0
    change_weight: float = 0.5
    gap_weight: float = 1.0
    phone_weight: float = 0.3
    code_power: float = 0.5  # a coefficient counts by its deviation to this power
    average_decay: float = 0.995  # per step, of the running average of the weights
    save_every: int = 200  # steps between saved states of an unfinished training


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows of equal length.

    `mel` (B, 4 T, 80); `code` (B, T, CODE_SIZE); `action_units` (B, T, units); `phones` (B, 4 T).
    """

    mel: Tensor
    code: Tensor
    action_units: Tensor
    phones: Tensor


def read_pack(pack: Path, speakers: Sequence[str] | None = None) -> list[Recording]:
    """The recordings of a prepared corpus, sorted by speaker and clip; frames without a face are unknown.

    `speakers`: only these. Raises `MediaError` if there is none.
    """
    recordings = []
    for path in sorted(pack.glob("*/*.npz")):
        if speakers is not None and path.parent.name not in speakers:
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


def delayed(labels: Tensor, delays: Sequence[int], unknown: float) -> Tensor:
    """Labels (B, T, ...) as heads with delays are trained on them, (B, T, delays, ...).

    Row d of step t is frame t - delays[d], or `unknown` before the first frame.
    """
    shifted = []
    for delay in delays:
        missing = torch.full_like(labels[:, :delay], unknown)
        shifted.append(torch.cat((missing, labels[:, : labels.shape[1] - delay]), dim=1))
    return torch.stack(shifted, dim=2)


def phone_loss(scores: Tensor, phones: Tensor) -> Tensor:
    """Cross-entropy of scores (B, T, delays, 4, phones) with labels (B, 4 T); unknown ones do not count."""
    by_frame = phones.reshape(len(phones), -1, HOPS_PER_FRAME)
    targets = delayed(by_frame, PHONE_DELAYS, UNKNOWN)
    return functional.cross_entropy(scores.flatten(0, 3), targets.flatten(), ignore_index=UNKNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class MotionLoss:
    """The loss of motion: units, code, its change from frame to frame, and the opening, which is linear in the code.

    `importance` (CODE_SIZE,) weighs coefficients, mean 1. `gap` (CODE_SIZE,) takes a code to the opening, in standard
    deviations.
    """

    options: HearingOptions
    importance: Tensor
    gap: Tensor

    @classmethod
    def of(cls, basis: MotionBasis, options: HearingOptions) -> "MotionLoss":
        """The loss for codes of this basis."""
        importance = torch.from_numpy(basis.scale**options.code_power)
        gap = torch.from_numpy(basis.gap_weights())
        return cls(options, importance / importance.mean(), gap / gap.norm())

    def __call__(self, network: MotionNetwork, batch: Batch) -> Tensor:
        """The weighted sum of all terms, scalar."""
        options = self.options
        action_units, code, phones = network(batch.mel)
        delays = range(LOOKAHEADS)
        true_units = delayed(batch.action_units, delays, float("nan"))
        units, known_units = _error(action_units, true_units)
        # Units are absent most of the time: without more weight on the rest, intensities shrink below presence.
        units = units.square() * (1.0 + torch.nan_to_num(true_units))
        error, known = _error(code, delayed(batch.code, delays, float("nan")))
        change, known_change = error[:, 1:] - error[:, :-1], known[:, 1:] & known[:, :-1]
        rounded = functional.smooth_l1_loss(error, torch.zeros_like(error), reduction="none")
        return (
            options.units_weight * _mean(units, known_units)
            + options.code_weight * _mean(rounded * self.importance, known)
            + options.change_weight * _mean(change.square() * self.importance, known_change)
            + options.gap_weight * _mean((error @ self.gap).abs(), known[..., 0])
            + options.phone_weight * phone_loss(phones, batch.phones)
        )


def _error(estimate: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Estimate minus label, 0 where the label is unknown, and where it is known."""
    known = torch.isfinite(label)
    return torch.where(known, estimate - torch.nan_to_num(label), 0.0), known


def _mean(errors: Tensor, known: Tensor) -> Tensor:
    return torch.where(known, errors, 0.0).sum() / known.sum().clamp(min=1)


def in_voices(recordings: Sequence[Recording], versions: int, strength: float, seed: int) -> list[Heard]:
    """Every recording as it is, and in `versions - 1` random voices."""
    heard: list[Heard] = []
    for index, recording in enumerate(recordings):
        generator = np.random.default_rng((seed, index))
        voices = [Voice()] + [Voice.random(generator, strength) for _ in range(versions - 1)]
        heard.extend(hear(recording, voice, generator) for voice in voices)
    return heard


def repertoire(recordings: Sequence[Recording], speech: Sequence[Recording], options: HearingOptions) -> Repertoire:
    """The voices of a training: the most filmed speaker, the other filmed ones, and unfilmed speech."""
    counts = Counter(recording.speaker for recording in recordings)
    main = counts.most_common(1)[0][0]
    frequent = [recording for recording in recordings if recording.speaker == main]
    others = [recording for recording in recordings if recording.speaker != main]
    few = max(2, options.versions // 13)
    groups = [
        (options.filmed_share, in_voices(frequent, few, options.strength, options.seed)),
        (options.others_share, in_voices(others, options.versions, options.strength, options.seed + 1)),
        (
            1.0 - options.filmed_share - options.others_share,
            in_voices(speech, few, options.strength, options.seed + 2),
        ),
    ]
    return Repertoire(tuple(group for group in groups if group[1] and group[0] > 0), options.silence_share)


def fit_statistics(network: MotionNetwork, voices: Repertoire) -> None:
    """Set the encoder's mean and deviation of each mel bin from a sample of what will be heard."""
    generator = np.random.default_rng(0)
    mel = voices.batch(64, 100, generator).mel
    network.audio_encoder.mean.copy_(mel.mean(dim=(0, 1)))
    network.audio_encoder.deviation.copy_(mel.std(dim=(0, 1)).clamp(min=0.5))


def pretrain(
    network: MotionNetwork,
    voices: Repertoire,
    options: HearingOptions,
    file: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Teach the audio encoder the phones of all voices; the rest of the network is left alone."""
    fit_statistics(network, voices)
    encoder = network.audio_encoder
    state = TrainingState({"encoder": encoder}, {"phones": _optimiser(encoder, options)})

    def loss(batch: Batch) -> Tensor:
        memory = Memory(network.initial_state(len(batch.mel)))
        return phone_loss(encoder.name_phones(encoder(batch.mel, memory)), batch.phones)

    def draw(generator: Generator) -> Batch:
        return voices.batch(options.batch, options.row_frames, generator)

    network.train()
    settings = Settings(options.pretraining_steps, options.seed, save_every=options.save_every)
    train(state, draw, {"phones": loss}, settings, file, progress)


def fit(
    network: MotionNetwork,
    voices: Repertoire,
    basis: MotionBasis,
    options: HearingOptions,
    file: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Teach the whole network, with phones as auxiliary task; afterwards it holds its averaged weights."""
    objective = MotionLoss.of(basis, options)
    state = TrainingState({"motion": network}, {"motion": _optimiser(network, options)})

    def draw(generator: Generator) -> Batch:
        return voices.batch(options.batch, options.row_frames, generator)

    network.train()
    settings = Settings(options.steps, options.seed, average_decay=options.average_decay, save_every=options.save_every)
    train(state, draw, {"motion": lambda batch: objective(network, batch)}, settings, file, progress)
    network.load_state_dict(state.weights("motion"))
    network.eval()


def _optimiser(module: nn.Module, options: HearingOptions) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        module.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, betas=(0.9, 0.98)
    )


def train_motion(
    pack: Path,
    out: Path,
    options: HearingOptions,
    progress: Progress | None = None,
    speech: Sequence[Recording] = (),
) -> Path:
    """Train on every speaker of a prepared corpus and write `out/motion.safetensors`; returns its path.

    `speech`: unfilmed recordings with phones, see `unfilmed`; without, there is no pre-training. The states of an
    interrupted training lie in `out` and are continued from, and removed at the end.
    """
    recordings = read_pack(pack)
    torch.manual_seed(options.seed)
    network = MotionNetwork(options.network)
    voices = repertoire(recordings, speech, options)
    states = [out / "motion.phones.training.safetensors", out / "motion.training.safetensors"]
    if speech and not states[1].is_file():
        pretrain(network, voices, options, states[0], progress)
    else:
        fit_statistics(network, voices)
    fit(network, voices, face_space.basis(), options, states[1], progress)
    path = out / "motion.safetensors"
    provenance = {
        "network": "motion",
        "options": asdict(options),
        "speakers": sorted({recording.speaker for recording in recordings}),
        "recordings": len(recordings),
        "unfilmed_recordings": len(speech),
    }
    checkpoint.save(path, network.tensors(), {"motion": options.network.to_json()}, {"motion": provenance})
    for state in states:
        state.unlink(missing_ok=True)
    return path
