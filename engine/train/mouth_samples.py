"""Training examples for the generator, cut once from filmed faces and portraits.

A filmed face gives a pair of frames: one is the photo, the other the target. A portrait makes a pair alone: the
untouched portrait is the target, and the photo is the same portrait drawn with another expression, an open mouth
mostly closed, so that it shows what a photo cannot. The photo is drawn towards the target as it would be
live; what is left between the two is what the generator learns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from liveface.engine.drawing.compositor import Scene
from liveface.engine.errors import MediaError
from liveface.engine.expression import REST
from liveface.engine.face import action_units, face_space, mouth, seam
from liveface.engine.face.condition import CONDITION_SIZE, condition
from liveface.engine.face.landmarks import FaceMesh, region_of
from liveface.engine.media import Picture

Array = NDArray[np.float32]

# Planes of a stored example, uint8: photo, its inner mouth, the generator's inputs, target, inner mouth, reach.
REFERENCE = slice(0, 3 + 1)
INPUTS = slice(4, 4 + mouth.INPUT_CHANNELS)
TARGET = slice(INPUTS.stop, INPUTS.stop + 3)
INNER = slice(TARGET.stop, TARGET.stop + 1)
REACH = slice(INNER.stop, INNER.stop + 1)
PLANES = REACH.stop

_IOD = 112.0  # pixels of one IOD in the pictures that are drawn, about those of the crop
_SHARP = 90.0  # pixels of one IOD in a recording from which it shows teeth as they are
_PER_PHOTO = 6  # targets of one photo: preparing it takes longer than drawing it
_POINT_NOISE = 0.005  # IOD, error of a measured mesh
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
    """One pair: `planes` uint8 (height, width, PLANES); `told` float32 (CONDITION_SIZE,), of the target; `is_sharp`:
    whether the target shows details as they are."""

    planes: NDArray[np.uint8]
    told: Array
    is_sharp: bool


def from_film(clip: Filmed, mesh: FaceMesh, generator: Generator) -> Iterator[Example]:
    """Pairs of frames of a clip with one photo: mostly closed to open, sometimes open to closed, rarely alike."""
    seen = np.flatnonzero(np.isfinite(clip.points[:, 0, 0]))
    if len(seen) < 2:
        raise MediaError("A training clip shows a face in fewer than 2 frames: prepare the corpus again without it.")
    gaps = face_space.mouth_gap(clip.points[seen]) / face_space.inter_ocular(clip.points[seen])
    order = seen[np.argsort(gaps)]
    third = max(1, len(order) // 3)
    closed, wide = order[:third], order[-third:]
    kind = generator.random()
    first, second = (closed, wide) if kind < 0.6 else (wide, closed) if kind < 0.75 else (seen, seen)
    chosen = int(generator.choice(first))
    photo, points, is_sharp = _frame(clip, chosen, mesh)
    balance = _balance(photo, points)
    photo = _balanced(photo, balance)
    points = seam.snapped(photo, _noisy(points, generator))
    scene = Scene.still(photo, points)
    still, kept = face_space.STABLE, face_space.mobility()[:, None]
    for _ in range(_PER_PHOTO):
        target, moving, _ = _frame(clip, int(generator.choice(second)), mesh)
        follow = face_space.fit_similarity(moving[still, :2].astype(np.float64), points[still, :2].astype(np.float64))
        landmarks = points[:, :2] * (1 - kept) + follow.apply(moving[:, :2]) * kept
        to_photo = np.hstack([follow.scale * follow.rotation, follow.offset[:, None]])
        aligned = cv2.warpAffine(
            target, to_photo, photo.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        yield _example(
            scene,
            _balanced(np.asarray(aligned, np.uint8), balance),
            np.asarray(landmarks, np.float32),
            is_sharp,
            generator,
        )


def _frame(clip: Filmed, index: int, mesh: FaceMesh) -> tuple[Picture, Array, bool]:
    """One frame of a clip, enlarged, with its finer mesh (468, 3), and whether it was sharp."""
    found = np.asarray(mesh.fine_points_in(clip.frames[index], region_of(clip.points[index]))[: clip.points.shape[1]])
    iod = float(face_space.inter_ocular(found[:, :2]))
    scale = _IOD / iod
    picture = cv2.resize(clip.frames[index], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    half = np.array([0.5, 0.5, 0.0], np.float32)
    return np.asarray(picture, np.uint8), np.asarray((found + half) * scale - half, np.float32), iod >= _SHARP


def from_portrait(portrait: Portrait, codes: Array, generator: Generator) -> Iterator[Example]:
    """A portrait as target, and drawn with another expression as photo.

    `codes`: float32 (n, CODE_SIZE), motions seen in film, from which the other expression is drawn.
    """
    scale = min(1.6, _IOD / float(face_space.inter_ocular(portrait.points)))
    interpolation = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC
    image = np.asarray(cv2.resize(portrait.image, None, fx=scale, fy=scale, interpolation=interpolation), np.uint8)
    points = np.asarray(portrait.points * scale, np.float32)
    own = Scene.still(image, points)
    code = codes[generator.integers(len(codes))] * generator.uniform(0.4, 1.3)
    if generator.random() < 0.75:
        code = code * 0.05  # nearly closed: the usual photo
    elsewhere = own.mouth.landmarks(face_space.basis().decode(code.astype(np.float32)))
    photo = own.draw(own.speech(elsewhere), REST)
    bent = points.copy()
    bent[:, :2] = elsewhere
    yield _example(Scene.still(photo, _noisy(bent, generator)), image, own.mouth.points, scale <= 1.3, generator)


def _noisy(points: Array, generator: Generator) -> Array:
    """An imprecise mesh (468, 3): as a whole, and point by point."""
    iod = float(face_space.inter_ocular(points[:, :2]))
    noisy = points.copy()
    noisy[:, :2] += generator.normal(0.0, _POINT_NOISE * iod, 2) + generator.normal(
        0.0, 0.4 * _POINT_NOISE * iod, (len(points), 2)
    )
    return noisy


def _example(scene: Scene, target: Picture, landmarks: Array, is_sharp: bool, generator: Generator) -> Example:
    """Draw the photo towards the target, and cut all alike with a randomly shaped crop."""
    own = scene.mouth
    speech = scene.speech(landmarks)
    drawn = scene.draw(speech, REST)
    centre = np.array(mouth.CROP_SIZE) / 2
    change = np.diag(generator.uniform(0.9, 1.12, 2)) + np.array(
        [[0, generator.uniform(-0.06, 0.06)], [generator.uniform(-0.04, 0.04), 0]]
    )
    place = np.hstack([change, (centre - change @ centre + generator.uniform(-5, 5, 2))[:, None]])
    shaped = scene.with_crop(place @ np.vstack([own.crop, [0, 0, 1]]))
    maps = shaped.maps(speech, drawn, REST)
    wanted = mouth.cut(target, shaped.mouth.crop)
    displacement = own.displacement(landmarks)
    told = condition(face_space.basis().encode(displacement), action_units.from_landmarks(displacement))
    planes = np.dstack(
        [
            mouth.identity_input(scene.photo, shaped.mouth),
            maps.inputs.transpose(1, 2, 0),
            wanted / 255.0,
            maps.inner,
            maps.reach,
        ]
    )
    return Example(np.rint(planes * 255).astype(np.uint8), np.clip(told, -6, 6), is_sharp)


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
    mesh: FaceMesh,
    out: Path,
    count: int,
    seed: int = 0,
    portrait_share: float = 0.4,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Write `count` examples to the folder `out` as planes.npy, told.npy and sharp.npy.

    `films`: loaders of clips, drawn evenly: list one twice to weigh it double; loaded one after another.
    Portraits with open mouths are drawn eight times as often as closed ones.
    """
    out.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    width, height = mouth.CROP_SIZE
    planes = np.lib.format.open_memmap(out / "planes.npy", "w+", np.uint8, (count, height, width, PLANES))
    told = np.zeros((count, CONDITION_SIZE), np.float32)
    is_sharp = np.zeros(count, np.bool_)
    of_portraits = round(count * portrait_share) if films else count
    if not portraits:
        of_portraits = 0
    places = generator.permutation(count)
    index = 0

    def write(examples: Iterator[Example], until: int) -> None:
        nonlocal index
        for example in examples:
            if index >= until:
                return
            planes[places[index]], told[places[index]] = example.planes, example.told
            is_sharp[places[index]] = example.is_sharp
            index += 1
            if progress:
                progress(index)

    gaps = [face_space.mouth_gap(one.points) / face_space.inter_ocular(one.points) for one in portraits]
    weights = np.where(np.array(gaps) > 0.06, 8.0, 1.0)
    while index < of_portraits:
        chosen = portraits[generator.choice(len(portraits), p=weights / weights.sum())]
        write(from_portrait(chosen, codes, generator), of_portraits)
    for number, load in enumerate(films):
        clip = load()
        until = of_portraits + round((count - of_portraits) * (number + 1) / len(films))
        while index < until:
            write(from_film(clip, mesh, generator), until)
    planes.flush()
    np.save(out / "told.npy", told)
    np.save(out / "sharp.npy", is_sharp)
