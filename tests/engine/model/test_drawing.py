"""The drawing networks for live use: the same pictures with fewer products."""

import pytest

torch = pytest.importorskip("torch")

from liveface.engine.face.condition import CONDITION_SIZE  # noqa: E402
from liveface.engine.model.blocks import Enlarging, Joining  # noqa: E402
from liveface.engine.model.drawing import folded  # noqa: E402
from liveface.engine.model.generator import DirectDecoder, MouthGenerator  # noqa: E402
from liveface.engine.model.identity_encoder import IdentityEncoder  # noqa: E402
from tests.networks import wake  # noqa: E402


def unsettle(network: torch.nn.Module) -> None:
    """Give every normalisation statistics and weights of its own, as training does."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            with torch.no_grad():
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0.0, 0.3)
                module.running_mean.normal_(0.0, 0.3)
                module.running_var.uniform_(0.5, 2.0)


@pytest.mark.parametrize("beside", [0, 5])
def test_a_folded_enlarging_equals_repeating_and_convolving_up_to_the_border(beside: int) -> None:
    torch.manual_seed(0)
    block = Enlarging(7 + beside, 6).eval()
    unsettle(block)
    values, others = torch.randn(2, 7, 4, 5), torch.randn(2, beside, 8, 10) if beside else None
    with torch.no_grad():
        expected, found = block(values, others), block.folded(7)(values, others)
    assert found.shape == (2, 6, 8, 10)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_folded_joining_equals_the_whole_where_its_second_part_is_prepared() -> None:
    torch.manual_seed(0)
    block = Joining(7 + 5, 6).eval()
    unsettle(block)
    values, others = torch.randn(2, 7, 4, 5), torch.randn(2, 5, 4, 5)
    with torch.no_grad():
        part, prepare = block.folded(7)
        torch.testing.assert_close(part(values, prepare(others)), block(values, others), atol=1e-5, rtol=0)


@pytest.mark.parametrize("design", [MouthGenerator, DirectDecoder])
def test_a_folded_generator_draws_the_same_pictures(design: type[MouthGenerator] | type[DirectDecoder]) -> None:
    torch.manual_seed(0)
    generator = design().eval()
    unsettle(generator)
    wake(generator)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    inputs, told = torch.rand(2, 8, 96, 128), torch.randn(2, CONDITION_SIZE)
    with torch.no_grad():
        encoder, photo = IdentityEncoder().eval(), torch.rand(2, 4, 96, 128)
        expected = generator(inputs, told, encoder(photo))
        prepared, drawer = folded(encoder, generator)
        found = drawer(inputs, told, prepared(photo))
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    for name, value in generator.state_dict().items():  # and the generator itself can still be trained
        torch.testing.assert_close(value, before[name], atol=0, rtol=0)
