"""The identity encoder's maps: three scales of one photo, each photo for itself."""

import pytest

torch = pytest.importorskip("torch")

from liveface.engine.face.mouth import CROP_SIZE, IDENTITY_CHANNELS  # noqa: E402
from liveface.engine.model.identity_encoder import CHANNELS, IdentityEncoder  # noqa: E402


def encoder() -> IdentityEncoder:
    torch.manual_seed(0)
    return IdentityEncoder().eval()


def photos(count: int = 2):
    return torch.rand(count, IDENTITY_CHANNELS, CROP_SIZE[1], CROP_SIZE[0], generator=torch.Generator().manual_seed(1))


def test_a_photo_becomes_maps_at_a_quarter_an_eighth_and_a_sixteenth() -> None:
    with torch.no_grad():
        maps = encoder()(photos())
    width, height = CROP_SIZE
    for level, channels, shrunk in zip(maps, CHANNELS, (4, 8, 16), strict=True):
        assert level.shape == (2, channels, height // shrunk, width // shrunk)
        assert torch.isfinite(level).all()


def test_photos_of_a_batch_do_not_see_each_other() -> None:
    network, batch = encoder(), photos()
    with torch.no_grad():
        for together, alone in zip(network(batch), network(batch[:1]), strict=True):
            torch.testing.assert_close(together[:1], alone, atol=1e-5, rtol=1e-4)


def test_every_scale_tells_two_photos_and_two_mouths_apart() -> None:
    network, (first, second) = encoder(), photos()
    open_mouth = first.clone()
    open_mouth[3, 40:60, 40:80] = 1 - open_mouth[3, 40:60, 40:80]
    with torch.no_grad():
        maps = network(torch.stack([first, second, open_mouth]))
    for level in maps:
        assert not torch.allclose(level[0], level[1], atol=1e-4)
        assert not torch.allclose(level[0], level[2], atol=1e-4)
