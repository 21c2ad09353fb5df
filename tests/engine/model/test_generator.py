"""The generator's picture: in range, never green, moved by the motion; and how it enters the photo."""

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from liveface.engine.face.face_space import CODE_SIZE  # noqa: E402
from liveface.engine.face.mouth import CROP_SIZE, IDENTITY_CHANNELS, INPUT_CHANNELS  # noqa: E402
from liveface.engine.model.generator import Depth, DirectDecoder, Drawing, MouthGenerator, Smoothing, compose  # noqa: E402
from liveface.engine.model.identity_encoder import IdentityEncoder  # noqa: E402

WIDTH, HEIGHT = CROP_SIZE
DESIGNS = pytest.mark.parametrize("design", [MouthGenerator, DirectDecoder])


def case(count: int = 2, seed: int = 0) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Maps, codes and identities of invented mouths."""
    random = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    with torch.no_grad():
        identity = IdentityEncoder().eval()(torch.rand(count, IDENTITY_CHANNELS, HEIGHT, WIDTH, generator=random))
    inputs = torch.rand(count, INPUT_CHANNELS, HEIGHT, WIDTH, generator=random)
    return inputs, torch.randn(count, CODE_SIZE, generator=random), identity


def network(design: type[MouthGenerator] | type[DirectDecoder]) -> MouthGenerator | DirectDecoder:
    torch.manual_seed(3)
    return design().eval()


@DESIGNS
def test_the_picture_has_the_crop_s_size_and_range(design: type) -> None:
    with torch.no_grad():
        picture = network(design)(*case())
    assert picture.shape == (2, 3, HEIGHT, WIDTH)
    assert 0.0 <= float(picture.min()) <= float(picture.max()) <= 1.0


@DESIGNS
@pytest.mark.parametrize("push", [-30.0, -3.0, 3.0, 30.0])
def test_whatever_the_weights_the_picture_is_neither_green_nor_blue(design: type, push: float) -> None:
    generator = network(design)
    with torch.no_grad():
        bias = generator.paint.project.bias.view(4, 4)  # luminance, red, blue, strength of the teeth
        bias[1] += push
        bias[2] -= push
        picture = generator(*case())
        bias[2] += 2 * push
        pictures = torch.cat([picture, generator(*case())])
    red, green, blue = pictures.unbind(1)
    assert float((green - red).max()) < 0.11
    assert float((blue - red).max()) < 0.12
    assert float((blue - green).max()) < 0.30


@DESIGNS
def test_the_motion_and_the_identity_both_count(design: type) -> None:
    generator, (inputs, code, identity) = network(design), case()
    swapped = tuple(level.flip(0) for level in identity)
    with torch.no_grad():
        picture = generator(inputs, code, identity)
        assert not torch.allclose(picture, generator(inputs, code + 2, identity), atol=1e-4)
        assert not torch.allclose(picture, generator(inputs, code, swapped), atol=1e-4)


@DESIGNS
def test_mouths_of_a_batch_do_not_see_each_other(design: type) -> None:
    generator, (inputs, code, identity) = network(design), case(3)
    with torch.no_grad():
        together = generator(inputs, code, identity)
        alone = generator(inputs[1:2], code[1:2], tuple(level[1:2] for level in identity))
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-4)


def test_the_direct_design_does_not_see_the_bent_photo() -> None:
    inputs, code, identity = case()
    other = torch.cat([torch.rand_like(inputs[:, :3]), inputs[:, 3:]], dim=1)
    with torch.no_grad():
        direct, bending = network(DirectDecoder), network(MouthGenerator)
        torch.testing.assert_close(direct(inputs, code, identity), direct(other, code, identity))
        assert not torch.allclose(bending(inputs, code, identity), bending(other, code, identity), atol=1e-4)


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


def test_the_change_around_the_mouth_is_the_smoothed_difference_to_the_bent_photo() -> None:
    inputs, code, identity = case()
    drawing = Drawing(network(MouthGenerator)).eval()
    with torch.no_grad():
        picture, change = drawing(inputs, code, *identity)
        torch.testing.assert_close(picture, drawing.generator(inputs, code, identity))
        torch.testing.assert_close(change, Smoothing(3)(picture - inputs[:, :3]))


def test_outside_the_mouth_s_reach_the_bent_photo_stays_and_inside_the_picture_shows() -> None:
    inputs, _, _ = case()
    picture, change = torch.rand(2, 2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(5)).unbind(0)
    inner, reach = torch.zeros(2, 1, HEIGHT, WIDTH), torch.zeros(2, 1, HEIGHT, WIDTH)
    inner[..., 40:50, 40:80] = 1
    reach[..., 20:70, 20:100] = 1
    finished = compose(inputs, picture, change * 3 - 1, inner, reach)
    torch.testing.assert_close(finished[..., :20, :], inputs[:, :3, :20])
    torch.testing.assert_close(finished[..., 40:50, 40:80], picture[..., 40:50, 40:80])
    assert 0.0 <= float(finished.min()) <= float(finished.max()) <= 1.0


@DESIGNS
def test_learning_reaches_every_weight(design: type) -> None:
    torch.manual_seed(0)
    encoder, generator = IdentityEncoder(), design()
    inputs, code, _ = case()
    generator(inputs, code, encoder(torch.rand(2, IDENTITY_CHANNELS, HEIGHT, WIDTH))).square().sum().backward()
    for name, weight in [*encoder.named_parameters(), *generator.named_parameters()]:
        assert weight.grad is not None, name
        assert bool(weight.grad.any()), name


def open_mouth(skin: float = 0.6) -> torch.Tensor:
    """Inputs of an even face with an open mouth."""
    inputs = torch.zeros(1, INPUT_CHANNELS, HEIGHT, WIDTH)
    inputs[:, :3] = skin * torch.tensor([1.26, 0.92, 0.78]).view(1, 3, 1, 1)
    inputs[:, 3, 35:65, 30:98] = 1.0
    return inputs


def test_the_depth_of_a_grey_mouth_becomes_dark_red() -> None:
    grey = torch.full((1, 3, HEIGHT, WIDTH), 0.4)
    red, green, blue = Depth()(grey, open_mouth())[0]
    assert green[45:55, 45:85].mean() < 0.25
    assert red[45:55, 45:85].mean() > 1.2 * blue[45:55, 45:85].mean()
    torch.testing.assert_close(green[:30], grey[0, 1, :30], msg="skin stays")


def test_what_the_network_has_painted_bright_is_left_bright() -> None:
    smile = torch.full((1, 3, HEIGHT, WIDTH), 0.75)
    assert Depth()(smile, open_mouth())[0, :, 45:55, 45:85].min() > 0.7
