"""The motion network: speech features in, Action Units and mouth motion out; it knows no picture and no face.

A non-causal network whose right context is exactly L frames is had by delayed heads: the trunk is causal, and head L,
read at step j, is trained on frame j - L. So one checkpoint serves every lookahead from 0 to 6, and the explicit state
of the causal trunk lets a live stream and a whole recording run through the same code.

Action Units drive: the code is a fixed linear basis times the units (`engine.face.unit_basis`), plus a residual that
the fusion of sound and units adds. A network without a basis, all zeros, is a residual alone.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from liveface.engine.checkpoint import Checkpoint
from liveface.engine.errors import CheckpointError
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.face_space import CODE_SIZE
from liveface.engine.model.au_encoder import ActionUnitEncoder
from liveface.engine.model.audio_encoder import AudioEncoder
from liveface.engine.model.audio_to_au import AudioToActionUnits
from liveface.engine.model.fusion import Fusion
from liveface.engine.model.temporal import Memory

LOOKAHEADS = 7  # heads, for lookaheads of 0 to 6 frames


@dataclass(frozen=True, slots=True)
class MotionConfiguration:
    """All that the network's constructor knows; stored with the weights."""

    mel_channels: int = 96
    channels: int = 144
    unit_channels: int = 32
    encoder_dilations: tuple[int, ...] = (1, 2, 4)
    fusion_dilations: tuple[int, ...] = (1, 2, 4, 8)
    attention_heads: int = 4
    attention_window: int = 25  # frames, one second
    dropout: float = 0.1

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "MotionConfiguration":
        """The configuration stored in a checkpoint; raises `CheckpointError` for names that do not belong to it."""
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            odd = ", ".join(sorted(set(values) ^ known))
            raise CheckpointError(f"The motion network's configuration differs in {odd}: train it with this version.")
        settings: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**settings)

    def to_json(self) -> dict[str, Any]:
        """The configuration as JSON values."""
        return asdict(self)


class Said(NamedTuple):
    """What the network makes of each step, in parts.

    `vectors` (B, T, channels) of the audio encoder; `action_units` (B, T, 7, units); `driven` (B, T, 7, CODE_SIZE), the
    motion that belongs to the units, and `residual`, the same shape, that of sound and units together.
    """

    vectors: Tensor
    action_units: Tensor
    driven: Tensor
    residual: Tensor

    @property
    def code(self) -> Tensor:
        """The mouth motion (B, T, 7, CODE_SIZE)."""
        return self.driven + self.residual


class MotionNetwork(nn.Module):
    """Audio encoder, audio-to-AU, AU encoder, fusion and one linear head of residual motion per lookahead."""

    def __init__(self, configuration: MotionConfiguration) -> None:
        super().__init__()
        self.configuration = c = configuration
        units = len(ACTION_UNITS)
        self.audio_encoder = AudioEncoder(c.mel_channels, c.channels, c.encoder_dilations, c.dropout)
        self.audio_to_au = AudioToActionUnits(c.channels, LOOKAHEADS, units, c.dropout)
        self.au_encoder = ActionUnitEncoder(LOOKAHEADS, units, c.unit_channels)
        self.fusion = Fusion(
            c.channels,
            c.unit_channels,
            c.channels,
            c.fusion_dilations,
            c.attention_heads,
            c.attention_window,
            c.dropout,
        )
        self.head = nn.Linear(c.channels, LOOKAHEADS * CODE_SIZE)
        # What each unit is multiplied with: 0 for one without any label, more than 1 for one that training has shrunk.
        self.register_buffer("learned_units", torch.ones(units))
        self.register_buffer("unit_basis", torch.zeros(units, CODE_SIZE))
        # Share of the units' motion that the residual takes back: 1 in a network from before units drove, 0 in one
        # that was trained with them, and between in a mean of both.
        self.register_buffer("withheld", torch.zeros(1))

    learned_units: Tensor
    unit_basis: Tensor
    withheld: Tensor

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> "MotionNetwork":
        """The trained network, ready to run; raises `CheckpointError` if the checkpoint does not hold one."""
        if "motion" not in checkpoint.configuration:
            raise CheckpointError("The checkpoint holds no motion network: choose one made by `liveface train motion`.")
        network = cls(MotionConfiguration.from_json(checkpoint.configuration["motion"]))
        tensors = {name: torch.from_numpy(np.array(value)) for name, value in checkpoint.part("motion").items()}
        for name in ("unit_basis", "withheld"):  # before units drove, neither was stored
            tensors.setdefault(name, torch.zeros_like(network.get_buffer(name)))
        try:
            network.load_state_dict(tensors)
        except RuntimeError as error:
            raise CheckpointError(f"The motion network's weights do not fit its configuration: {error}") from error
        return network.eval()

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """The weights under the names they have in a checkpoint, `motion.<name>`."""
        return {f"motion.{name}": value.detach().cpu().numpy() for name, value in self.state_dict().items()}

    def initial_state(self, batch: int = 1) -> tuple[Tensor, ...]:
        """The state before any sound: zeros, one (B, frames, C) for each layer that remembers."""
        shapes = self.audio_encoder.memory_shapes() + self.audio_to_au.memory_shapes() + self.fusion.memory_shapes()
        return tuple(self.head.weight.new_zeros(batch, frames, channels) for frames, channels in shapes)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features (B, 4 T, 80) of whole recordings to what every head says at every step.

        Returns Action Units (B, T, 7, units) of intensity 0 to 5, codes (B, T, 7, CODE_SIZE) in standard deviations,
        and phone scores (B, T, delays, 4, phones). Row L of step t speaks of frame t - L.
        """
        said = self.hear(mel)
        return said.action_units, said.code, self.audio_encoder.name_phones(said.vectors)

    def hear(self, mel: Tensor) -> Said:
        """As `forward`, in parts, and without the phones."""
        return self._run(mel, Memory(self.initial_state(mel.shape[0])))

    def step(self, mel: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """One frame: features (B, 4, 80) to Action Units (B, 7, units), codes (B, 7, CODE_SIZE) and the next state."""
        memory = Memory(state)
        said = self._run(mel, memory)
        return said.action_units[:, 0], said.code[:, 0], tuple(memory.renewed)

    def _run(self, mel: Tensor, memory: Memory) -> Said:
        vectors = self.audio_encoder(mel, memory)
        action_units = self.audio_to_au(vectors, memory)
        fused = self.fusion(vectors, self.au_encoder(action_units), memory)
        residual = self.head(fused).reshape(*fused.shape[:2], LOOKAHEADS, CODE_SIZE)
        known = action_units * self.learned_units
        driven = known @ self.unit_basis
        return Said(vectors, known, driven, residual - self.withheld * driven)

    def give_basis(self, matrix: Tensor) -> None:
        """Let units drive by `matrix` (units, CODE_SIZE); what the network says stays the same if it had no basis."""
        if not bool(self.unit_basis.any()):
            self.withheld.fill_(1.0)
        self.unit_basis.copy_(matrix)
