"""The AU encoder: an embedding of predicted Action Units, the second modality of the fusion."""

from torch import Tensor, nn


class ActionUnitEncoder(nn.Module):
    """A perceptron over the units that all heads predict in one frame."""

    def __init__(self, lookaheads: int, units: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(lookaheads * units, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels)
        )

    def forward(self, action_units: Tensor) -> Tensor:
        """Intensities (B, T, lookaheads, units) to (B, T, channels)."""
        result: Tensor = self.layers(action_units.flatten(2))
        return result
