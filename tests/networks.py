"""What the tests do to untrained networks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def wake(generator: "nn.Module") -> None:
    """Give random weights to what starts at nothing, so that before training nothing is changed."""
    for name, weight in generator.named_parameters():
        if name.startswith(("change", "told")):
            weight.data.normal_(0.0, 0.3)
