"""Trains the motion network: phones of many voices first, then the mouths of the speakers who were filmed.

    liveface train motion --pack PACK [--speech FOLDER ...] [--encoded FOLDER] --out MODELS

The bottleneck is the variety of voices. So the audio encoder first learns phones, and what a speech recogniser makes of
the sound, from transcribed speech, and keeps both as auxiliary tasks; every recording is heard in several other voices
(`engine.train.voices`); and unfilmed speech is given a mouth by a teacher (`engine.train.pseudo_labels`), trained on
the same films.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from liveface.engine import checkpoint
from liveface.engine.errors import CheckpointError
from liveface.engine.face import face_space, unit_basis
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.face_space import MotionBasis
from liveface.engine.hearing.features import HOPS_PER_FRAME
from liveface.engine.model.audio_encoder import PHONE_DELAYS
from liveface.engine.model.motion_network import LOOKAHEADS, MotionConfiguration, MotionNetwork
from liveface.engine.model.temporal import Memory
from liveface.engine.train.articulation import BILABIAL
from liveface.engine.train.habits import evened
from liveface.engine.train.loop import Progress, Rank, Settings, TrainingState, require_same_options, train
from liveface.engine.train.motion_loss import LossWeights, MotionLoss
from liveface.engine.train.phone_truths import SURE, Exaggeration
from liveface.engine.train.phones import UNKNOWN
from liveface.engine.train.pseudo_labels import learn_visemes, mime
from liveface.engine.train.speech_dataset import Batch, Heard, InVoices, Recording, SpeechDataset, read_pack, with_heard
from liveface.engine.train.speech_encoder import COMPONENTS, Components, SpeechEncoder, remembered

_SPEECH_SHARE = 0.85  # of unfilmed speech while only phones are learned
_ALIKE = 6  # clips from which a speaker is heard as often as another: one clip must not be learned by heart


@dataclass(frozen=True, slots=True)
class HearingOptions:
    """Everything that is chosen about one training."""

    network: MotionConfiguration = field(default_factory=MotionConfiguration)
    pretraining_steps: int = 1500
    steps: int = 2500  # of the cycle of the learning rate
    until: int | None = None  # the step after which a training ends, all of them without
    batch: int = 8  # rows of `row_frames`
    row_frames: int = 100
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    seed: int = 0
    versions: int = 40  # voices in which the recordings of a rare speaker are heard; a frequent one has fewer
    strength: float = 1.0  # of the change of voice
    filmed_share: float = 0.3  # of a batch: the speaker with most recordings
    others_share: float = 0.15  # the other filmed speakers; the rest of the batch is unfilmed speech
    silence_share: float = 0.05
    weights: LossWeights = field(default_factory=LossWeights)
    phone_weight: float = 0.3
    encoder_weight: float = 0.6  # of what the speech recogniser hears
    drive: bool = True  # Action Units move the mouth by their basis
    residual_weight: float = 0.05  # of motion that is not the Action Units', a mean square
    residual_dropout: float = 0.3  # share of the rows in which the units must do without it
    handover_steps: int = 600  # in which the units of a network that had no basis take over what they can
    even_habits: bool = True  # of everyone but the most filmed speaker, see `engine.train.habits`
    viseme_steps: int = 600  # of each teacher of those that give unfilmed speech a mouth; 0 leaves it without
    teachers: int = 3  # their mean is less of anyone's habits
    exaggeration: Exaggeration = field(default_factory=Exaggeration)
    viseme_weights: LossWeights = field(default_factory=lambda: LossWeights(spread=0.0, closures=0.1))
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


def encoder_loss(components: Tensor, heard: Tensor) -> Tensor:
    """Mean square error of components (B, T, delays * 64) with what the recogniser hears (B, T, 64), NaN unknown."""
    targets = delayed(heard, PHONE_DELAYS, float("nan")).flatten(2)
    known = torch.isfinite(targets)
    error = torch.where(known, components - torch.nan_to_num(targets), 0.0)
    return error.square().sum() / known.sum().clamp(min=1)


def encoder_head(network: MotionNetwork) -> nn.Linear:
    """The auxiliary head that says what the recogniser hears, after each of `PHONE_DELAYS`; it is not kept."""
    return nn.Linear(network.configuration.channels, len(PHONE_DELAYS) * COMPONENTS)


def heads_loss(
    network: MotionNetwork,
    recogniser: nn.Linear,
    batch: Batch,
    loss: MotionLoss,
    options: HearingOptions,
) -> Tensor:
    """The loss of all heads of the network, each against its own delayed labels, and of the auxiliary tasks.

    The residual is dropped in some rows and costs by its size in the others, so that the units carry what they can.
    """
    said = network.hear(batch.mel)
    residual = said.residual
    dropout, cost = (options.residual_dropout, options.residual_weight) if options.drive else (0.0, 0.0)
    kept = torch.rand(len(residual), 1, 1, 1, device=residual.device) >= dropout
    delays = range(LOOKAHEADS)
    true_units = delayed(batch.action_units, delays, float("nan"))
    true_code = delayed(batch.code, delays, float("nan"))
    labial = delayed(_labial(batch.articulation), delays, 0.0) > 0.0
    return (
        loss(said.action_units, said.driven + torch.where(kept, residual, 0.0), true_units, true_code, labial)
        + cost * _size(residual, torch.isfinite(true_code))
        + options.phone_weight * phone_loss(network.audio_encoder.name_phones(said.vectors), batch.phones)
        + options.encoder_weight * encoder_loss(recogniser(said.vectors), batch.heard)
    )


def _labial(articulation: Tensor) -> Tensor:
    """1 for frames (B, T) in which p, b or m is made for half of the time or more, of articulation (B, 4 T, 12)."""
    made = torch.nan_to_num(articulation[..., BILABIAL]) >= SURE
    return (made.reshape(len(made), -1, HOPS_PER_FRAME).float().mean(dim=2) >= 0.5).float()


def _size(residual: Tensor, known: Tensor) -> Tensor:
    """Mean square of a residual where motion is known."""
    return torch.where(known, residual, 0.0).square().sum() / known.sum().clamp(min=1)


def listen(recordings: Sequence[Recording], folder: Path) -> list[Recording]:
    """The recordings with what a speech recogniser makes of them; its answers are kept in `folder`."""
    encoder = SpeechEncoder.load()
    vectors = [remembered(encoder, recording.pcm, folder) for recording in recordings]
    components = Components.of(vectors)
    return [with_heard(one, components(heard)) for one, heard in zip(recordings, vectors, strict=True)]


def repertoire(
    recordings: Sequence[Recording],
    speech: Sequence[Recording],
    options: HearingOptions,
    progress: Progress | None = None,
) -> SpeechDataset:
    """The voices of a training: the most filmed speaker, the other filmed ones, and unfilmed speech with its mime."""
    counts = Counter(recording.speaker for recording in recordings)
    main = counts.most_common(1)[0][0]
    few = max(2, options.versions // 13)
    if options.even_habits:
        recordings = evened(recordings, face_space.basis(), main)
    groups: list[tuple[float, Sequence[Heard]]] = []
    others = {name: min(count, _ALIKE) for name, count in sorted(counts.items()) if name != main}
    shares = {main: options.filmed_share}
    shares |= {name: options.others_share * weight / sum(others.values()) for name, weight in others.items()}
    for number, (name, share) in enumerate(shares.items()):
        own = [recording for recording in recordings if recording.speaker == name]
        versions = few if name == main else options.versions
        groups.append((share, InVoices(own, versions, options.strength, options.seed + number)))
    if speech:
        if any(np.isfinite(recording.articulation).any() for recording in recordings) and options.viseme_steps:
            basis = face_space.basis()
            teachers = [
                learn_visemes(recordings, basis, options.viseme_weights, options.viseme_steps, seed, progress)
                for seed in range(options.seed, options.seed + options.teachers)
            ]
            labelled = tuple(np.flatnonzero(_labelled_units(recordings)).tolist())
            speech = [mime(teachers, recording, basis, labelled, options.exaggeration) for recording in speech]
        share = 1.0 - options.filmed_share - options.others_share
        groups.append((share, InVoices(speech, few, options.strength, options.seed + len(shares))))
    return SpeechDataset(tuple(group for group in groups if group[0] > 0.0), options.silence_share)


def _labelled_units(recordings: Sequence[Recording]) -> NDArray[np.bool_]:
    """Which units have a label in any frame, bool (units,)."""
    labels = np.concatenate([recording.action_units for recording in recordings])
    return np.asarray(np.isfinite(labels).any(axis=0), np.bool_)


def fit_statistics(network: MotionNetwork, voices: SpeechDataset) -> None:
    """Set the encoder's mean and deviation of each mel bin from a sample of what will be heard."""
    generator = np.random.default_rng(0)
    mel = voices.batch(64, 100, generator).mel
    network.audio_encoder.mean.copy_(mel.mean(dim=(0, 1)))
    network.audio_encoder.deviation.copy_(mel.std(dim=(0, 1)).clamp(min=0.5))


def pretrain(
    network: MotionNetwork,
    recogniser: nn.Linear,
    voices: SpeechDataset,
    options: HearingOptions,
    file: Path | None = None,
    progress: Progress | None = None,
    place: Rank | None = None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Teach the audio encoder the phones of all voices, and what the recogniser hears; the rest is left alone."""
    place = place or Rank.current()
    fit_statistics(network, voices)
    encoder = network.to(place.device).audio_encoder
    recogniser.to(place.device)
    together = nn.ModuleDict({"encoder": encoder, "recogniser": recogniser})
    state = TrainingState({"encoder": together}, {"phones": _optimiser(together, options)}, told=told or {})

    def loss(batch: Batch) -> Tensor:
        memory = Memory(network.initial_state(len(batch.mel)))
        vectors = encoder(batch.mel, memory)
        named = phone_loss(encoder.name_phones(vectors), batch.phones)
        return named + options.encoder_weight * encoder_loss(recogniser(vectors), batch.heard)

    network.train()
    settings = Settings(options.pretraining_steps, options.seed, save_every=options.save_every)
    train(state, _batches(voices, options, place), {"phones": loss}, settings, file, progress, place)


def fit(
    network: MotionNetwork,
    recogniser: nn.Linear,
    voices: SpeechDataset,
    basis: MotionBasis,
    options: HearingOptions,
    file: Path | None = None,
    progress: Progress | None = None,
    place: Rank | None = None,
    told: Mapping[str, Any] | None = None,
) -> None:
    """Teach the whole network, with both auxiliary tasks; afterwards it holds its averaged weights.

    Motion of the units that the residual takes back is taken back less and less. `told`: see `TrainingState`.
    """
    place = place or Rank.current()
    network.to(place.device)
    recogniser.to(place.device)
    loss = MotionLoss.of(basis, options.weights)
    together = nn.ModuleDict({"network": network, "recogniser": recogniser})
    state = TrainingState({"motion": together}, {"motion": _optimiser(together, options)}, told=told or {})

    withheld = network.withheld.clone()

    def objective(batch: Batch) -> Tensor:
        network.withheld.copy_(withheld * max(0.0, 1.0 - state.step / max(options.handover_steps, 1)))
        return heads_loss(network, recogniser, batch, loss, options)

    network.train()
    settings = Settings(
        options.steps,
        options.seed,
        average_decay=options.average_decay,
        save_every=options.save_every,
        until=options.until,
    )
    train(state, _batches(voices, options, place), {"motion": objective}, settings, file, progress, place)
    together.load_state_dict(state.weights("motion"))
    network.cpu().eval()


def _batches(voices: SpeechDataset, options: HearingOptions, place: Rank) -> Callable[[Generator], Batch]:
    def draw(generator: Generator) -> Batch:
        return voices.batch(options.batch, options.row_frames, generator).to(place.device)

    return draw


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
    place: Rank | None = None,
    encoded: Path | None = None,
    start: Path | None = None,
    unit_matrix: NDArray[np.float32] | None = None,
) -> Path:
    """Train on the speakers of a prepared corpus and write `out/motion.safetensors`; returns its path.

    `speech`: unfilmed recordings with phones, see `unfilmed`; without, there is no pre-training. `left_out`: speakers
    to keep for testing. `encoded`: where a speech recogniser's answers are kept; without, none is asked. `start`: a
    checkpoint whose motion network is trained on, instead of pre-training a new one. `unit_matrix`: the basis by which
    units drive, the shipped one without. The states of an interrupted training lie in `out` and are continued from by
    the same call, and removed at the end. Raises `CheckpointError` if they are of another call.
    """
    recordings = read_pack(pack, left_out)
    if encoded is not None:
        both = listen([*recordings, *speech], encoded)
        recordings, speech = both[: len(recordings)], both[len(recordings) :]
    torch.manual_seed(options.seed)
    network = MotionNetwork(options.network)
    recogniser = encoder_head(network)
    provenance: dict[str, Any] = {
        "network": "motion",
        "options": asdict(options),
        "speakers": sorted({recording.speaker for recording in recordings}),
        "recordings": len(recordings),
        "unfilmed_recordings": len(speech),
        "speech_encoder": encoded is not None,
    }
    if start is not None:
        begun = checkpoint.load(start)
        network = MotionNetwork.from_checkpoint(begun)
        provenance["from"] = begun.provenance.get("motion", {})
        provenance["speakers"] = sorted({*provenance["speakers"], *provenance["from"].get("speakers", [])})
    if options.drive:
        network.give_basis(torch.from_numpy(np.array(unit_basis.shipped() if unit_matrix is None else unit_matrix)))
    if start is None:
        network.withheld.zero_()
    network.learned_units.copy_(torch.from_numpy(_labelled_units(recordings)))
    told = _told(provenance, network)
    states = [out / "motion.phones.training.safetensors", out / "motion.training.safetensors"]
    for state in states:
        if state.is_file():  # said before anything that takes minutes
            require_same_options(state, checkpoint.load(state).configuration, told)
    voices = repertoire(recordings, speech, options, progress)
    if start is None:
        if speech and not states[1].is_file():
            spoken = voices.mostly_last(_SPEECH_SHARE)
            pretrain(network, recogniser, spoken, options, states[0], progress, place, told)
        else:
            fit_statistics(network, voices)
    fit(network, recogniser, voices, face_space.basis(), options, states[1], progress, place, told)
    path = out / "motion.safetensors"
    checkpoint.save(path, network.tensors(), {"motion": network.configuration.to_json()}, {"motion": provenance})
    for state in states:
        state.unlink(missing_ok=True)
    return path


def _told(provenance: Mapping[str, Any], network: MotionNetwork) -> dict[str, Any]:
    """What must be the same where an interrupted training goes on."""
    options = {name: value for name, value in provenance["options"].items() if name != "save_every"}
    begun = hashlib.sha256(b"".join(value.tobytes() for value in network.tensors().values())).hexdigest()
    rest = {name: value for name, value in provenance.items() if name not in ("options", "from")}
    return {**options, **rest, "weights to begin with": begun}


def average_motion(
    first: Path, second: Path, share: float, out: Path, sizes: Collection[tuple[int, float]] = ()
) -> Path:
    """Write `out/motion.safetensors` with (1 - share) * first + share * second of two motion networks; its path.

    The mean of two networks that one training has led to often hears better than either (Wortsman et al., "Model
    soups", 2022). `sizes`: Action Units, and how many times as far each moves the mouth in the mean: training shrinks
    what is uncertain. Raises `CheckpointError` if the two differ in shape, or if one is none.
    """
    checkpoints = [checkpoint.load(path) for path in (first, second)]
    networks = [MotionNetwork.from_checkpoint(one) for one in checkpoints]
    if networks[0].configuration != networks[1].configuration:
        raise CheckpointError(f"{first} and {second} are networks of different size: average networks of one training.")
    for one, other in (networks, networks[::-1]):
        if not bool(one.unit_basis.any()) and bool(other.unit_basis.any()):
            one.give_basis(other.unit_basis)
    if not torch.equal(networks[0].unit_basis, networks[1].unit_basis):
        raise CheckpointError(
            f"The units of {first} and {second} drive by different bases: average networks of one training."
        )
    parts = [network.tensors() for network in networks]
    mean = {name: np.asarray((1 - share) * parts[0][name] + share * parts[1][name], np.float32) for name in parts[0]}
    mean["motion.unit_basis"] = parts[0]["motion.unit_basis"]  # the same in both, and to the bit
    # Of a unit's motion the residual takes back a part, which is no larger for a unit that is.
    driving = 1.0 - float(mean["motion.withheld"][0])
    for unit, size in sizes:
        mean["motion.learned_units"][ACTION_UNITS.index(unit)] *= 1.0 + (size - 1.0) / max(driving, 1e-3)
    told = [one.provenance.get("motion", {}) for one in checkpoints]
    provenance = {
        "network": "motion",
        "speakers": sorted({speaker for one in told for speaker in one.get("speakers", [])}),
        "share_of_the_second": share,
        "unit_sizes": dict(sizes),
        "mean_of": told,
    }
    path = out / "motion.safetensors"
    checkpoint.save(path, mean, {"motion": networks[0].configuration.to_json()}, {"motion": provenance})
    return path
