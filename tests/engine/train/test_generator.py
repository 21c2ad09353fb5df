"""Training the generator: it learns a few mouths by heart, can be interrupted, and both designs can be trained."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liveface.engine.errors import ConfigurationError  # noqa: E402
from liveface.engine.face import face_space, mouth  # noqa: E402
from liveface.engine.face.avatar import Avatar  # noqa: E402
from liveface.engine.face.condition import CONDITION_SIZE  # noqa: E402
from liveface.engine.face.landmarks import FaceMesh  # noqa: E402
from liveface.engine.train import generator as drawing  # noqa: E402
from liveface.engine.train import mouth_samples  # noqa: E402
from liveface.engine.train.generator import Options, Samples  # noqa: E402
from liveface.engine.train.loop import Rank, Settings  # noqa: E402
from liveface.engine.train.mouth_samples import Portrait  # noqa: E402

WEIGHTS = face_space.basis().gap_weights()
CODES = np.stack([WEIGHTS * gap / (WEIGHTS @ WEIGHTS) for gap in (0.12, 0.25)]).astype(np.float32)
SMALL = Options(batch=2, adversarial_from=2)


@pytest.fixture(scope="module")
def examples(portrait: Avatar, face_mesh: FaceMesh, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 examples made of one real face, which is small, but taken for sharp."""
    folder = tmp_path_factory.mktemp("examples")
    mouth_samples.cut_samples([], [Portrait(portrait.photo, portrait.points)], CODES, face_mesh, folder, 16)
    np.save(folder / "sharp.npy", np.ones(16, np.bool_))
    return folder


@pytest.fixture
def samples(examples: Path) -> Samples:
    return Samples([examples])


def batch_of(samples: Samples, seed: int = 0, size: int = 4) -> drawing.Batch:
    return samples.draw(size, np.random.default_rng(seed), Rank())


def test_a_batch_keeps_shapes_and_ranges_and_is_the_same_for_a_seed(samples: Samples) -> None:
    first, again, other = batch_of(samples), batch_of(samples), batch_of(samples, 1)
    width, height = mouth.CROP_SIZE
    assert first.photo.shape == (4, mouth.IDENTITY_CHANNELS, height, width)
    assert first.inputs.shape == (4, mouth.INPUT_CHANNELS, height, width)
    assert first.target.shape == (4, 3, height, width)
    assert first.inner.shape == first.reach.shape == (4, 1, height, width)
    assert first.told.shape == (4, CONDITION_SIZE)
    assert first.is_sharp.shape == (4,)
    for layer in (first.photo, first.inputs, first.target, first.inner, first.reach):
        assert 0.0 <= float(layer.min()) <= float(layer.max()) <= 1.0
    torch.testing.assert_close(first.inputs, again.inputs, rtol=0, atol=0)
    assert not torch.equal(first.inputs, other.inputs)


def test_several_folders_are_drawn_from_alike(samples: Samples, examples: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "planes.npy", np.zeros_like(samples.planes[0][:4]))
    np.save(tmp_path / "told.npy", np.full((4, CONDITION_SIZE), 9.0, np.float32))
    np.save(tmp_path / "sharp.npy", np.ones(4, np.bool_))
    both = Samples([examples, tmp_path])
    assert both.count == 20
    empty = [not bool(one.any()) for one in both.draw(40, np.random.default_rng(0), Rank()).inner]
    assert 2 <= sum(empty) <= 30


def test_no_examples_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "planes.npy", np.zeros((0, 128, 160, mouth_samples.PLANES), np.uint8))
    np.save(tmp_path / "told.npy", np.zeros((0, CONDITION_SIZE), np.float32))
    np.save(tmp_path / "sharp.npy", np.zeros(0, np.bool_))
    with pytest.raises(ConfigurationError, match="no examples"):
        Samples([tmp_path])


def test_mirroring_turns_every_plane_and_the_code_together(samples: Samples) -> None:
    stack = torch.from_numpy(np.array(samples.planes[0][:1])).permute(0, 3, 1, 2).float() / 255
    told = torch.from_numpy(samples.told[0][:1])
    geometry = []
    for seed in range(8):
        batch = drawing.augmented(stack, told, torch.ones(1), np.random.default_rng(seed))
        geometry.append((batch.inner, batch.inputs[:, 3:], batch.told))
    straight = [one for one in geometry if torch.equal(one[2], told)]
    mirrored = [one for one in geometry if not torch.equal(one[2], told)]
    assert straight
    assert mirrored
    for inner, guides, moved in mirrored:
        torch.testing.assert_close(inner.flip(3), straight[0][0])
        torch.testing.assert_close(guides.flip(3), straight[0][1])
        torch.testing.assert_close(moved[:, face_space.CODE_SIZE :], told[:, face_space.CODE_SIZE :])


def test_the_loss_of_the_target_itself_is_zero_and_counts_only_where_something_may_change(samples: Samples) -> None:
    batch, options = batch_of(samples), Options()
    assert float(drawing.picture_loss(batch.target, batch, options)) == 0.0
    pale = (batch.target + 0.2).clamp(0, 1)
    inside = batch.target + (pale - batch.target) * batch.inner
    around = batch.target + (pale - batch.target) * batch.reach * (1 - batch.inner)
    nowhere = batch.target + (pale - batch.target) * (batch.area == 0.0)
    assert float(drawing.picture_loss(around, batch, options)) > 0.1
    # Halved twice, the border of the area mixes with what is beyond it.
    for elsewhere in (inside, nowhere):
        assert float(drawing.picture_loss(elsewhere, batch, options)) < 0.5 * float(
            drawing.picture_loss(around, batch, options)
        )


def test_a_coarse_target_says_nothing_of_details(samples: Samples) -> None:
    batch, options = batch_of(samples), Options()
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(160), indexing="ij")
    checks = batch.target + 0.05 * ((rows + columns) % 2 * 2.0 - 1.0) * batch.area
    losses = [
        float(drawing.picture_loss(checks, replace(batch, is_sharp=torch.full((4,), known)), options))
        for known in (0.0, 1.0)
    ]
    assert losses[0] < 0.3 * losses[1]


def test_the_discriminator_learns_of_sharp_examples_only(samples: Samples) -> None:
    def learned(is_sharp: bool, weight: float) -> "torch.Tensor":
        samples.is_sharp = [np.full(len(told), is_sharp) for told in samples.told]
        options = replace(SMALL, adversarial_from=0, adversarial_weight=weight)
        _, state = drawing.train(samples, None, Settings(1, seed=3), options)
        return torch.cat([value.detach().flatten() for value in state.networks["discriminator"].parameters()])

    nothing = learned(True, 0.0)
    assert torch.equal(learned(False, 0.02), nothing)
    assert not torch.equal(learned(True, 0.02), nothing)


@pytest.mark.parametrize("design", ["warp", "direct"])
def test_a_short_training_paints_better_than_none(samples: Samples, design: str) -> None:
    planes = np.array(samples.planes[0])  # every target is lighter than what is drawn
    planes[..., mouth_samples.TARGET] = np.clip(planes[..., mouth_samples.INPUTS][..., :3].astype(int) + 40, 0, 255)
    samples.planes = [planes]
    losses: list[float] = []
    settings = Settings(10, seed=1, warm_up=0.1, report_every=1)
    options = Options(design=design, batch=4, adversarial_from=1000, caution=0.0)
    painter, state = drawing.train(
        samples, None, settings, options, progress=lambda step, values: losses.append(values["painter"])
    )
    assert state.step == 10
    assert np.mean(losses[-3:]) < 0.85 * losses[0]
    assert not painter.generator.training
    assert isinstance(painter.generator, drawing.DESIGNS[design])


def test_an_interrupted_training_goes_on_where_it_stopped(samples: Samples, tmp_path: Path) -> None:
    settings = Settings(4, seed=2, average_decay=0.9, report_every=1, save_every=2)
    whole, _ = drawing.train(samples, None, settings, SMALL)
    file = tmp_path / "run.safetensors"

    def interrupt(step: int, losses: dict[str, float]) -> None:
        assert all(np.isfinite(value) for value in losses.values())
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drawing.train(samples, None, settings, SMALL, file, interrupt)
    steps = itertools.count(1)
    resumed, state = drawing.train(samples, None, settings, SMALL, file, lambda step, losses: next(steps))
    assert next(steps) == 3, "two steps were saved, two were missing"
    assert state.step == 4
    for first, second in ((whole.identity, resumed.identity), (whole.generator, resumed.generator)):
        for name, value in first.state_dict().items():
            torch.testing.assert_close(second.state_dict()[name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_the_classifier_teaches_and_is_not_taught(samples: Samples) -> None:
    from liveface.engine.model.au_classifier import ActionUnitClassifier

    torch.manual_seed(0)
    classifier = ActionUnitClassifier()
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    losses: list[float] = []
    for judge in (None, classifier):
        drawing.train(
            samples, judge, Settings(1), SMALL, progress=lambda step, values: losses.append(values["painter"])
        )
    assert losses[1] > losses[0]
    for name, value in classifier.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_an_unknown_design_is_refused(samples: Samples) -> None:
    with pytest.raises(ConfigurationError, match="'cubist', expected warp or direct"):
        drawing.train(samples, None, Settings(1), Options(design="cubist"))
