"""The drawing networks of a checkpoint; it knows nothing of how they are run."""

import torch

from engine.checkpoint import Checkpoint
from engine.errors import CheckpointError
from engine.model.generator import DESIGNS, DirectDecoder, MouthGenerator
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
