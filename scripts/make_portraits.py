"""Makes the default portraits in assets/avatars: people who do not exist, each blended from several synthetic faces.

    LIVEFACE_DATA=folder python scripts/make_portraits.py [NAME...]

A recipe names the sources (files of the data folder's `portraits`) of hair and background, eyes, nose, mouth and skin.
Every source is warped to their mean face shape. Coarse detail (shading, volume) is the mean of all sources, fine detail
comes from one source per region, so that nothing is blurred or doubled. It does not know how a face speaks.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from liveface.engine.face.avatar import prepare  # noqa: E402 - the script also runs where liveface is not installed
from liveface.engine.face.landmarks import EYE_OUTER_LEFT, EYE_OUTER_RIGHT, FaceMesh  # noqa: E402
from liveface.engine.face.photo import read_photo  # noqa: E402
from liveface.engine.media import Picture  # noqa: E402

SIDE = 640  # pixels, of the square portraits
LEVELS = 7  # of the Laplacian pyramid
SHARED_LEVEL = 4  # from this level on (details of 16 pixels and more), all sources are averaged in part
SHARED_PART = 0.5
BASE_SHARE = 0.34  # of the mean shape: the hair must go with it
WARM_GREY = (2.5, 5.0)  # Lab a and b
FIELD_STEP = 8  # pixels between the nodes of the warp

Array = NDArray[np.float32]

# Points of the face mesh, as hulls. The forehead's edge is left out: hair may cover it.
FACE = (68, 104, 69, 108, 151, 337, 299, 333, 298, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377)
FACE += (152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162)
RIGHT_EYE = (70, 63, 105, 66, 107, 55, 193, 122, 121, 120, 119, 118, 117, 111)
LEFT_EYE = (300, 293, 334, 296, 336, 285, 417, 351, 350, 349, 348, 347, 346, 340)
NOSE = (8, 193, 417, 122, 351, 174, 399, 198, 420, 129, 358, 98, 327, 2)
MOUTH = (164, 165, 391, 92, 322, 186, 410, 57, 287, 43, 273, 106, 335, 182, 406, 83, 313, 18)
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 13, 14, 78, 308)
LIPS += (95, 88, 178, 87, 317, 402, 318, 324, 415, 310, 311, 312, 82, 81, 80, 191)
STABLE = (33, 133, 362, 263, 168, 6, 197, 98, 327, 2, 127, 356)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which source gives what; `mirrored` flips the base, `grade` multiplies R, G, B, `gamma` brightens below 1.

    `dyed` turns the green of the base's hair and background to a warm grey, `retouched` is a polygon
    (pixels) that is filled from its surroundings.
    """

    base: str
    eyes: str
    nose: str
    mouth: str
    skin: str
    mirrored: bool
    grade: tuple[float, float, float]
    gamma: float
    dyed: bool = False
    retouched: tuple[tuple[int, int], ...] = ()


A_HAND = ((0, 560), (20, 560), (34, 584), (56, 584), (58, 639), (0, 639))

RECIPES = {
    "clara": Recipe("4x8_06", "4x8_24", "3x6_11", "4x8_12", "4x8_06", True, (0.97, 1.0, 1.05), 1.05),
    "maya": Recipe("4x8_09", "3x6_10", "3x6_00", "3x6_10", "4x8_09", True, (0.96, 1.0, 1.06), 0.92),
    "jonas": Recipe("4x8_21", "4x8_29", "3x6_12", "4x8_21", "4x8_21", True, (1.02, 1.0, 0.97), 0.92, retouched=A_HAND),
    "samuel": Recipe("3x6_07", "3x6_07", "4x8_28", "4x8_26", "4x8_28", True, (1.02, 1.0, 0.98), 0.95),
    "ruth": Recipe("4x8_00", "4x8_00", "3x6_11", "4x8_12", "4x8_00", True, (0.97, 1.01, 1.0), 0.95, dyed=True),
}


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A portrait and its mesh: `image` float32 (SIDE, SIDE, 3) RGB 0 to 255, `points` float32 (468, 2) pixels."""

    image: Array
    points: Array


def read(name: str, portraits: Path, mesh: FaceMesh, mirrored: bool) -> Source:
    image = read_photo(portraits / f"sample_{name}.jpg")
    image = image[:, ::-1] if mirrored else image
    interpolation = cv2.INTER_LANCZOS4 if max(image.shape) < SIDE else cv2.INTER_AREA
    image = cv2.resize(np.ascontiguousarray(image), (SIDE, SIDE), interpolation=interpolation)
    return Source(image.astype(np.float32), prepare(image, mesh, name).points[:, :2])


def similarity(points: Array, target: Array) -> Array:
    """The similarity (2, 3) that brings stable points (n, 2) closest to those of the target."""
    centre, goal = points.mean(axis=0), target.mean(axis=0)
    a, b = points - centre, target - goal
    size = float((a**2).sum())
    cosine, sine = float((a * b).sum()) / size, float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / size
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turn, goal - turn @ centre]).astype(np.float32)


def transformed(points: Array, matrix: Array) -> Array:
    return points @ matrix[:, :2].T + matrix[:, 2]


def warped(image: Array, points: Array, target: Array, frame: Array) -> Array:
    """The image with `points` (n, 2) moved smoothly to `target`; the points `frame` (m, 2) stay where they are."""
    goals, places = np.concatenate([target, frame]), np.concatenate([points, frame])
    smooth = RBFInterpolator(goals, places - goals, kernel="thin_plate_spline", smoothing=0.5)
    nodes = np.arange(0, SIDE + FIELD_STEP, FIELD_STEP, dtype=np.float32)
    grid = np.stack(np.meshgrid(nodes, nodes), axis=-1)
    coarse = smooth(grid.reshape(-1, 2)).reshape(grid.shape).astype(np.float32)
    x, y = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
    offset = cv2.remap(coarse, x / FIELD_STEP, y / FIELD_STEP, cv2.INTER_LINEAR)
    return cv2.remap(image, x + offset[..., 0], y + offset[..., 1], cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def hull(points: Array, indices: tuple[int, ...], grow: float, soft: float) -> Array:
    """A mask (SIDE, SIDE) 0 to 1 of the hull of some points, grown and softened by so many pixels."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(points[list(indices)]).astype(np.int32)), 1.0)
    size = 2 * abs(round(grow)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    mask = cv2.dilate(mask, kernel) if grow > 0 else cv2.erode(mask, kernel)
    return cv2.GaussianBlur(mask, (0, 0), soft)


def toned(image: Array, reference: Array, mask: Array) -> Array:
    """The image with the colours that the reference has inside the mask: mean and spread of each Lab channel."""
    ours = cv2.cvtColor(image.clip(0, 255) / 255, cv2.COLOR_RGB2Lab)
    theirs = cv2.cvtColor(reference.clip(0, 255) / 255, cv2.COLOR_RGB2Lab)
    weight = mask[..., None] / mask.sum()
    mean, goal = (ours * weight).sum(axis=(0, 1)), (theirs * weight).sum(axis=(0, 1))
    variance = ((ours - mean) ** 2 * weight).sum(axis=(0, 1))
    spread = np.sqrt(variance / ((theirs - goal) ** 2 * weight).sum(axis=(0, 1)))
    result = (ours - mean) / spread.clip(0.7, 1.4) + goal
    return cv2.cvtColor(result.astype(np.float32), cv2.COLOR_Lab2RGB) * 255


def without_green(image: Array, kept: Array) -> Array:
    """The image with its green turned to grey, but for the part under the mask `kept`."""
    lab = cv2.cvtColor(image.clip(0, 255) / 255, cv2.COLOR_RGB2Lab)
    green = cv2.GaussianBlur(np.clip((5 - lab[..., 1]) / 8, 0, 1) * (1 - kept), (0, 0), 2)[..., None]
    lab[..., 1:] += green * (np.array(WARM_GREY, np.float32) - 0.92 * lab[..., 1:])
    return cv2.cvtColor(lab, cv2.COLOR_Lab2RGB) * 255


def filled(image: Picture, polygon: tuple[tuple[int, int], ...]) -> Picture:
    """The image, uint8, with a polygon filled softly from its surroundings."""
    hole = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(hole, [np.array(polygon, np.int32)], 255)
    inpainted = cv2.GaussianBlur(cv2.inpaint(image, hole, 4, cv2.INPAINT_NS), (0, 0), 5).astype(np.float32)
    opacity = cv2.GaussianBlur(hole, (0, 0), 2)[..., None] / np.float32(255)
    return np.rint(image + opacity * (inpainted - image)).astype(np.uint8)


def laplacian(image: Array) -> list[Array]:
    levels = []
    for _ in range(LEVELS - 1):
        smaller = cv2.pyrDown(image)
        levels.append(image - cv2.pyrUp(smaller, dstsize=(image.shape[1], image.shape[0])))
        image = smaller
    return [*levels, image]


def blended(images: list[Array], weights: list[Array], shared: list[Array]) -> Array:
    """Images (SIDE, SIDE, 3) joined by weights (SIDE, SIDE) that sum to 1; coarse levels partly by `shared` ones."""
    pyramids = [laplacian(image) for image in images]
    levels = []
    for level in range(LEVELS):
        total = np.zeros_like(pyramids[0][level])
        for pyramid, own, common in zip(pyramids, weights, shared, strict=True):
            part = SHARED_PART if level >= SHARED_LEVEL else 0.0
            weight = (1 - part) * own + part * common
            for _ in range(level):
                weight = cv2.pyrDown(weight)
            total += weight[..., None] * pyramid[level]
        levels.append(total)
    result = levels[-1]
    for finer in reversed(levels[:-1]):
        result = cv2.pyrUp(result, dstsize=(finer.shape[1], finer.shape[0])) + finer
    return result


def portrait(recipe: Recipe, portraits: Path, mesh: FaceMesh) -> Picture:
    """The new person of a recipe, uint8 (SIDE, SIDE, 3) RGB."""
    names = list(dict.fromkeys([recipe.base, recipe.eyes, recipe.nose, recipe.mouth, recipe.skin]))
    sources = {name: read(name, portraits, mesh, recipe.mirrored and name == recipe.base) for name in names}
    base = sources[recipe.base]
    unit = float(np.linalg.norm(base.points[EYE_OUTER_LEFT] - base.points[EYE_OUTER_RIGHT]))
    placed, images = {}, {}
    for name, source in sources.items():
        matrix = similarity(source.points[list(STABLE)], base.points[list(STABLE)])
        placed[name] = transformed(source.points, matrix)
        images[name] = source.image
        if name != recipe.base:
            flags, border = cv2.INTER_LANCZOS4, cv2.BORDER_REFLECT
            images[name] = cv2.warpAffine(source.image, matrix, (SIDE, SIDE), flags=flags, borderMode=border)

    others = np.mean([placed[name] for name in names[1:]], axis=0)
    target = BASE_SHARE * placed[recipe.base] + (1 - BASE_SHARE) * others
    lips = list(LIPS)
    offset = target[lips].mean(axis=0) - placed[recipe.mouth][lips].mean(axis=0)
    target[lips] = 0.15 * target[lips] + 0.85 * (placed[recipe.mouth][lips] + offset)

    edge = np.linspace(0, SIDE - 1, 9, dtype=np.float32)
    frame = np.array([(x, y) for x in edge for y in edge if x in (0, SIDE - 1) or y in (0, SIDE - 1)], np.float32)
    images = {name: warped(images[name], placed[name], target, frame) for name in names}

    face = hull(target, FACE, -0.16 * unit, 0.06 * unit)
    images |= {name: toned(images[name], images[recipe.base], face) for name in names[1:]}
    weights = {name: np.zeros((SIDE, SIDE), np.float32) for name in names}
    left = face.copy()
    eyes = np.maximum(hull(target, RIGHT_EYE, -2, 0.03 * unit), hull(target, LEFT_EYE, -2, 0.03 * unit))
    mouth = hull(target, MOUTH, 0.06 * unit, 0.05 * unit)
    for name, mask in ((recipe.eyes, eyes), (recipe.mouth, mouth), (recipe.nose, hull(target, NOSE, 2, 0.04 * unit))):
        weights[name] += left * mask
        left = left * (1 - mask)
    weights[recipe.skin] += left
    weights[recipe.base] += 1 - face
    shared = {name: face / len(names) for name in names}
    shared[recipe.base] = shared[recipe.base] + 1 - face

    result = blended(*([by_name[name] for name in names] for by_name in (images, weights, shared)))
    if recipe.dyed:
        result = without_green(result, hull(target, FACE, -0.1 * unit, 0.04 * unit))
    result = 255 * (result.clip(0, 255) / 255) ** recipe.gamma * np.array(recipe.grade, np.float32)
    sharpened = result + 0.5 * (result - cv2.GaussianBlur(result, (0, 0), 1.2))
    finished = np.rint(sharpened).clip(0, 255).astype(np.uint8)
    if recipe.retouched:
        finished = filled(finished, recipe.retouched)
    return finished


def main() -> None:
    data = Path(os.environ.get("LIVEFACE_DATA", ROOT.parent / "shared" / "data"))
    mesh = FaceMesh.load(ROOT / "assets" / "models")
    for name in sys.argv[1:] or RECIPES:
        avatar = prepare(portrait(RECIPES[name], data / "portraits", mesh), mesh, name)
        avatar.save(ROOT / "assets" / "avatars" / name)
        print(name)


if __name__ == "__main__":
    main()
