"""The fusion of sound and Action Units: dilated temporal convolution with self-attention.

The reference design's network is non-causal. Here the trunk is causal, and its right context comes from delayed heads:
see `MotionNetwork`.
"""

import torch
from torch import Tensor, nn

from liveface.engine.model.temporal import CausalBlock, Memory, Shapes, WindowedAttention


class Fusion(nn.Module):
    """Both modalities joined, dilated blocks, self-attention over the latest frames, one more block."""

    def __init__(
        self, sound: int, units: int, channels: int, dilations: tuple[int, ...], heads: int, window: int, dropout: float
    ) -> None:
        super().__init__()
        self.join = nn.Linear(sound + units, channels)
        self.blocks = nn.ModuleList(CausalBlock(channels, dilation, dropout) for dilation in dilations)
        self.attention = WindowedAttention(channels, heads, window, dropout)
        self.last = CausalBlock(channels, 1, dropout)
        self.norm = nn.LayerNorm(channels)

    def memory_shapes(self) -> Shapes:
        """What this part remembers, in the order in which it runs."""
        shapes: Shapes = []
        for block in self.blocks:
            assert isinstance(block, CausalBlock)
            shapes += block.memory_shapes()
        return shapes + self.attention.memory_shapes() + self.last.memory_shapes()

    def forward(self, sound: Tensor, units: Tensor, memory: Memory) -> Tensor:
        """Sound (B, T, sound) and unit embeddings (B, T, units) to (B, T, channels)."""
        signal = self.join(torch.cat((sound, units), dim=2))
        for block in self.blocks:
            signal = block(signal, memory)
        result: Tensor = self.norm(self.last(self.attention(signal, memory), memory))
        return result
