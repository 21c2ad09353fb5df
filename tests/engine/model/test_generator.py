"""The generator's change of colours: bounded, never green, moved by the motion; and how it enters the mouth."""

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from liveface.engine.face.condition import CONDITION_SIZE  # noqa: E402
from liveface.engine.face.mouth import CROP_SIZE, IDENTITY_CHANNELS, INPUT_CHANNELS  # noqa: E402
from liveface.engine.model.generator import DirectDecoder, Drawing, MouthGenerator, Smoothing, compose  # noqa: E402
from liveface.engine.model.identity_encoder import IdentityEncoder  # noqa: E402
from tests.networks import wake  # noqa: E402

WIDTH, HEIGHT = CROP_SIZE
DESIGNS = pytest.mark.parametrize("design", [MouthGenerator, DirectDecoder])
LUMINANCE = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


def case(count: int = 2, seed: int = 0) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Maps, conditions and identities of invented mouths."""
    random = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    with torch.no_grad():
        identity = IdentityEncoder().eval()(torch.rand(count, IDENTITY_CHANNELS, HEIGHT, WIDTH, generator=random))
    inputs = torch.rand(count, INPUT_CHANNELS, HEIGHT, WIDTH, generator=random)
    return inputs, torch.randn(count, CONDITION_SIZE, generator=random), identity


def network(design: type[MouthGenerator] | type[DirectDecoder]) -> MouthGenerator | DirectDecoder:
    """A network with random weights, also where training begins with none."""
    torch.manual_seed(3)
    generator = design().eval()
    wake(generator)
    return generator


def test_before_training_nothing_is_changed() -> None:
    with torch.no_grad():
        change = MouthGenerator().eval()(*case())
    assert change.shape == (2, 3, HEIGHT, WIDTH)
    assert not change.any()


def test_the_direct_design_changes_the_crop_to_a_picture_in_range() -> None:
    inputs, told, identity = case()
    with torch.no_grad():
        change = network(DirectDecoder)(inputs, told, identity)
    assert change.shape == (2, 3, HEIGHT, WIDTH)
    picture = inputs[:, :3] + change
    assert -1e-6 <= float(picture.min()) <= float(picture.max()) <= 1.0 + 1e-6


@pytest.mark.parametrize("push", [-30.0, -3.0, 3.0, 30.0])
def test_whatever_the_weights_the_change_lightens_and_darkens_but_hardly_colours(push: float) -> None:
    generator, (inputs, told, identity) = network(MouthGenerator), case()
    with torch.no_grad():
        bias = generator.change.project.bias  # luminance, red, blue
        bias[1] += push
        bias[2] -= push
        changes = [generator(inputs, told, identity)]
        bias[2] += 2 * push
        changes.append(generator(inputs, told, identity))
        bias[0] += push
        changes.append(generator(inputs, told, identity))
    change = torch.cat(changes)
    luminance = (LUMINANCE * change).sum(dim=1, keepdim=True)
    assert float(luminance.abs().max()) < 0.51
    hue = (change - luminance).abs().amax(dim=(0, 2, 3))
    assert float(hue[0]) < 0.13
    assert float(hue[1]) < 0.09, "never green"
    assert float(hue[2]) < 0.13


@pytest.mark.parametrize("push", [-30.0, -3.0, 3.0, 30.0])
def test_whatever_the_weights_the_direct_design_s_picture_is_neither_green_nor_blue(push: float) -> None:
    generator, (inputs, told, identity) = network(DirectDecoder), case()
    with torch.no_grad():
        bias = generator.paint.project.bias.view(3, 4)  # luminance, red, blue
        bias[1] += push
        bias[2] -= push
        changes = [generator(inputs, told, identity)]
        bias[2] += 2 * push
        changes.append(generator(inputs, told, identity))
    red, green, blue = (inputs[:, :3].repeat(2, 1, 1, 1) + torch.cat(changes)).unbind(1)
    assert float((green - red).max()) < 0.11
    assert float((blue - red).max()) < 0.12
    assert float((blue - green).max()) < 0.30


def test_the_change_is_smooth_though_the_maps_are_noise() -> None:
    inputs, told, identity = case()
    with torch.no_grad():
        change = network(MouthGenerator)(inputs, told, identity)
    steps = (change[..., 1:] - change[..., :-1]).abs().mean()
    assert float(change.std()) > 0.01
    assert float(steps) < 0.35 * float(change.std())


@DESIGNS
def test_the_motion_and_the_identity_both_count(design: type) -> None:
    generator, (inputs, told, identity) = network(design), case()
    swapped = tuple(level.flip(0) for level in identity)
    with torch.no_grad():
        change = generator(inputs, told, identity)
        assert not torch.allclose(change, generator(inputs, told + 2, identity), atol=1e-4)
        assert not torch.allclose(change, generator(inputs, told, swapped), atol=1e-4)


@DESIGNS
def test_mouths_of_a_batch_do_not_see_each_other(design: type) -> None:
    generator, (inputs, told, identity) = network(design), case(3)
    with torch.no_grad():
        together = generator(inputs, told, identity)
        alone = generator(inputs[1:2], told[1:2], tuple(level[1:2] for level in identity))
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-4)


def test_the_direct_design_does_not_see_the_composed_mouth() -> None:
    inputs, told, identity = case()
    other = torch.cat([torch.rand_like(inputs[:, :3]), inputs[:, 3:]], dim=1)
    with torch.no_grad():
        direct, warping = network(DirectDecoder), network(MouthGenerator)
        torch.testing.assert_close(
            inputs[:, :3] + direct(inputs, told, identity), other[:, :3] + direct(other, told, identity)
        )
        assert not torch.allclose(warping(inputs, told, identity), warping(other, told, identity), atol=1e-4)


def test_smoothing_keeps_flat_colours_to_the_border_and_evens_out_noise() -> None:
    smoothing = Smoothing(3)
    flat = torch.tensor([0.2, 0.5, 0.9])[None, :, None, None].expand(1, 3, 20, 30)
    torch.testing.assert_close(smoothing(flat), flat.contiguous())
    noise = torch.rand(1, 3, 60, 60, generator=torch.Generator().manual_seed(0))
    assert float(smoothing(noise).std()) < 0.2 * float(noise.std())


def test_smoothing_equals_the_gaussian_in_two_dimensions() -> None:
    dot = torch.zeros(1, 3, 21, 21)
    dot[:, :, 10, 10] = 1
    blurred = Smoothing(3, 2.0)(dot)[0, 0]
    assert float(blurred.sum()) == pytest.approx(1.0, abs=1e-5)
    assert float(blurred[10, 12] / blurred[10, 10]) == pytest.approx(float(torch.exp(torch.tensor(-0.5))), rel=1e-3)
    torch.testing.assert_close(blurred, blurred.T)


def test_the_exported_network_s_only_output_is_the_change() -> None:
    inputs, told, identity = case()
    drawing = Drawing(network(MouthGenerator)).eval()
    with torch.no_grad():
        outputs = drawing(inputs, told, *identity)
        assert len(outputs) == 1
        torch.testing.assert_close(outputs[0], drawing.generator(inputs, told, identity))


def test_the_change_enters_where_it_may_and_leaves_the_rest() -> None:
    inputs, _, _ = case()
    change = torch.rand(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(5)) * 2 - 1
    inner, reach = torch.zeros(2, 1, HEIGHT, WIDTH), torch.zeros(2, 1, HEIGHT, WIDTH)
    inner[..., 40:50, 40:80] = 1
    reach[..., 20:70, 20:100] = 0.5
    finished = compose(inputs, change, inner, reach)
    drawn = inputs[:, :3]
    torch.testing.assert_close(finished[..., :20, :], drawn[..., :20, :])
    torch.testing.assert_close(finished[..., 40:50, 40:80], drawn[..., 40:50, 40:80])
    torch.testing.assert_close(finished[..., 20:40, 20:100], (drawn + 0.5 * change)[..., 20:40, 20:100].clamp(0, 1))


@DESIGNS
def test_learning_reaches_every_weight(design: type) -> None:
    torch.manual_seed(0)
    encoder, generator = IdentityEncoder(), network(design).train()
    inputs, told, _ = case()
    generator(inputs, told, encoder(torch.rand(2, IDENTITY_CHANNELS, HEIGHT, WIDTH))).square().sum().backward()
    for name, weight in [*encoder.named_parameters(), *generator.named_parameters()]:
        assert weight.grad is not None, name
        assert bool(weight.grad.any()), name
