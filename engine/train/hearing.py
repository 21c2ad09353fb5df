"""Trains the motion network: phones of many voices first, then the mouths of the speakers who were filmed.

    liveface train motion --pack PACK [--speech FOLDER] --out MODELS

The bottleneck is the variety of voices. So the audio encoder first learns phones from transcribed speech, keeps that
task as an auxiliary; every recording is heard in several other voices (`engine.train.voices`); and unfilmed speech is
given the motion that its phones suggest (`engine.train.visemes`).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine import checkpoint, face_space
from engine.face_space import MotionBasis
from engine.features import HOPS_PER_FRAME
from engine.model.audio_encoder import PHONE_DELAYS
from engine.model.motion_network import LOOKAHEADS, MotionConfiguration, MotionNetwork
from engine.model.temporal import Memory
from engine.train.loop import Place, Progress, Settings, TrainingState, train
from engine.train.motion_loss import LossWeights, MotionLoss
from engine.train.phones import UNKNOWN
from engine.train.utterances import Batch, Heard, Recording, Repertoire, in_voices, read_pack
from engine.train.visemes import learn_visemes, mime

_SPEECH_SHARE = 0.85  # of unfilmed speech while only phones are learned


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
    filmed_share: float = 0.4  # of a batch: the speaker with most recordings
    others_share: float = 0.3  # the other filmed speakers; the rest of the batch is unfilmed speech
    silence_share: float = 0.05
    weights: LossWeights = field(default_factory=LossWeights)
    phone_weight: float = 0.3
    viseme_steps: int = 600  # of the teacher that gives unfilmed speech a mouth; 0 leaves it without
    average_decay: float = 0.995  # per step, of the running average of the weights
    save_every: int = 200  # steps between saved states of an unfinished training


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


def heads_loss(network: MotionNetwork, batch: Batch, loss: MotionLoss, phone_weight: float) -> Tensor:
    """The loss of all heads of the network, each against its own delayed labels, and of the auxiliary phones."""
    action_units, code, phones = network(batch.mel)
    delays = range(LOOKAHEADS)
    true_units = delayed(batch.action_units, delays, float("nan"))
    true_code = delayed(batch.code, delays, float("nan"))
    return loss(action_units, code, true_units, true_code) + phone_weight * phone_loss(phones, batch.phones)


def repertoire(recordings: Sequence[Recording], speech: Sequence[Recording], options: HearingOptions) -> Repertoire:
    """The voices of a training: the most filmed speaker, the other filmed ones, and unfilmed speech with its mime."""
    counts = Counter(recording.speaker for recording in recordings)
    main = counts.most_common(1)[0][0]
    few = max(2, options.versions // 13)
    frequent = [recording for recording in recordings if recording.speaker == main]
    others = [recording for recording in recordings if recording.speaker != main]
    filmed = _present(
        (options.filmed_share, in_voices(frequent, few, options.strength, options.seed)),
        (options.others_share, in_voices(others, options.versions, options.strength, options.seed + 1)),
    )
    if not speech:
        return Repertoire(filmed, options.silence_share)
    unfilmed = in_voices(speech, few, options.strength, options.seed + 2)
    if any((recording.phones != UNKNOWN).any() for recording in recordings) and options.viseme_steps:
        teacher = learn_visemes(
            Repertoire(filmed, options.silence_share), face_space.basis(), options.viseme_steps, options.seed
        )
        labelled = tuple(np.flatnonzero(_labelled_units(recordings)).tolist())
        unfilmed = [mime(teacher, heard, labelled) for heard in unfilmed]
    share = 1.0 - options.filmed_share - options.others_share
    return Repertoire((*filmed, *_present((share, unfilmed))), options.silence_share)


def _labelled_units(recordings: Sequence[Recording]) -> NDArray[np.bool_]:
    """Which units have a label in any frame, bool (units,)."""
    labels = np.concatenate([recording.action_units for recording in recordings])
    return np.asarray(np.isfinite(labels).any(axis=0), np.bool_)


def _present(*groups: tuple[float, Sequence[Heard]]) -> tuple[tuple[float, Sequence[Heard]], ...]:
    return tuple((share, heard) for share, heard in groups if heard and share > 0.0)


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
    place: Place | None = None,
) -> None:
    """Teach the audio encoder the phones of all voices; the rest of the network is left alone."""
    place = place or Place.current()
    fit_statistics(network, voices)
    encoder = network.to(place.device).audio_encoder
    state = TrainingState({"encoder": encoder}, {"phones": _optimiser(encoder, options)})

    def loss(batch: Batch) -> Tensor:
        memory = Memory(network.initial_state(len(batch.mel)))
        return phone_loss(encoder.name_phones(encoder(batch.mel, memory)), batch.phones)

    def draw(generator: Generator) -> Batch:
        return voices.batch(options.batch, options.row_frames, generator).to(place.device)

    network.train()
    settings = Settings(options.pretraining_steps, options.seed, save_every=options.save_every)
    train(state, draw, {"phones": loss}, settings, file, progress, place)


def fit(
    network: MotionNetwork,
    voices: Repertoire,
    basis: MotionBasis,
    options: HearingOptions,
    file: Path | None = None,
    progress: Progress | None = None,
    place: Place | None = None,
) -> None:
    """Teach the whole network, with phones as auxiliary task; afterwards it holds its averaged weights."""
    place = place or Place.current()
    network.to(place.device)
    loss = MotionLoss.of(basis, options.weights)
    state = TrainingState({"motion": network}, {"motion": _optimiser(network, options)})

    def objective(batch: Batch) -> Tensor:
        return heads_loss(network, batch, loss, options.phone_weight)

    def draw(generator: Generator) -> Batch:
        return voices.batch(options.batch, options.row_frames, generator).to(place.device)

    network.train()
    settings = Settings(options.steps, options.seed, average_decay=options.average_decay, save_every=options.save_every)
    train(state, draw, {"motion": objective}, settings, file, progress, place)
    network.load_state_dict(state.weights("motion"))
    network.cpu().eval()


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
    left_out: Collection[str] = (),
    place: Place | None = None,
) -> Path:
    """Train on the speakers of a prepared corpus and write `out/motion.safetensors`; returns its path.

    `speech`: unfilmed recordings with phones, see `unfilmed`; without, there is no pre-training. `left_out`: speakers
    to keep for testing. The states of an interrupted training lie in `out` and are continued from, and removed at the
    end.
    """
    recordings = read_pack(pack, left_out)
    torch.manual_seed(options.seed)
    network = MotionNetwork(options.network)
    network.learned_units.copy_(torch.from_numpy(_labelled_units(recordings)))
    voices = repertoire(recordings, speech, options)
    states = [out / "motion.phones.training.safetensors", out / "motion.training.safetensors"]
    if speech and not states[1].is_file():
        pretrain(network, voices.mostly_last(_SPEECH_SHARE), options, states[0], progress, place)
    else:
        fit_statistics(network, voices)
    fit(network, voices, face_space.basis(), options, states[1], progress, place)
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
