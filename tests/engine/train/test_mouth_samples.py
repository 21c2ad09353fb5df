"""Training examples: aligned pairs of photo and target, cut from film and from portraits, the same for a seed."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from liveface.engine.errors import MediaError
from liveface.engine.face import face_space, mouth
from liveface.engine.face.condition import CONDITION_SIZE
from liveface.engine.face.landmarks import IRIS_COUNT, FaceMesh, Region, region_of
from liveface.engine.media import Picture
from liveface.engine.train import mouth_samples
from liveface.engine.train.mouth_samples import INNER, INPUTS, PLANES, REACH, REFERENCE, TARGET, Filmed, Portrait
from tests import faces

WIDTH, HEIGHT = mouth.CROP_SIZE
GAPS = (0.0, 0.02, 0.1, 0.2, 0.25, 0.3)
WEIGHTS = face_space.basis().gap_weights()
CODES = np.stack([WEIGHTS * gap / (WEIGHTS @ WEIGHTS) for gap in (0.03, 0.12, 0.25)]).astype(np.float32)
Array = face_space.Array


def film(gaps: tuple[float, ...] = GAPS, drift: float = 3.0, iod: float = 60.0) -> Filmed:
    """A face that opens its mouth before a wall which moves with it, `drift` pixels a frame."""
    frames, points = [], []
    for index, gap in enumerate(gaps):
        frames.append(np.roll(faces.wall(round(5.3 * iod), round(5 * iod)), round(drift * index), axis=1))
        points.append(faces.mesh(iod, (2 * iod + round(drift * index), 2 * iod), gap))
    return Filmed(np.stack(frames), np.stack(points))


class KnownMesh(FaceMesh):
    """Knows where the face of a film is."""

    def __init__(self, clip: Filmed) -> None:
        self.clip = clip

    def fine_points_in(self, image: Picture, region: Region) -> Array:
        (found, *_) = (index for index, frame in enumerate(self.clip.frames) if np.array_equal(frame, image))
        assert region == region_of(self.clip.points[found])
        return np.concatenate([self.clip.points[found], np.zeros((IRIS_COUNT, 3), np.float32)])


def pairs(clip: Filmed, seed: int) -> list[mouth_samples.Example]:
    return list(mouth_samples.from_film(clip, KnownMesh(clip), np.random.default_rng(seed)))


def gap_of(example: mouth_samples.Example) -> float:
    return float(example.told[: face_space.CODE_SIZE] @ face_space.basis().gap_weights())


def portrait(gap: float) -> Portrait:
    return Portrait(faces.wall(320, 300), faces.mesh(gap=gap))


def planes(example: mouth_samples.Example, part: slice) -> np.ndarray:
    return example.planes[..., part] / 255.0


def test_the_planes_of_an_example_are_disjoint_and_complete() -> None:
    parts = [list(range(PLANES))[part] for part in (REFERENCE, INPUTS, TARGET, INNER, REACH)]
    assert [plane for part in parts for plane in part] == list(range(PLANES))
    assert [len(part) for part in parts] == [mouth.IDENTITY_CHANNELS, mouth.INPUT_CHANNELS, 3, 1, 1]


@pytest.mark.parametrize("seed", range(3))
def test_a_film_gives_several_pairs_of_its_frames(seed: int) -> None:
    examples = pairs(film(), seed)
    assert len(examples) > 1
    for example in examples:
        assert example.planes.shape == (HEIGHT, WIDTH, PLANES)
        assert example.planes.dtype == np.uint8
        assert example.told.shape == (CONDITION_SIZE,)
        assert np.isfinite(example.told).all()
        np.testing.assert_array_equal(example.planes[..., INNER], example.planes[..., INPUTS][..., 3:4])
    photos = [example.planes[..., REFERENCE] for example in examples]
    shapes = {planes(example, INPUTS)[..., 4].sum() for example in examples}
    assert all(photo.any() for photo in photos)
    assert len(shapes) > 1, "each is cut with another crop"


def test_photo_and_target_of_a_moving_head_are_aligned() -> None:
    still = film((0.0,) * 6, drift=5.0)  # the same mouth everywhere, wherever the head went
    for seed in range(4):
        for example in pairs(still, seed)[:2]:
            difference = np.abs(planes(example, INPUTS)[8:-8, 8:-8, :3] - planes(example, TARGET)[8:-8, 8:-8])
            assert difference.mean() < 0.04


def test_the_photo_is_drawn_towards_the_target() -> None:
    clip = film(drift=0.0)
    clip.frames[:] = 130
    for frame, points in zip(clip.frames, clip.points, strict=True):
        for ring, colour in ((face_space.OUTER_LIPS, (230, 40, 40)), (face_space.INNER_LIPS, (25, 10, 10))):
            cv2.fillPoly(frame, [np.rint(points[ring, :2] * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)
    shares = []
    for example in (one for seed in range(4) for one in pairs(clip, seed)[:2]):
        red = [
            planes(example, part)[..., :3] @ np.array([1.0, -1.0, 0.0]) > 0.4 for part in (INPUTS, TARGET, REFERENCE)
        ]
        shares.append([(red[0] & other).sum() / (red[0] | other).sum() for other in red[1:]])
    as_target, as_photo = np.transpose(shares)
    assert as_target.mean() > 0.75
    assert as_target.mean() > as_photo.mean() + 0.1


def test_mouths_of_a_film_mostly_open() -> None:
    clip = film()
    examples = [example for seed in range(8) for example in pairs(clip, seed)[:3]]
    gaps = np.array([gap_of(example) for example in examples])
    assert (gaps > 0.1).mean() > 0.4
    assert (gaps < 0.05).any()
    areas = np.array([planes(example, INNER).sum() for example in examples])
    assert np.corrcoef(gaps, areas)[0, 1] > 0.8


def test_frames_without_a_face_are_never_used() -> None:
    clip = film()
    clip.points[[0, 2, 5]] = np.nan
    clip.frames[[0, 2, 5]] = 0
    for seed in range(3):
        for example in pairs(clip, seed):
            assert planes(example, TARGET).mean() > 0.1
            assert planes(example, REFERENCE)[..., :3].mean() > 0.1


def test_a_film_with_one_visible_face_is_refused() -> None:
    clip = film()
    clip.points[1:] = np.nan
    with pytest.raises(MediaError, match="fewer than 2 frames"):
        pairs(clip, 0)


@pytest.mark.parametrize(("iod", "is_sharp"), [(60.0, False), (95.0, True)])
def test_only_a_large_face_is_taken_for_sharp(iod: float, is_sharp: bool) -> None:
    assert {example.is_sharp for example in pairs(film(GAPS[:3], iod=iod), 0)} == {is_sharp}
    size, middle = round(5 * iod), (2.5 * iod, 2 * iod)
    photo = Portrait(faces.wall(size, size), faces.mesh(iod, middle))
    (example,) = mouth_samples.from_portrait(photo, CODES, np.random.default_rng(0))
    assert example.is_sharp == is_sharp


def test_the_untouched_portrait_is_the_target() -> None:
    (example,) = mouth_samples.from_portrait(portrait(0.2), CODES, np.random.default_rng(0))
    assert planes(example, INNER).sum() > 200
    assert gap_of(example) == pytest.approx(0.2, abs=0.06)
    around = (planes(example, REACH)[..., 0] > 0.5) & (planes(example, INPUTS)[..., 4] < 0.01)
    difference = np.abs(planes(example, INPUTS)[..., :3] - planes(example, TARGET))[around]
    assert difference.mean() < 0.12


def test_a_closed_portrait_asks_for_a_closed_mouth() -> None:
    (example,) = mouth_samples.from_portrait(portrait(0.0), CODES, np.random.default_rng(3))
    assert planes(example, INNER).max() < 1.0
    assert gap_of(example) < 0.06


def test_an_open_portrait_s_photo_is_mostly_closed() -> None:
    inside = []
    for seed in range(16):
        (example,) = mouth_samples.from_portrait(portrait(0.2), CODES, np.random.default_rng(seed))
        inside.append(planes(example, REFERENCE)[..., 3].sum())
    assert np.median(inside) < 30
    assert max(inside) > 200


def test_cut_examples_are_complete_and_the_same_for_a_seed(tmp_path: Path) -> None:
    films, portraits, seen = [film, film], [portrait(0.0), portrait(0.2)], []
    mesh = KnownMesh(film())
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        mouth_samples.cut_samples(films, portraits, CODES, mesh, tmp_path / folder, 12, seed, progress=seen.append)
    first, again, other = (np.load(tmp_path / folder / "planes.npy") for folder in "abc")
    assert first.shape == (12, HEIGHT, WIDTH, PLANES)
    assert first.any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    told, is_sharp = (np.load(tmp_path / "a" / f"{name}.npy") for name in ("told", "sharp"))
    assert told.shape == (12, CONDITION_SIZE)
    assert told.any(axis=1).all()
    assert is_sharp.shape == (12,)
    assert is_sharp.dtype == np.bool_
    assert seen == list(range(1, 13)) * 3


@pytest.mark.parametrize("kind", ["films", "portraits"])
def test_films_or_portraits_alone_are_enough(tmp_path: Path, kind: str) -> None:
    films, portraits = ([film], []) if kind == "films" else ([], [portrait(0.2)])
    mouth_samples.cut_samples(films, portraits, CODES, KnownMesh(film()), tmp_path, 3)
    assert np.load(tmp_path / "planes.npy").any(axis=(1, 2, 3)).all()
