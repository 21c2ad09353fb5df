"""Other faces, lights and cameras from the same pictures, in batches.

Pictures are float (B, 3, H, W) in 0 to 1, parameters float (B,), all on one device. The colour of the skin changes
outside the inner mouth only: the same tint on teeth teaches a network tan and green teeth. Voices are in `voices`.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional

from liveface.engine.face import face_space

_BLOCK = 8  # pixels, side of JPEG's blocks
_DARKEST = 1e-3  # below it a power has no useful slope

# Luminance and two chroma axes (YIQ) of RGB: rotating the chroma plane turns the hue and keeps the brightness.
_TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))

# JPEG's example tables (ITU-T T.81, annex K) are replaced by their trend: coarser steps for finer detail.
_STEP_AT_REST, _STEP_PER_FREQUENCY = 12.0, 7.0


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where each face lies in its picture: `matrix` (B, 2, 3) from new to old coordinates, -1 to 1 over the picture."""

    matrix: Tensor
    mirrored: Tensor  # bool (B,)

    @classmethod
    def random(
        cls, count: int, generator: Generator, scale: float = 0.12, shear: float = 0.06, shift: float = 0.05
    ) -> "Placement":
        """Anisotropic scale within 1 +- `scale`, shear, shift in half pictures, and a mirror for every second face."""
        x_scale, y_scale = 1 + generator.uniform(-scale, scale, (2, count))
        x_shear, y_shear = generator.uniform(-shear, shear, (2, count))
        x, y = generator.uniform(-shift, shift, (2, count))
        mirrored = generator.random(count) < 0.5
        sign = np.where(mirrored, -1.0, 1.0)
        rows = [sign * x_scale, x_shear, x, sign * y_shear, y_scale, y]
        matrix = np.stack(rows, axis=-1).reshape(count, 2, 3).astype(np.float32)
        return cls(torch.from_numpy(matrix), torch.from_numpy(mirrored))

    def pictures(self, images: Tensor) -> Tensor:
        """The pictures so placed; what lay outside repeats the edge."""
        matrix = self.matrix.to(images)
        grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def points(self, points: Tensor, width: int, height: int) -> Tensor:
        """Mesh points (B, 468, 2) in pixels of the old pictures where they lie in the new, left and right exchanged."""
        size = points.new_tensor([width, height])
        matrix = self.matrix.to(points)
        old = 2 * points / size - 1 - matrix[:, None, :, 2]
        new = torch.linalg.solve(matrix[:, :, :2], old.transpose(1, 2)).transpose(1, 2)
        placed = (new + 1) * size / 2
        return torch.where(self.mirrored.to(points.device)[:, None, None], placed[:, _partners(points.device)], placed)

    def codes(self, codes: Tensor) -> Tensor:
        """Motion codes (B, D) of the faces so placed: those of mirrored faces mirrored."""
        return torch.where(self.mirrored.to(codes.device)[:, None], codes @ mirror_of_codes().to(codes), codes)


@dataclass(frozen=True, slots=True, eq=False)
class Augmentation:
    """Light and skin of each face: gamma, gain and ramp fall on everything, hue and tint on the skin alone."""

    gamma: Tensor
    gain: Tensor
    ramp: Tensor  # change of brightness from the middle to the border
    direction: Tensor  # radians, towards which the ramp brightens
    hue: Tensor  # radians
    tint: Tensor  # (B, 3), factor per colour

    @classmethod
    def random(cls, count: int, generator: Generator, strength: float = 1.0) -> "Augmentation":
        """Looks at most `strength` times as far from the recording as another person in another light may be."""

        def spread(width: float, *more: int) -> Tensor:
            return torch.from_numpy(generator.uniform(-width, width, (count, *more)).astype(np.float32)) * strength

        return cls(
            spread(0.35).exp(), spread(0.25).exp(), spread(0.3), spread(math.pi), spread(0.25), spread(0.2, 3).exp()
        )

    def on(self, images: Tensor, inner_mouth: Tensor) -> Tensor:
        """The pictures in this look; `inner_mouth` (B, 1, H, W), 1 where teeth and tongue may show."""
        here = [value.to(images) for value in (self.gamma, self.gain, self.ramp, self.direction, self.hue, self.tint)]
        gamma, gain, ramp, direction, hue, tint = here
        skin = tinted(turned_hue(images, hue), tint)
        mixed = inner_mouth * images + (1 - inner_mouth) * skin
        return sidelit(brightened(mixed, gamma, gain), ramp, direction)


@dataclass(frozen=True, slots=True, eq=False)
class Damage:
    """What a poor camera or a saved file does to a photo."""

    blur: Tensor  # pixels, standard deviation
    quality: Tensor  # of JPEG, 1 to 100
    noise: Tensor  # standard deviation

    @classmethod
    def random(cls, count: int, generator: Generator) -> "Damage":
        """A third of the photos blurred, half saved as JPEG again, a third noisy."""

        def some(share: float, low: float, high: float, otherwise: float) -> Tensor:
            drawn = np.where(generator.random(count) < share, generator.uniform(low, high, count), otherwise)
            return torch.from_numpy(drawn.astype(np.float32))

        return cls(some(0.33, 0.3, 1.5, 0.0), some(0.5, 25.0, 95.0, 100.0), some(0.33, 0.0, 0.04, 0.0))

    def to(self, images: Tensor, generator: Generator) -> Tensor:
        """The pictures so damaged."""
        blur, quality, noise = (value.to(images) for value in (self.blur, self.quality, self.noise))
        grain = torch.from_numpy(generator.standard_normal(tuple(images.shape), np.float32)).to(images)
        return (compressed(blurred(images, blur), quality) + grain * _wide(noise)).clamp(0, 1)


def mirror_of_codes() -> Tensor:
    """The matrix (D, D) with `mirrored = code @ matrix`: the same motion on the other side of the face."""
    basis = face_space.basis()
    moved = basis.decode(np.eye(face_space.CODE_SIZE, dtype=np.float32))
    exchanged = moved[:, face_space.asset("mirror").astype(np.int64)] * np.array([-1, 1, 1], np.float32)
    return torch.from_numpy(basis.encode(exchanged))


def brightened(images: Tensor, gamma: Tensor, gain: Tensor) -> Tensor:
    """`gain * image ** gamma`."""
    return (images.clamp(_DARKEST, 1) ** _wide(gamma) * _wide(gain)).clamp(0, 1)


def sidelit(images: Tensor, ramp: Tensor, direction: Tensor) -> Tensor:
    """Brighter by the share `ramp` at the border in `direction`, darker by as much at the border opposite."""
    height, width = images.shape[2:]
    y = torch.linspace(-1, 1, height).to(images)[None, None, :, None]
    x = torch.linspace(-1, 1, width).to(images)[None, None, None, :]
    across = x * _wide(direction.cos()) + y * _wide(direction.sin())
    return (images * (1 + _wide(ramp) * across)).clamp(0, 1)


def turned_hue(images: Tensor, angle: Tensor) -> Tensor:
    """Hue turned by `angle` radians at equal brightness."""
    to_yiq = torch.tensor(_TO_YIQ).to(images)
    cosine, sine, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    turn = torch.stack([one, zero, zero, zero, cosine, -sine, zero, sine, cosine], dim=-1).reshape(-1, 3, 3)
    matrix = torch.linalg.inv(to_yiq) @ turn @ to_yiq
    return torch.einsum("bij,bjhw->bihw", matrix, images).clamp(0, 1)


def tinted(images: Tensor, factors: Tensor) -> Tensor:
    """Every colour channel times its factor (B, 3): another skin tone."""
    return (images * factors[:, :, None, None]).clamp(0, 1)


def blurred(images: Tensor, deviation: Tensor) -> Tensor:
    """Gaussian blur of `deviation` pixels, at most 2; 0 leaves a picture as it is."""
    reach = 6
    offsets = torch.arange(-reach, reach + 1).to(images)
    kernel = torch.exp(-0.5 * (offsets / deviation.clamp(1e-3, reach / 3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)[:, None]
    count, _, height, width = images.shape
    flat = functional.pad(images, [reach] * 4, mode="replicate").reshape(1, 3 * count, height + 2 * reach, -1)
    flat = functional.conv2d(flat, kernel[:, :, None], groups=3 * count)
    flat = functional.conv2d(flat, kernel[:, :, :, None], groups=3 * count)
    return flat.reshape(count, 3, height, width)


def compressed(images: Tensor, quality: Tensor) -> Tensor:
    """The blocks and ringing of a JPEG of `quality` 1 to 100, chroma twice as coarse; 100 leaves a picture as it is."""
    count, _, height, width = images.shape
    to_yiq = torch.tensor(_TO_YIQ).to(images)
    padded = functional.pad(images, [0, -width % _BLOCK, 0, -height % _BLOCK], mode="replicate")
    planes = torch.einsum("ij,bjhw->bihw", to_yiq, padded)
    rows, columns = padded.shape[2] // _BLOCK, padded.shape[3] // _BLOCK
    blocks = planes.reshape(count, 3, rows, _BLOCK, columns, _BLOCK).transpose(3, 4)
    basis = _cosines().to(images)
    spectrum = basis @ blocks @ basis.T
    frequency = torch.arange(_BLOCK).to(images)
    steps = (_STEP_AT_REST + _STEP_PER_FREQUENCY * (frequency[:, None] + frequency)) / 255
    # JPEG's usual scale of the steps: 50 as tabled, 100 none, 1 fifty times.
    coarseness = torch.where(quality < 50, 50 / quality.clamp(min=1), 2 - quality / 50).clamp(min=1e-4)
    sizes = coarseness[:, None, None, None] * steps * torch.tensor([1.0, 2.0, 2.0]).to(images)[:, None, None]
    sizes = sizes[:, :, None, None]
    blocks = basis.T @ ((spectrum / sizes).round() * sizes) @ basis
    planes = blocks.transpose(3, 4).reshape(padded.shape)
    return torch.einsum("ij,bjhw->bihw", torch.linalg.inv(to_yiq), planes)[..., :height, :width].clamp(0, 1)


def _wide(values: Tensor) -> Tensor:
    """(B,) to (B, 1, 1, 1)."""
    return values[:, None, None, None]


def _partners(device: torch.device) -> Tensor:
    """For every mesh point the point on the other side of the face, int64 (468,)."""
    return torch.from_numpy(face_space.asset("mirror").astype(np.int64)).to(device)


def _cosines() -> Tensor:
    """The orthonormal cosine transform of 8 values (8, 8)."""
    k = torch.arange(_BLOCK, dtype=torch.float32)
    basis = torch.cos(math.pi / _BLOCK * (k + 0.5) * k[:, None]) * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    return basis
