"""Causal layers over time that carry their past explicitly; they do not know what they process.

Every layer takes any number of frames together with what it remembers, so a whole recording and a single frame run
through the same code. All signals are (B, T, C).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_MASKED = -1e4  # an attention score that no softmax sees, and that fp16 can hold


class Memory:
    """The past of one pass through the network, read and renewed in the order of its layers.

    Every entry holds the latest frames of one signal, (B, frames, C); zeros are the past of a fresh start.
    """

    def __init__(self, past: Sequence[Tensor]) -> None:
        self._past = iter(past)
        self.renewed: list[Tensor] = []

    def extend(self, signal: Tensor) -> Tensor:
        """Put the remembered frames before `signal` (B, T, C) and remember the latest as many."""
        past = next(self._past)
        joined = torch.cat((past, signal), dim=1)
        self.renewed.append(joined[:, joined.shape[1] - past.shape[1] :])
        return joined


Shapes = list[tuple[int, int]]  # frames and channels of each entry of a memory


class CausalConvolution(nn.Module):
    """A dilated convolution that sees the current and earlier frames only, as one matrix product over its taps."""

    def __init__(self, inputs: int, outputs: int, taps: int, dilation: int = 1) -> None:
        super().__init__()
        self._inputs, self._taps, self._dilation = inputs, taps, dilation
        self.linear = nn.Linear(taps * inputs, outputs)

    def memory_shapes(self) -> Shapes:
        """What this part remembers, in the order in which it runs."""
        return [((self._taps - 1) * self._dilation, self._inputs)]

    def forward(self, signal: Tensor, memory: Memory) -> Tensor:
        """(B, T, inputs) to (B, T, outputs)."""
        frames = signal.shape[1]
        joined = memory.extend(signal)
        taps = [joined[:, tap * self._dilation : tap * self._dilation + frames] for tap in range(self._taps)]
        result: Tensor = self.linear(torch.cat(taps, dim=2))
        return result


class CausalBlock(nn.Module):
    """A residual block: layer norm, dilated convolution of three taps, GELU, projection, dropout."""

    def __init__(self, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.convolution = CausalConvolution(channels, channels, taps=3, dilation=dilation)
        self.projection = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def memory_shapes(self) -> Shapes:
        """What this part remembers, in the order in which it runs."""
        return self.convolution.memory_shapes()

    def forward(self, signal: Tensor, memory: Memory) -> Tensor:
        """(B, T, channels) to the same."""
        inner = functional.gelu(self.convolution(self.norm(signal), memory))
        result: Tensor = signal + self.dropout(self.projection(inner))
        return result


class WindowedAttention(nn.Module):
    """Residual self-attention of every frame over the latest `window` frames, with a learned bias per distance.

    Frames before the start count as zeros rather than being masked, so that a fresh memory needs no length.
    """

    def __init__(self, channels: int, heads: int, window: int, dropout: float) -> None:
        super().__init__()
        self._channels, self._heads, self._window = channels, heads, window
        self.norm = nn.LayerNorm(channels)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.bias = nn.Parameter(torch.zeros(heads, window))
        self.projection = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def memory_shapes(self) -> Shapes:
        """What this part remembers, in the order in which it runs."""
        return [(self._window - 1, self._channels)] * 2

    def forward(self, signal: Tensor, memory: Memory) -> Tensor:
        """(B, T, channels) to the same."""
        batch, frames, channels = signal.shape
        query, key, value = self.query_key_value(self.norm(signal)).chunk(3, dim=2)
        key, value = memory.extend(key), memory.extend(value)

        def by_head(tensor: Tensor) -> Tensor:
            return tensor.reshape(batch, -1, self._heads, channels // self._heads).transpose(1, 2)

        scores = by_head(query) @ by_head(key).transpose(2, 3) * (channels // self._heads) ** -0.5
        weights = torch.softmax(scores + self._band(frames), dim=3)
        mixed = (weights @ by_head(value)).transpose(1, 2).reshape(batch, frames, channels)
        result: Tensor = signal + self.dropout(self.projection(mixed))
        return result

    def _band(self, frames: int) -> Tensor:
        """The bias of every pair of frames, (heads, T, T + window - 1): a frame sees only the window that it ends."""
        if frames == 1:
            return self.bias[:, None]
        rows = torch.arange(frames, device=self.bias.device)[:, None]
        place = torch.arange(frames + self._window - 1, device=self.bias.device)[None] - rows
        inside = (place >= 0) & (place < self._window)
        return self.bias[:, place.clamp(0, self._window - 1)].masked_fill(~inside, _MASKED)
