"""The drawing networks of a checkpoint; it knows nothing of how they are run."""

from copy import deepcopy

import torch

from engine.checkpoint import Checkpoint
from engine.errors import CheckpointError
from engine.model.blocks import Enlarging
from engine.model.generator import DESIGNS, WIDTHS, DirectDecoder, MouthGenerator
from engine.model.identity_encoder import IdentityEncoder


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


def folded(generator: MouthGenerator | DirectDecoder) -> MouthGenerator | DirectDecoder:
    """A copy that draws the same pictures, to 1e-4, with a seventh fewer products; it cannot be trained."""
    copy = deepcopy(generator).eval()
    channels = WIDTHS[-1]
    for index, (up, wide) in enumerate(zip(copy.up, WIDTHS[-2::-1], strict=True)):
        assert isinstance(up, Enlarging)
        copy.up[index] = up.folded(channels)
        channels = wide
    return copy
