"""Training examples for the generator, cut once from filmed faces and portraits.

A filmed face gives a pair of frames: one is the photo, the other the target. A portrait makes a pair alone: the
untouched portrait is the target, and the photo is the same portrait bent to another expression, with an open mouth
closed first, so that the network must paint back what was inside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from liveface.engine.drawing import mesh_warp
from liveface.engine.drawing.crop_maps import crop_maps
from liveface.engine.drawing.teeth import Teeth
from liveface.engine.errors import MediaError
from liveface.engine.face import face_space, mouth
from liveface.engine.media import Picture

Array = NDArray[np.float32]

# Planes of a stored example, uint8: photo, its inner mouth, the generator's inputs, target, inner mouth, reach.
REFERENCE = slice(0, 3 + 1)
INPUTS = slice(4, 4 + mouth.INPUT_CHANNELS)
TARGET = slice(INPUTS.stop, INPUTS.stop + 3)
INNER = slice(TARGET.stop, TARGET.stop + 1)
REACH = slice(INNER.stop, INNER.stop + 1)
PLANES = REACH.stop

_POINT_NOISE = 0.006  # IOD, error of a measured mesh
_FLESH = np.array([0.60, 0.44, 0.37])  # mean colour of a face in even light, to take a studio's tint away


@dataclass(frozen=True, slots=True, eq=False)
class Filmed:
    """One clip: `frames` uint8 (T, H, W, 3) RGB, `points` float32 (T, 468, 3) pixels, NaN where unseen."""

    frames: Picture
    points: Array


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """One photo: `image` uint8 (H, W, 3) RGB, `points` float32 (468, 3) pixels."""

    image: Picture
    points: Array


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One pair: `planes` uint8 (height, width, PLANES) and the target's motion `code` float32 (CODE_SIZE,)."""

    planes: NDArray[np.uint8]
    code: Array


def from_film(clip: Filmed, generator: Generator) -> Example:
    """A pair of frames of a clip: mostly closed to open, sometimes open to closed, rarely alike."""
    seen = np.flatnonzero(np.isfinite(clip.points[:, 0, 0]))
    if len(seen) < 2:
        raise MediaError("A training clip shows a face in fewer than 2 frames: prepare the corpus again without it.")
    gaps = face_space.mouth_gap(clip.points[seen]) / face_space.inter_ocular(clip.points[seen])
    order = seen[np.argsort(gaps)]
    closed, wide = order[: max(1, len(order) // 3)], order[-max(1, len(order) // 3) :]
    kind = generator.random()
    first, second = (closed, wide) if kind < 0.5 else (wide, closed) if kind < 0.7 else (seen, seen)
    photo, target = int(generator.choice(first)), int(generator.choice(second))
    balance = _balance(clip.frames[photo], clip.points[photo])
    still = face_space.STABLE
    follow = face_space.fit_similarity(
        clip.points[target][still, :2].astype(np.float64), clip.points[photo][still, :2].astype(np.float64)
    )
    moved = follow.apply(clip.points[target][:, :2])
    kept = face_space.mobility()[:, None]
    landmarks = clip.points[photo][:, :2] * (1 - kept) + moved * kept
    to_photo = np.hstack([follow.scale * follow.rotation, follow.offset[:, None]])
    size = clip.frames.shape[2], clip.frames.shape[1]
    flags = cv2.INTER_CUBIC
    aligned = cv2.warpAffine(clip.frames[target], to_photo, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return _example(
        _balanced(clip.frames[photo], balance),
        clip.points[photo],
        _balanced(np.asarray(aligned, np.uint8), balance),
        landmarks,
        generator,
    )


def from_portrait(portrait: Portrait, codes: Array, generator: Generator) -> Example:
    """A portrait as target, and bent to another expression as photo.

    `codes`: float32 (n, CODE_SIZE), motions seen in film, from which the other expression is drawn.
    """
    points = portrait.points
    # Work at a size at which the bend is cheap and the crop is not enlarged twice.
    scale = min(1.0, 110.0 / float(face_space.inter_ocular(points)))
    image = portrait.image
    if scale < 1.0:
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        points = points * scale
    own = mouth.measure(points)
    code = codes[generator.integers(len(codes))] * generator.uniform(0.4, 1.3)
    if generator.random() < 0.6:
        code = code * 0.1  # nearly closed: the usual photo
    bent_points = own.landmarks(face_space.basis().decode(code.astype(np.float32)))
    height, width = image.shape[:2]
    target = mesh_warp.with_ring(bent_points)
    source = mesh_warp.with_ring(own.points)
    target[face_space.template().shape[0] :] = source[face_space.template().shape[0] :]
    photo = mesh_warp.bend(image, mesh_warp.offsets(target, source, mesh_warp.speech_triangles(), width, height))
    bent = points.copy()
    bent[:, :2] = bent_points
    return _example(photo, bent, image, own.points, generator)


def _example(photo: Picture, points: Array, target: Picture, landmarks: Array, generator: Generator) -> Example:
    """Cut photo and target alike, with a randomly shaped crop and an imprecise mesh."""
    noise = generator.normal(0.0, _POINT_NOISE * float(face_space.inter_ocular(points)), (2, len(points), 2))
    noisy = points.copy()
    noisy[:, :2] += noise[0] * 0.5
    crop = mouth.measure(noisy).crop
    centre = np.array(mouth.CROP_SIZE) / 2
    change = np.diag(generator.uniform(0.9, 1.12, 2)) + np.array(
        [[0, generator.uniform(-0.06, 0.06)], [generator.uniform(-0.04, 0.04), 0]]
    )
    place = np.hstack([change, (centre - change @ centre + generator.uniform(-4, 4, 2))[:, None]])
    crop = place @ np.vstack([crop, [0, 0, 1]])
    own = mouth.measure(noisy, crop)
    reference = mouth.reference_crop(photo, own)
    wanted = mouth.without_margin(mouth.reference_crop(target, own))
    maps = crop_maps(reference, own, Teeth.of(reference, own), landmarks.astype(np.float32))
    code = face_space.basis().encode(own.displacement(landmarks.astype(np.float32)))
    planes = np.dstack(
        [mouth.identity_input(reference, own), maps.inputs.transpose(1, 2, 0), wanted / 255.0, maps.inner, maps.reach]
    )
    return Example(np.rint(planes * 255).astype(np.uint8), np.clip(code, -6, 6))


def _balance(image: Picture, points: Array) -> Array:
    """Factors (3,) that give the face the mean hue of faces in even light, at its own brightness."""
    low, high = np.clip(points[face_space.STABLE, :2], 0, None).min(axis=0), points[face_space.STABLE, :2].max(axis=0)
    area = image[int(low[1]) : int(high[1]) + 1, int(low[0]) : int(high[0]) + 1]
    mean = area.reshape(-1, 3).mean(axis=0) / 255.0
    factors = _FLESH / np.maximum(mean, 0.05)
    return np.asarray(np.clip(factors / factors.mean(), 0.7, 1.4), np.float32)


def _balanced(image: Picture, factors: Array) -> Picture:
    return np.asarray(np.clip(image * factors, 0, 255), np.uint8)


def cut_samples(
    films: Sequence[Callable[[], Filmed]],
    portraits: Sequence[Portrait],
    codes: Array,
    out: Path,
    count: int,
    seed: int = 0,
    portrait_share: float = 0.35,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write `count` examples to the folder `out` as planes.npy and codes.npy.

    `films`: loaders of clips, drawn evenly: list one twice to weigh it double; loaded one after another.
    Portraits with open mouths are drawn four times as often as closed ones.
    """
    out.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    width, height = mouth.CROP_SIZE
    planes = np.lib.format.open_memmap(out / "planes.npy", "w+", np.uint8, (count, height, width, PLANES))
    written_codes = np.zeros((count, face_space.CODE_SIZE), np.float32)
    of_portraits = round(count * portrait_share) if films else count
    if not portraits:
        of_portraits = 0
    kinds = generator.permutation(count)
    open_mouth = np.array(
        [4.0 if face_space.mouth_gap(p.points) > 0.08 * face_space.inter_ocular(p.points) else 1.0 for p in portraits]
    )
    index = 0

    def write(example: Example) -> None:
        nonlocal index
        planes[kinds[index]] = example.planes
        written_codes[kinds[index]] = example.code
        index += 1
        if progress:
            progress(index)

    for _ in range(of_portraits):
        write(
            from_portrait(
                portraits[generator.choice(len(portraits), p=open_mouth / open_mouth.sum())], codes, generator
            )
        )
    for number, load in enumerate(films):
        clip = load()
        until = of_portraits + round((count - of_portraits) * (number + 1) / len(films))
        while index < until:
            write(from_film(clip, generator))
    planes.flush()
    np.save(out / "codes.npy", written_codes)
