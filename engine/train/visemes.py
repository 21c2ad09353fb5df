"""Gives unfilmed speech a mouth: motion from phones and loudness, as the filmed speakers make it.

A small non-causal network learns which motion goes with which phones. It hears nothing of the voice but its loudness,
so it speaks as well for the voices that nobody filmed, of which there are many more. What it says of them is then a
target for the motion network, which hears the voice.
"""

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional

from engine.action_units import ACTION_UNITS, MAXIMUM
from engine.face_space import CODE_SIZE, MotionBasis
from engine.features import HOPS_PER_FRAME
from engine.model.audio_encoder import PHONES
from engine.train.loop import Settings, TrainingState, train
from engine.train.motion_loss import LossWeights, MotionLoss
from engine.train.phones import UNKNOWN
from engine.train.utterances import Batch, Heard, Repertoire

# Phones that few filmed sentences hold, and the one that looks most like each.
_LOOKS_LIKE = {"SH": "CH", "ZH": "JH", "NG": "G", "ER": "R", "OY": "AO", "UH": "UW"}
_QUIETEST = -10.0  # features below it are as good as silent
_HALVES = 2  # of a frame, in each of which the phones are counted


class VisemeNetwork(nn.Module):
    """Residual convolutions over 12 frames to either side, from phone counts and loudness to units and code."""

    def __init__(self, channels: int = 96, dropout: float = 0.15) -> None:
        super().__init__()
        inputs = _HALVES * (len(PHONES) + 2)
        self.entry = nn.Conv1d(inputs, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Conv1d(channels, channels, 5, padding=2 * dilation, dilation=dilation) for dilation in (1, 1, 2, 2)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Conv1d(channels, len(ACTION_UNITS) + CODE_SIZE, 1)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """`seen` (B, T, inputs), see `describe`; returns units (B, T, units) and codes (B, T, CODE_SIZE)."""
        signal = functional.gelu(self.entry(seen.transpose(1, 2)))
        for block in self.blocks:
            signal = signal + self.dropout(functional.gelu(block(signal)))
        output = self.head(signal).transpose(1, 2)
        return output[..., : len(ACTION_UNITS)], output[..., len(ACTION_UNITS) :]


def describe(mel: Tensor, phones: Tensor) -> Tensor:
    """Phones (B, 4 T) counted in each half of a frame, and its loudness from features (B, 4 T, 80): (B, T, inputs)."""
    unknown = len(PHONES)
    looks = torch.tensor([PHONES.index(_LOOKS_LIKE.get(phone, phone)) for phone in PHONES] + [unknown])
    named = looks[torch.where(phones == UNKNOWN, unknown, phones)]
    counts = functional.one_hot(named, unknown + 1).float()
    loudness = mel.mean(dim=2, keepdim=True).clamp(min=_QUIETEST) / 5.0
    hops = torch.cat((counts, loudness), dim=2)
    halves = hops.reshape(len(hops), -1, _HALVES, HOPS_PER_FRAME // _HALVES, hops.shape[2]).mean(dim=3)
    return halves.flatten(2)


def learn_visemes(filmed: Repertoire, basis: MotionBasis, steps: int, seed: int) -> VisemeNetwork:
    """Train on filmed recordings with phones; about a minute for 600 steps."""
    torch.manual_seed(seed)
    network = VisemeNetwork()
    loss = MotionLoss.of(basis, LossWeights())
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)

    def objective(batch: Batch) -> Tensor:
        seen = describe(batch.mel, batch.phones)
        units, code = network(seen)
        return loss(units, code, batch.action_units, batch.code)

    def draw(generator: Generator) -> Batch:
        return filmed.batch(16, 90, generator)

    network.train()
    state = TrainingState({"visemes": network}, {"visemes": optimiser})
    train(state, draw, {"visemes": objective}, Settings(steps, seed))
    return network.eval()


def mime(network: VisemeNetwork, heard: Heard, labelled: tuple[int, ...]) -> Heard:
    """The recording with the motion that its phones suggest, unknown in frames where a phone is.

    `labelled`: the places in ACTION_UNITS of the units that the network has learned.
    """
    mel, phones = torch.from_numpy(heard.mel.astype(np.float32))[None], torch.from_numpy(heard.phones).long()[None]
    with torch.no_grad():
        units, code = (output[0].numpy() for output in network(describe(mel, phones)))
    unknown = (heard.phones.reshape(-1, HOPS_PER_FRAME) == UNKNOWN).any(axis=1)
    units, code = np.clip(units, 0.0, MAXIMUM), code.copy()
    units[:, [place for place in range(len(ACTION_UNITS)) if place not in labelled]] = np.nan
    units[unknown], code[unknown] = np.nan, np.nan
    return Heard(heard.mel, code, units, heard.phones)
