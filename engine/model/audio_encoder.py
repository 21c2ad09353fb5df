"""The audio encoder: features of speech at 100 Hz become one vector for each picture; it knows nothing of faces."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from liveface.engine.hearing.features import HOPS_PER_FRAME, MEL_BINS
from liveface.engine.model.temporal import CausalBlock, CausalConvolution, Memory, Shapes

SILENCE = -13.815511  # the feature of digital silence, ln(1e-6): the past of a fresh start
# Silence and the phones of the CMU dictionary.
PHONES = (
    "SIL", "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY",
    "F", "G", "HH", "IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY",
    "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
PHONE_DELAYS = (0, 2, 4)  # frames that have been heard beyond the one whose phones are named


class AudioEncoder(nn.Module):
    """Causal convolution on the log-mel, four hops joined to a frame, dilated causal blocks.

    In training a second head names the phones of each hop, after each of `PHONE_DELAYS` frames of later sound. That
    task can be learned from any transcribed voice, and makes the vectors say what is spoken rather than by whom.
    """

    def __init__(self, mel_channels: int, channels: int, dilations: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((MEL_BINS,), -7.0))
        self.register_buffer("deviation", torch.full((MEL_BINS,), 4.0))
        self.convolution = CausalConvolution(MEL_BINS, mel_channels, taps=5)
        self.join = nn.Linear(HOPS_PER_FRAME * mel_channels, channels)
        self.blocks = nn.ModuleList(CausalBlock(channels, dilation, dropout) for dilation in dilations)
        self.norm = nn.LayerNorm(channels)
        self.phones = nn.Linear(channels, len(PHONE_DELAYS) * HOPS_PER_FRAME * len(PHONES))

    mean: Tensor
    deviation: Tensor

    def memory_shapes(self) -> Shapes:
        """What this part remembers, in the order in which it runs."""
        shapes = self.convolution.memory_shapes()
        for block in self.blocks:
            assert isinstance(block, CausalBlock)
            shapes += block.memory_shapes()
        return shapes

    def forward(self, mel: Tensor, memory: Memory) -> Tensor:
        """Features (B, 4 T, 80) as `engine.hearing.features` makes them to vectors (B, T, channels)."""
        shift = (self.mean - SILENCE) / self.deviation  # the memory starts with zeros, which stand for silence
        scaled = (mel - SILENCE) / self.deviation
        hops = functional.gelu(self.convolution(scaled, memory) - self._response(shift))
        signal = self.join(hops.reshape(mel.shape[0], -1, self.join.in_features))
        for block in self.blocks:
            signal = block(signal, memory)
        result: Tensor = self.norm(signal)
        return result

    def _response(self, shift: Tensor) -> Tensor:
        """What the convolution's taps make of a constant: subtracting it centres the features on their mean."""
        return functional.linear(
            shift.repeat(self.convolution.linear.in_features // MEL_BINS), self.convolution.linear.weight
        )

    def name_phones(self, vectors: Tensor) -> Tensor:
        """Scores (B, T, delays, 4 hops, phones) of vectors (B, T, channels); row d of frame t speaks of frame t - d."""
        scores = self.phones(vectors)
        result: Tensor = scores.reshape(*vectors.shape[:2], len(PHONE_DELAYS), HOPS_PER_FRAME, len(PHONES))
        return result
