"""The frame discriminator: judges patches, and can learn to tell two kinds of picture apart."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from liveface.engine.face.mouth import CROP_SIZE  # noqa: E402
from liveface.engine.model.discriminator import Discriminator  # noqa: E402

WIDTH, HEIGHT = CROP_SIZE


def test_every_patch_has_a_score_and_every_stage_its_maps() -> None:
    torch.manual_seed(0)
    score, maps = Discriminator()(torch.rand(2, 3, HEIGHT, WIDTH), torch.rand(2, 1, HEIGHT, WIDTH))
    assert score.shape == (2, 1, HEIGHT // 8, WIDTH // 8)
    assert [stage.shape[2:] for stage in maps] == [(HEIGHT // n, WIDTH // n) for n in (2, 4, 8)]


def test_a_patch_is_judged_by_its_neighbourhood_only() -> None:
    torch.manual_seed(0)
    judge, image, inner = Discriminator().eval(), torch.rand(1, 3, HEIGHT, WIDTH), torch.zeros(1, 1, HEIGHT, WIDTH)
    changed = image.clone()
    changed[..., :16, :16] = 1 - changed[..., :16, :16]
    with torch.no_grad():
        difference = (judge(image, inner)[0] - judge(changed, inner)[0]).abs()[0, 0]
    assert float(difference[:2, :2].min()) > 0
    assert not difference[6:, 6:].any()


def test_it_is_told_where_the_mouth_is_open() -> None:
    torch.manual_seed(0)
    judge, image = Discriminator().eval(), torch.rand(1, 3, HEIGHT, WIDTH)
    with torch.no_grad():
        closed, wide = (judge(image, torch.full((1, 1, HEIGHT, WIDTH), value))[0] for value in (0.0, 1.0))
    assert not torch.allclose(closed, wide, atol=1e-4)


def test_its_judgement_changes_no_faster_than_the_picture() -> None:
    torch.manual_seed(0)
    judge, inner = Discriminator(), torch.zeros(1, 1, HEIGHT, WIDTH)
    image = torch.rand(1, 3, HEIGHT, WIDTH)
    for _ in range(15):
        judge(image, inner)  # the estimate of the spectral norms settles
    judge.eval()
    with torch.no_grad():
        base = judge(image, inner)[0]
        for seed in range(5):
            step = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)) * 0.01
            # Each stage sees a pixel through up to 2 x 2 windows of stride 2; the last through 3 x 3.
            bound = 2.0 * 2**3 * 3 * float(step.norm())
            assert float((judge(image + step, inner)[0] - base).norm()) < bound


def test_it_learns_to_tell_sharp_from_blurred() -> None:
    torch.manual_seed(0)
    judge, inner = Discriminator(), torch.zeros(2, 1, HEIGHT, WIDTH)
    optimiser = torch.optim.Adam(judge.parameters(), 4e-3)
    for _ in range(10):
        sharp = torch.rand(2, 3, HEIGHT, WIDTH)
        blurred = functional.avg_pool2d(functional.pad(sharp, (2,) * 4, mode="reflect"), 5, 1)
        loss = functional.relu(1 - judge(sharp, inner)[0]).mean() + functional.relu(1 + judge(blurred, inner)[0]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        assert float(judge(sharp, inner)[0].mean()) > float(judge(blurred, inner)[0].mean()) + 0.3
