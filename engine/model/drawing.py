"""The drawing networks of a checkpoint; it knows nothing of how they are run."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from liveface.engine.checkpoint import Checkpoint
from liveface.engine.errors import CheckpointError
from liveface.engine.model.blocks import Enlarging, Joining
from liveface.engine.model.generator import DESIGNS, WIDTHS, DirectDecoder, MouthGenerator
from liveface.engine.model.identity_encoder import CHANNELS, IdentityEncoder


def load_drawing(model: Checkpoint) -> tuple[IdentityEncoder, MouthGenerator | DirectDecoder]:
    """Identity encoder and generator with the checkpoint's weights, ready to draw (not to train).

    Raises `CheckpointError` if a network is missing or of another size or design.
    """
    design = model.configuration.get("generator", {}).get("design", "warp")
    if design not in DESIGNS:
        raise CheckpointError(f"The generator's design is {design!r}, expected {' or '.join(DESIGNS)}: train it anew.")
    identity, generator = IdentityEncoder(), DESIGNS[design]()
    for name, network in (("identity", identity), ("generator", generator)):
        try:
            network.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in model.part(name).items()})
        except RuntimeError as error:
            raise CheckpointError(f"The {name} network has another size: train it with this version.") from error
    return identity.eval(), generator.eval()


class PreparedIdentity(nn.Module):
    """The identity encoder and what the generator makes of its maps alone."""

    def __init__(self, encoder: IdentityEncoder, prepare: Sequence[nn.Module]) -> None:
        """`prepare`: what becomes of each of the encoder's maps."""
        super().__init__()
        self.encoder = encoder
        self.prepare = nn.ModuleList(prepare)

    def forward(self, photo: Tensor) -> tuple[Tensor, ...]:
        """Maps for the folded generator of photos (B, 4, 128, 160)."""
        return tuple(prepare(level) for prepare, level in zip(self.prepare, self.encoder(photo), strict=True))


def folded(
    identity: IdentityEncoder, generator: MouthGenerator | DirectDecoder
) -> tuple[PreparedIdentity, MouthGenerator | DirectDecoder]:
    """Copies that draw the same pictures, to 1e-4, with a sixth fewer products; they cannot be trained.

    What depends on the photo alone is computed by the first, once per avatar.
    """
    copy = deepcopy(generator).eval()
    channels = WIDTHS[-1]
    for index, (up, wide) in enumerate(zip(copy.up, WIDTHS[-2::-1], strict=True)):
        assert isinstance(up, Enlarging)
        copy.up[index] = up.folded(channels)
        channels = wide
    prepare: list[nn.Module] = [nn.Identity() for _ in CHANNELS]
    if isinstance(copy, MouthGenerator):
        joints = ((copy.join, 0), (copy.join, 1), (copy.bottom, 0))
        for level, ((modules, index), wide) in enumerate(zip(joints, WIDTHS[1:], strict=True)):
            joint = modules[index]
            assert isinstance(joint, Joining)
            modules[index], prepare[level] = joint.folded(wide)
    return PreparedIdentity(deepcopy(identity).eval(), prepare), copy
