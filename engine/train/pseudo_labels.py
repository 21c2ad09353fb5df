"""The teacher: gives unfilmed speech a mouth, from its phones and from what a speech recogniser makes of its sound.

A small non-causal network learns from the filmed people which motion goes with which sounds. It hears whole
recordings, is told the phones where they are known, and may be told how far its speaker moves his lips. What it says
of unfilmed speech, with the phones' hard truths put in (`engine.train.phone_truths`), is then a target for the motion
network, which hears the voice alone.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from liveface.engine.face import action_units
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.face_space import CODE_SIZE, MotionBasis
from liveface.engine.hearing.features import HOPS_PER_FRAME, normalised_features
from liveface.engine.model.audio_encoder import SILENCE
from liveface.engine.train import measures, phone_truths
from liveface.engine.train.articulation import FEATURES
from liveface.engine.train.loop import Progress, Settings, TrainingState, train
from liveface.engine.train.measures import GAP, PROTRUSION, WIDTH
from liveface.engine.train.motion_loss import LossWeights, MotionLoss
from liveface.engine.train.phone_truths import Exaggeration
from liveface.engine.train.speech_dataset import InVoices, Recording
from liveface.engine.train.speech_encoder import COMPONENTS

Array = NDArray[np.float32]

STYLE = 3  # numbers: how far the speaker opens, spreads and protrudes the lips, against the mean of all
_QUIETEST = -10.0  # features below it are as good as silent
_HALVES = 2  # of a frame, in each of which phones and loudness are told
_INPUTS = _HALVES * (len(FEATURES) + 2) + COMPONENTS + 1 + STYLE
_ROWS, _FRAMES = 16, 75

# Shares of the rows that must do without: so the teacher can label speech of which less is known.
_NO_PHONES, _NO_ENCODER = 0.25, 0.15
_NOISE = 0.7  # deviation, on the encoder's components, which have a deviation of 1


class VisemeNetwork(nn.Module):
    """Residual convolutions over 17 frames to either side, from what is known of a frame to units and code."""

    def __init__(self, channels: int = 128, dropout: float = 0.4) -> None:
        super().__init__()
        self.entry = nn.Conv1d(_INPUTS, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Conv1d(channels, channels, 5, padding=2 * dilation, dilation=dilation) for dilation in (1, 1, 2, 2, 2)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Conv1d(channels, len(ACTION_UNITS) + CODE_SIZE, 1)

    def forward(self, known: Tensor) -> tuple[Tensor, Tensor]:
        """`known` (B, T, inputs), see `describe`; returns units (B, T, units) and codes (B, T, CODE_SIZE)."""
        signal = functional.gelu(self.entry(known.transpose(1, 2)))
        for block in self.blocks:
            signal = signal + self.dropout(functional.gelu(block(signal)))
        output = self.head(signal).transpose(1, 2)
        return output[..., : len(ACTION_UNITS)], output[..., len(ACTION_UNITS) :]


def describe(mel: Tensor, articulation: Tensor, heard: Tensor, style: Tensor, noise: float = 0.0) -> Tensor:
    """What is known of each frame, (B, T, inputs).

    Features (B, 4 T, 80), of which only the loudness counts; articulation (B, 4 T, 12) and the speech encoder's
    components (B, T, 64), NaN where unknown; the speaker's style (B, 3), zeros for the mean of all.
    `noise`: its deviation on the components.
    """
    spoken = torch.isfinite(articulation[..., :1])
    loudness = mel.mean(dim=2, keepdim=True).clamp(min=_QUIETEST) / 5.0
    hops = torch.cat((torch.nan_to_num(articulation), spoken.float(), loudness), dim=2)
    halves = hops.reshape(len(hops), -1, _HALVES, HOPS_PER_FRAME // _HALVES, hops.shape[2]).mean(dim=3).flatten(2)
    encoded = torch.isfinite(heard[..., :1])
    styles = style[:, None].expand(-1, halves.shape[1], -1)
    components = torch.nan_to_num(heard + noise * torch.randn_like(heard))
    return torch.cat((halves, components, encoded.float(), styles), dim=2)


def styles(recordings: Sequence[Recording], basis: MotionBasis) -> dict[str, Array]:
    """How far each speaker moves his lips, (3,) by speaker: log of opening, width and protrusion against the mean."""
    shapes = measures.matrix(basis)
    found: dict[str, Array] = {}
    for speaker in sorted({one.speaker for one in recordings}):
        codes = np.concatenate([one.code for one in recordings if one.speaker == speaker])
        moved = codes[np.isfinite(codes[:, 0])] @ shapes
        extent = [np.percentile(moved[:, GAP], 95), moved[:, WIDTH].std(), moved[:, PROTRUSION].std()]
        found[speaker] = np.log(np.maximum(extent, 1e-3)).astype(np.float32)
    middle = np.mean(list(found.values()), axis=0)
    return {speaker: np.asarray(style - middle, np.float32) for speaker, style in found.items()}


def learn_visemes(
    filmed: Sequence[Recording],
    basis: MotionBasis,
    weights: LossWeights,
    steps: int,
    seed: int,
    progress: Progress | None = None,
) -> VisemeNetwork:
    """Train on filmed recordings, every speaker as often as another; about a minute for 600 steps."""
    torch.manual_seed(seed)
    network = VisemeNetwork()
    loss = MotionLoss.of(basis, weights)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)
    heard = InVoices(filmed, 1, 0.0, seed)
    style = styles(filmed, basis)
    by_speaker = {name: [k for k, one in enumerate(filmed) if one.speaker == name] for name in style}
    # A person with a clip or two must not be learned by heart.
    chances = np.array([min(len(clips), 6) for clips in by_speaker.values()], np.float64)
    names = list(by_speaker)

    def draw(generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        chosen = generator.choice(names, _ROWS, p=chances / chances.sum())
        rows = [heard[int(generator.choice(by_speaker[name]))] for name in chosen]
        known = describe(
            _stacked([one.mel for one in rows], _FRAMES * HOPS_PER_FRAME, SILENCE),
            _without(_stacked([one.articulation for one in rows], _FRAMES * HOPS_PER_FRAME), _NO_PHONES, generator),
            _without(_stacked([one.heard for one in rows], _FRAMES), _NO_ENCODER, generator),
            torch.from_numpy(np.stack([style[name] for name in chosen])),
            _NOISE,
        )
        return (
            known,
            _stacked([one.action_units for one in rows], _FRAMES),
            _stacked([one.code for one in rows], _FRAMES),
        )

    def objective(batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        known, units, code = batch
        said_units, said_code = network(known)
        return loss(said_units, said_code, units, code)

    network.train()
    state = TrainingState({"visemes": network}, {"visemes": optimiser})
    train(state, draw, {"visemes": objective}, Settings(steps, seed), progress=progress)
    return network.eval()


def mime(
    networks: Sequence[VisemeNetwork],
    recording: Recording,
    basis: MotionBasis,
    labelled: tuple[int, ...],
    exaggeration: Exaggeration | None = None,
) -> Recording:
    """The recording with the motion that a mouth of no particular style would make, and its phones' hard truths.

    It is the mean of what the networks say. Frames of which neither the phones nor the encoder's answer are known stay
    unknown. `labelled`: the places in ACTION_UNITS of the units that the networks have learned.
    """
    known = (normalised_features(recording.pcm), recording.articulation, recording.heard)
    mel, told, heard = (torch.from_numpy(one)[None] for one in known)
    with torch.inference_mode():
        described = describe(mel, told, heard, torch.zeros(1, STYLE))
        said = torch.stack([network(described)[1][0] for network in networks]).mean(dim=0).numpy()
    code = phone_truths.applied(said, recording.articulation, basis, exaggeration)
    units = action_units.from_landmarks(basis.decode(code))
    units[:, [place for place in range(len(ACTION_UNITS)) if place not in labelled]] = np.nan
    spoken = np.isfinite(recording.articulation[:, 0]).reshape(-1, HOPS_PER_FRAME).all(axis=1)
    unknown = ~spoken & ~np.isfinite(recording.heard[:, 0])
    code[unknown], units[unknown] = np.nan, np.nan
    return replace(recording, code=code, action_units=units)


def _stacked(values: Sequence[NDArray[np.floating]], length: int, beyond: float = np.nan) -> Tensor:
    """Recordings (n, ...) cut or continued to `length`, as (B, length, ...)."""
    padded = [
        np.pad(one[:length].astype(np.float32), ((0, max(0, length - len(one))), (0, 0)), constant_values=beyond)
        for one in values
    ]
    return torch.from_numpy(np.stack(padded))


def _without(rows: Tensor, share: float, generator: Generator) -> Tensor:
    """The rows, about `share` of them unknown."""
    rows[torch.from_numpy(generator.random(len(rows)) < share)] = np.nan
    return rows
