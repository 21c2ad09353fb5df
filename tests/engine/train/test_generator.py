"""Training the generator: it learns a few mouths by heart, can be interrupted, and both designs can be trained."""

import itertools
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liveface.engine.errors import ConfigurationError  # noqa: E402
from liveface.engine.face import face_space, mouth  # noqa: E402
from liveface.engine.face.avatar import Avatar  # noqa: E402
from liveface.engine.train import generator as drawing  # noqa: E402
from liveface.engine.train import mouth_samples  # noqa: E402
from liveface.engine.train.generator import Options, Samples  # noqa: E402
from liveface.engine.train.loop import Rank, Settings  # noqa: E402
from liveface.engine.train.mouth_samples import Portrait  # noqa: E402

CODES = np.stack([face_space.basis().gap_weights() * k for k in (20.0, 40.0)]).astype(np.float32)
SMALL = Options(batch=2, adversarial_from=2)


@pytest.fixture(scope="module")
def examples(portrait: Avatar, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 examples made of one real face."""
    folder = tmp_path_factory.mktemp("examples")
    mouth_samples.cut_samples([], [Portrait(portrait.photo, portrait.points)], CODES, folder, 16)
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
    assert first.code.shape == (4, face_space.CODE_SIZE)
    for layer in (first.photo, first.inputs, first.target, first.inner, first.reach):
        assert 0.0 <= float(layer.min()) <= float(layer.max()) <= 1.0
    torch.testing.assert_close(first.inputs, again.inputs, rtol=0, atol=0)
    assert not torch.equal(first.inputs, other.inputs)


def test_several_folders_are_drawn_from_alike(samples: Samples, examples: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "planes.npy", np.zeros_like(samples.planes[0][:4]))
    np.save(tmp_path / "codes.npy", np.full((4, face_space.CODE_SIZE), 9.0, np.float32))
    both = Samples([examples, tmp_path])
    assert both.count == 20
    empty = [not bool(one.any()) for one in both.draw(40, np.random.default_rng(0), Rank()).inner]
    assert 2 <= sum(empty) <= 30


def test_no_examples_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "planes.npy", np.zeros((0, 96, 128, mouth_samples.PLANES), np.uint8))
    np.save(tmp_path / "codes.npy", np.zeros((0, face_space.CODE_SIZE), np.float32))
    with pytest.raises(ConfigurationError, match="no examples"):
        Samples([tmp_path])


def test_mirroring_turns_every_plane_and_the_code_together(samples: Samples) -> None:
    stack = torch.from_numpy(np.array(samples.planes[0][:1])).permute(0, 3, 1, 2).float() / 255
    code = torch.from_numpy(samples.codes[0][:1])
    geometry = []
    for seed in range(8):
        batch = drawing.augmented(stack, code, np.random.default_rng(seed))
        geometry.append((batch.inner, batch.inputs[:, 3:], batch.code))
    straight = [one for one in geometry if torch.equal(one[2], code)]
    mirrored = [one for one in geometry if not torch.equal(one[2], code)]
    assert straight
    assert mirrored
    for inner, guides, _ in mirrored:
        torch.testing.assert_close(inner.flip(3), straight[0][0])
        torch.testing.assert_close(guides.flip(3), straight[0][1])


def test_the_loss_of_the_target_itself_is_zero_and_the_mouth_weighs_most(samples: Samples) -> None:
    batch, options = batch_of(samples), Options()
    assert float(drawing.picture_loss(batch.target, batch.target, batch, options)) == 0.0
    pale = (batch.target + 0.2).clamp(0, 1)
    inside = batch.target + (pale - batch.target) * batch.inner
    outside = batch.target + (pale - batch.target) * (1 - batch.inner) * (batch.reach > 0.5)
    nowhere = batch.target + (pale - batch.target) * (1 - torch.maximum(batch.inner, batch.reach)).floor()
    per_area = [
        float(drawing.picture_loss(drawn, batch.target, batch, options)) / float((drawn - batch.target).abs().sum())
        for drawn in (inside, outside)
    ]
    assert per_area[0] > per_area[1] > 0
    assert float(drawing.picture_loss(nowhere, batch.target, batch, options)) < 1e-3


@pytest.mark.parametrize("design", ["warp", "direct"])
def test_a_short_training_paints_better_than_none(samples: Samples, design: str) -> None:
    losses: list[float] = []
    settings = Settings(10, seed=1, warm_up=0.1, report_every=1)
    options = Options(design=design, batch=4, adversarial_from=1000)
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
