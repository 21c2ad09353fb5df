"""Training of the generator with its identity encoder and frame discriminator, on cut mouth examples.

It does not know where examples come from (`engine.train.mouth_samples`); the command is `liveface train generator`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from liveface.engine.errors import ConfigurationError
from liveface.engine.model.au_classifier import ActionUnitClassifier
from liveface.engine.model.discriminator import Discriminator
from liveface.engine.model.generator import DESIGNS, DirectDecoder, Drawing, MouthGenerator, compose
from liveface.engine.model.identity_encoder import IdentityEncoder
from liveface.engine.train.augment import Augmentation, Damage, mirror_of_codes
from liveface.engine.train.loop import Progress, Rank, Settings, TrainingState
from liveface.engine.train.loop import train as run
from liveface.engine.train.mouth_samples import INNER, INPUTS, REACH, REFERENCE, TARGET


@dataclass(frozen=True, slots=True)
class Options:
    """What to train and how hard each loss pulls."""

    design: str = "warp"
    batch: int = 16
    learning_rate: float = 1.5e-3
    discriminator_rate: float = 4e-4
    inner_weight: float = 6.0  # of the plain error inside the mouth
    around_weight: float = 4.0  # of the plain error around it, where a false colour of lips shows at once
    gradient_weight: float = 1.0
    adversarial_weight: float = 0.02
    feature_weight: float = 1.0
    action_unit_weight: float = 0.02
    perceptual_weight: float = 0.3
    adversarial_from: int = 400  # steps before the discriminator joins


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Examples after augmentation, float (B, channels, 96, 128), 0 to 1; `code` (B, 16)."""

    photo: Tensor
    inputs: Tensor
    target: Tensor
    inner: Tensor
    reach: Tensor
    code: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Painter:
    """The two networks that draw, as trained together."""

    identity: IdentityEncoder
    generator: MouthGenerator | DirectDecoder

    def crop(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The network's own picture and the finished crop, each (B, 3, 96, 128)."""
        drawing = Drawing(self.generator).to(batch.inputs.device)
        picture, change = drawing(batch.inputs, batch.code, *self.identity(batch.photo))
        return picture, compose(batch.inputs, picture, change, batch.inner, batch.reach)


class Samples:
    """Examples written by `mouth_samples.cut_samples`, from one or more folders, read in place."""

    def __init__(self, folders: list[Path]) -> None:
        self.planes = [np.load(folder / "planes.npy", mmap_mode="r") for folder in folders]
        self.codes = [np.load(folder / "codes.npy") for folder in folders]
        self.count = sum(len(codes) for codes in self.codes)
        if self.count == 0:
            raise ConfigurationError("There are no examples to train on: cut some from a prepared corpus first.")

    def draw(self, size: int, generator: Generator, place: Rank) -> Batch:
        """A random augmented batch."""
        folder = generator.choice(len(self.codes), size, p=[len(codes) / self.count for codes in self.codes])
        index = [int(generator.integers(len(self.codes[which]))) for which in folder]
        planes = np.stack([self.planes[which][i] for which, i in zip(folder, index, strict=True)])
        codes = np.stack([self.codes[which][i] for which, i in zip(folder, index, strict=True)])
        stack = torch.from_numpy(planes).to(place.device).permute(0, 3, 1, 2).float().div_(255.0)
        return augmented(stack, torch.from_numpy(codes).to(place.device), generator)


def split(stack: Tensor, code: Tensor) -> Batch:
    """Name the planes (B, PLANES, H, W) of stored examples."""
    return Batch(stack[:, REFERENCE], stack[:, INPUTS], stack[:, TARGET], stack[:, INNER], stack[:, REACH], code)


def augmented(stack: Tensor, code: Tensor, generator: Generator) -> Batch:
    """Mirror half of the examples; give each another light and skin, and the photo the damage of a poor camera."""
    mirrored = torch.from_numpy(generator.random(len(stack)) < 0.5).to(stack.device)
    stack = torch.where(mirrored[:, None, None, None], stack.flip(3), stack)
    code = torch.where(mirrored[:, None], code @ mirror_of_codes().to(code), code)
    batch = split(stack, code)
    look = Augmentation.random(len(stack), generator, 0.6)
    damage = Damage.random(len(stack), generator)
    photo, bent = batch.photo[:, :3], batch.inputs[:, :3]
    both = torch.cat([look.on(photo, batch.photo[:, 3:4]), look.on(bent, batch.inputs[:, 5:6])], dim=3).clamp(0, 1)
    photo, bent = damage.to(both, generator).chunk(2, dim=3)
    return Batch(
        torch.cat([photo, batch.photo[:, 3:4]], dim=1),
        torch.cat([bent, batch.inputs[:, 3:]], dim=1),
        look.on(batch.target, batch.inner).clamp(0, 1),
        batch.inner,
        batch.reach,
        code,
    )


def _slopes(images: Tensor) -> tuple[Tensor, Tensor]:
    return images[..., :, 1:] - images[..., :, :-1], images[..., 1:, :] - images[..., :-1, :]


def picture_loss(drawn: Tensor, target: Tensor, batch: Batch, options: Options) -> Tensor:
    """Error of colours, inside the mouth mostly at low frequency, and of edges at three scales. A scalar."""
    area = torch.maximum(batch.inner, batch.reach)
    around = ((drawn - target).abs() * area * (1 - batch.inner)).mean()
    loss = options.around_weight * around + options.inner_weight * 0.4 * ((drawn - target).abs() * batch.inner).mean()
    mouth_drawn, mouth_target, area_small, inner = drawn, target, area, batch.inner
    for level in range(3):
        if level:
            mouth_drawn, mouth_target = (functional.avg_pool2d(image, 2) for image in (mouth_drawn, mouth_target))
            area_small, inner = functional.avg_pool2d(area_small, 2), functional.avg_pool2d(inner, 2)
            loss = loss + options.inner_weight * 0.3 * ((mouth_drawn - mouth_target).abs() * inner).mean()
        for a, b, weight in zip(
            _slopes(mouth_drawn), _slopes(mouth_target), (area_small[..., :, 1:], area_small[..., 1:, :]), strict=True
        ):
            loss = loss + options.gradient_weight * ((a - b).abs() * weight).mean()
    return loss


def train(
    samples: Samples,
    classifier: ActionUnitClassifier | None,
    settings: Settings,
    options: Options | None = None,
    file: Path | None = None,
    progress: Progress | None = None,
    place: Rank | None = None,
) -> tuple[Painter, TrainingState]:
    """Train a generator of `options.design`; `classifier` adds the losses of action units and of their features.

    `file` and `progress` as for `engine.train.loop.train`; the losses are named "painter" and "discriminator".
    Returns the painter in evaluation mode, with averaged weights where the settings keep an average.
    """
    options = options or Options()
    if options.design not in DESIGNS:
        raise ConfigurationError(f"The generator's design is {options.design!r}, expected {' or '.join(DESIGNS)}.")
    place = place or Rank()
    torch.manual_seed(settings.seed)
    painter = Painter(IdentityEncoder().to(place.device), DESIGNS[options.design]().to(place.device))
    discriminator = Discriminator().to(place.device)
    networks = {"identity": painter.identity, "generator": painter.generator, "discriminator": discriminator}
    for network in networks.values():
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    drawn_by = [*painter.identity.parameters(), *painter.generator.parameters()]
    state = TrainingState(
        networks,
        {
            "painter": torch.optim.AdamW(drawn_by, options.learning_rate, betas=(0.5, 0.99), weight_decay=0.01),
            "discriminator": torch.optim.AdamW(
                discriminator.parameters(), options.discriminator_rate, betas=(0.5, 0.99)
            ),
        },
    )
    if classifier is not None:
        classifier = classifier.to(place.device).eval().requires_grad_(False)
    judge = _Judge(painter, discriminator, classifier, options, state)

    def draw(random: Generator) -> Batch:
        return samples.draw(options.batch, random, place)

    run(
        state,
        draw,
        {"painter": judge.painter_loss, "discriminator": judge.discriminator_loss},
        settings,
        file,
        progress,
        place,
    )
    for name in ("identity", "generator"):
        networks[name].load_state_dict(state.weights(name))
        networks[name].eval()
    return painter, state


@dataclass(slots=True, eq=False)
class _Judge:
    """The two objectives; the drawn crop of the first is what the second sees."""

    painter: Painter
    discriminator: Discriminator
    classifier: ActionUnitClassifier | None
    options: Options
    state: TrainingState
    drawn: Tensor | None = None

    def painter_loss(self, batch: Batch) -> Tensor:
        """What the drawing networks minimise. A scalar."""
        picture, drawn = self.painter.crop(batch)
        self.drawn = drawn.detach()
        target = batch.target
        loss = picture_loss(drawn, target, batch, self.options)
        loss = loss + 0.5 * ((picture - target).abs() * torch.maximum(batch.inner, batch.reach)).mean()
        if self.classifier is not None:
            with torch.no_grad():
                wanted = self.classifier.features(target)
                wanted_units = self.classifier.intensities(wanted)
            seen = self.classifier.features(drawn)
            loss = loss + self.options.action_unit_weight * functional.l1_loss(
                self.classifier.intensities(seen), wanted_units
            )
            for a, b in zip(seen[:3], wanted[:3], strict=True):
                loss = loss + self.options.perceptual_weight * functional.l1_loss(a, b)
        if self.state.step >= self.options.adversarial_from:
            with torch.no_grad():
                _, filmed = self.discriminator(target, batch.inner)
            score, maps = self.discriminator(drawn, batch.inner)
            weight = functional.avg_pool2d(torch.maximum(batch.inner, batch.reach), 8)
            loss = loss - self.options.adversarial_weight * (score * weight).mean()
            for a, b in zip(maps, filmed, strict=True):
                loss = loss + self.options.feature_weight * functional.l1_loss(a, b) / len(maps)
        return loss

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Hinge loss where the crop was drawn. A scalar."""
        assert self.drawn is not None
        weight = functional.avg_pool2d(torch.maximum(batch.inner, batch.reach), 8)
        filmed, _ = self.discriminator(batch.target, batch.inner)
        drawn, _ = self.discriminator(self.drawn, batch.inner)
        return ((functional.relu(1 - filmed) + functional.relu(1 + drawn)) * weight).mean()
