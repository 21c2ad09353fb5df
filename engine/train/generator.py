"""Training of the generator with its identity encoder and frame discriminator, on cut mouth examples.

It does not know where examples come from (`engine.train.mouth_samples`); the command is `liveface train generator`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from liveface.engine.errors import ConfigurationError
from liveface.engine.face import mouth_crops
from liveface.engine.face.face_space import CODE_SIZE
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
    around_weight: float = 4.0  # of the plain error around the opening, where a false colour of lips shows at once
    # Of the change itself, as a share of the error's: it must save more of that than this, so what is not known to be
    # better stays as it was drawn: it has to be right about the direction nine times out of ten.
    caution: float = 0.8
    gradient_weight: float = 1.0
    adversarial_weight: float = 0.02
    feature_weight: float = 1.0
    action_unit_weight: float = 0.02
    perceptual_weight: float = 0.3
    adversarial_from: int = 400  # steps before the discriminator joins
    reduced: bool = False  # convolutions in bfloat16, twice as fast on processors that have it


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Examples after augmentation, float (B, channels, 128, 160), 0 to 1; `told` (B, CONDITION_SIZE); `is_sharp`
    (B,), 1 where the target shows details as they are."""

    photo: Tensor
    inputs: Tensor
    target: Tensor
    inner: Tensor
    reach: Tensor
    told: Tensor
    is_sharp: Tensor

    @property
    def area(self) -> Tensor:
        """Where the generator may change anything, (B, 1, 128, 160)."""
        return self.reach * (1.0 - self.inner)


@dataclass(frozen=True, slots=True, eq=False)
class Painter:
    """The two networks that draw, as trained together."""

    identity: IdentityEncoder
    generator: MouthGenerator | DirectDecoder
    reduced: bool = False

    def crop(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The network's change of colours and the finished crop, each (B, 3, 128, 160)."""
        with torch.autocast(batch.inputs.device.type, torch.bfloat16, enabled=self.reduced):
            (change,) = Drawing(self.generator)(batch.inputs, batch.told, *self.identity(batch.photo))
        change = change.float()
        return change, compose(batch.inputs, change, batch.inner, batch.reach)


class Samples:
    """Examples written by `mouth_samples.cut_samples`, from one or more folders, read in place."""

    def __init__(self, folders: list[Path]) -> None:
        self.planes = [np.load(folder / "planes.npy", mmap_mode="r") for folder in folders]
        self.told = [np.load(folder / "told.npy") for folder in folders]
        self.is_sharp = [np.load(folder / "sharp.npy") for folder in folders]
        self.count = sum(len(told) for told in self.told)
        if self.count == 0:
            raise ConfigurationError("There are no examples to train on: cut some from a prepared corpus first.")

    def draw(self, size: int, generator: Generator, place: Rank) -> Batch:
        """A random augmented batch."""
        folder = generator.choice(len(self.told), size, p=[len(told) / self.count for told in self.told])
        index = [int(generator.integers(len(self.told[which]))) for which in folder]
        planes, told, is_sharp = (
            torch.from_numpy(np.stack([kept[which][i] for which, i in zip(folder, index, strict=True)]))
            for kept in (self.planes, self.told, self.is_sharp)
        )
        stack = planes.to(place.device).permute(0, 3, 1, 2).float().div_(255.0)
        return augmented(stack, told.to(place.device), is_sharp.to(place.device).float(), generator)


def split(stack: Tensor, told: Tensor, is_sharp: Tensor) -> Batch:
    """Name the planes (B, PLANES, H, W) of stored examples."""
    return Batch(
        stack[:, REFERENCE], stack[:, INPUTS], stack[:, TARGET], stack[:, INNER], stack[:, REACH], told, is_sharp
    )


def augmented(stack: Tensor, told: Tensor, is_sharp: Tensor, generator: Generator) -> Batch:
    """Mirror half of the examples; give each another light and skin, and the photo the damage of a poor camera."""
    mirrored = torch.from_numpy(generator.random(len(stack)) < 0.5).to(stack.device)
    stack = torch.where(mirrored[:, None, None, None], stack.flip(3), stack)
    code = told[:, :CODE_SIZE]
    code = torch.where(mirrored[:, None], code @ mirror_of_codes().to(code), code)
    batch = split(stack, torch.cat([code, told[:, CODE_SIZE:]], dim=1), is_sharp)
    look = Augmentation.random(len(stack), generator, 0.6)
    damage = Damage.random(len(stack), generator)
    photo, drawn = batch.photo[:, :3], batch.inputs[:, :3]
    both = torch.cat([look.on(photo, batch.photo[:, 3:4]), look.on(drawn, batch.inner)], dim=3).clamp(0, 1)
    photo, drawn = damage.to(both, generator).chunk(2, dim=3)
    return replace(
        batch,
        photo=torch.cat([photo, batch.photo[:, 3:4]], dim=1),
        inputs=torch.cat([drawn, batch.inputs[:, 3:]], dim=1),
        target=look.on(batch.target, batch.inner).clamp(0, 1),
    )


def _slopes(images: Tensor) -> tuple[Tensor, Tensor]:
    return images[..., :, 1:] - images[..., :, :-1], images[..., 1:, :] - images[..., :-1, :]


def picture_loss(drawn: Tensor, batch: Batch, options: Options) -> Tensor:
    """Error of colours around the mouth at three scales, and of edges. A scalar.

    Film is coarser than the crop: against a target that is not sharp only what is halved counts. Every error is divided
    by the area that it is taken over, so that a small mouth weighs as much as a wide one.
    """
    loss = drawn.new_zeros(())
    target, area = batch.target, batch.area
    known = batch.is_sharp[:, None, None, None]
    for level in range(3):
        if level:
            drawn, target, area = (functional.avg_pool2d(part, 2) for part in (drawn, target, area))
            known = torch.ones_like(known)
        loss = loss + options.around_weight * _mean((drawn - target).abs(), area * known) / 3
        edges = zip(_slopes(drawn), _slopes(target), _cut(area * known), strict=True)
        for a, b, weight in edges:
            loss = loss + options.gradient_weight * _mean((a - b).abs(), weight)
    return loss


def _cut(weight: Tensor) -> tuple[Tensor, Tensor]:
    return weight[..., :, 1:], weight[..., 1:, :]


def _mean(error: Tensor, weight: Tensor) -> Tensor:
    """Mean over the examples of each one's error (B, 3, H, W) where its weight (B, 1, H, W) is; a scalar.

    Openings of less than fifty pixels count by their area.
    """
    total = weight.sum(dim=(1, 2, 3))
    return ((error * weight).sum(dim=(1, 2, 3)) / (3.0 * total.clamp(min=50.0))).mean()


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
    painter = Painter(IdentityEncoder().to(place.device), DESIGNS[options.design]().to(place.device), options.reduced)
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
        change, drawn = self.painter.crop(batch)
        self.drawn = drawn.detach()
        loss = picture_loss(drawn, batch, self.options)
        loss = loss + self.options.caution * self.options.around_weight * _mean(change.abs(), batch.area)
        if self.classifier is not None:
            with torch.no_grad():
                wanted = self.classifier.features(_for_classifier(batch.target))
                wanted_units = self.classifier.intensities(wanted)
            seen = self.classifier.features(_for_classifier(drawn))
            loss = loss + self.options.action_unit_weight * functional.l1_loss(
                self.classifier.intensities(seen), wanted_units
            )
        chosen = batch.is_sharp > 0.0
        if self.classifier is not None and chosen.any():
            for a, b in zip(seen[:3], wanted[:3], strict=True):
                loss = loss + self.options.perceptual_weight * functional.l1_loss(a[chosen], b[chosen])
        if self.options.adversarial_weight and self.state.step >= self.options.adversarial_from and chosen.any():
            with torch.no_grad():
                _, filmed = self.discriminator(batch.target[chosen], batch.inner[chosen])
            score, maps = self.discriminator(drawn[chosen], batch.inner[chosen])
            weight = functional.avg_pool2d(batch.area[chosen], 8)
            loss = loss - self.options.adversarial_weight * (score * weight).mean()
            for a, b in zip(maps, filmed, strict=True):
                loss = loss + self.options.feature_weight * functional.l1_loss(a, b) / len(maps)
        return loss

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Hinge loss where the crop was drawn, of sharp examples: coarse film must not pass for the real. A scalar."""
        assert self.drawn is not None
        chosen = batch.is_sharp > 0.0
        if not chosen.any() or not self.options.adversarial_weight:
            return sum((one.sum() * 0.0 for one in self.discriminator.parameters()), start=self.drawn.new_zeros(()))
        weight = functional.avg_pool2d(batch.area[chosen], 8)
        filmed, _ = self.discriminator(batch.target[chosen], batch.inner[chosen])
        drawn, _ = self.discriminator(self.drawn[chosen], batch.inner[chosen])
        return ((functional.relu(1 - filmed) + functional.relu(1 + drawn)) * weight).mean()


def _for_classifier(crop: Tensor) -> Tensor:
    """A crop (B, 3, 128, 160) at the size that the Action Unit classifier sees; both show the same part of the face."""
    return functional.interpolate(
        crop, (mouth_crops.HEIGHT, mouth_crops.WIDTH), mode="bilinear", align_corners=False, antialias=True
    )
