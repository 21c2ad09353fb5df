"""The audio-to-AU module: intensities of the speech-related Action Units from the audio encoder's vectors."""

from torch import Tensor, nn
from torch.nn import functional

from liveface.engine.model.temporal import CausalBlock, Memory, Shapes

_SHARPNESS = 4.0  # of the softplus that keeps intensities above 0


class AudioToActionUnits(nn.Module):
    """One causal block and a linear head for every lookahead and unit; see `MotionNetwork` for delayed heads."""

    def __init__(self, channels: int, lookaheads: int, units: int, dropout: float) -> None:
        super().__init__()
        self._lookaheads, self._units = lookaheads, units
        self.block = CausalBlock(channels, 1, dropout)
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, lookaheads * units)

    def memory_shapes(self) -> Shapes:
        """What this part remembers, in the order in which it runs."""
        return self.block.memory_shapes()

    def forward(self, vectors: Tensor, memory: Memory) -> Tensor:
        """(B, T, channels) to intensities 0 and up, (B, T, lookaheads, units)."""
        values = self.head(self.norm(self.block(vectors, memory)))
        intensities = functional.softplus(values, beta=_SHARPNESS)
        result: Tensor = intensities.reshape(*vectors.shape[:2], self._lookaheads, self._units)
        return result
