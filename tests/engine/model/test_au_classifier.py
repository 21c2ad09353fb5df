"""The action unit classifier's shapes and its loss."""

import pytest

torch = pytest.importorskip("torch")

from liveface.engine.model.au_classifier import ActionUnitClassifier, intensity_loss  # noqa: E402


def test_a_crop_gives_seven_intensities_and_four_maps() -> None:
    model = ActionUnitClassifier().eval()
    crop = torch.rand(2, 3, 96, 128)
    assert model(crop).shape == (2, 7)
    assert [tuple(maps.shape) for maps in model.features(crop)] == [
        (2, 16, 48, 64),
        (2, 32, 24, 32),
        (2, 64, 12, 16),
        (2, 96, 6, 8),
    ]


def test_the_classifier_stays_small() -> None:
    assert sum(parameter.numel() for parameter in ActionUnitClassifier().parameters()) < 600_000


def test_unlabelled_units_neither_add_loss_nor_gradient() -> None:
    predicted = torch.zeros(3, 7, requires_grad=True)
    labels = torch.full((3, 7), float("nan"))
    labels[:, 0] = 2.0
    intensity_loss(predicted, labels).backward()
    assert torch.isfinite(predicted.grad).all()
    assert (predicted.grad[:, 0] < 0).all()
    assert (predicted.grad[:, 1:] == 0).all()


def test_the_gradient_reaches_the_picture_so_that_it_can_train_a_generator() -> None:
    model = ActionUnitClassifier().eval()
    torch.nn.init.normal_(model.head.weight)
    crop = torch.rand(1, 3, 96, 128, requires_grad=True)
    model(crop).sum().backward()
    assert crop.grad.abs().sum() > 0
