"""Training examples: aligned pairs of photo and target, cut from film and from portraits, the same for a seed."""

from pathlib import Path

import numpy as np
import pytest

from liveface.engine.errors import MediaError
from liveface.engine.face import face_space, mouth
from liveface.engine.train import mouth_samples
from liveface.engine.train.mouth_samples import INNER, INPUTS, PLANES, REACH, REFERENCE, TARGET, Filmed, Portrait
from tests import faces

WIDTH, HEIGHT = mouth.CROP_SIZE
CODES = np.stack([face_space.basis().gap_weights() * k for k in (5.0, 20.0, 40.0)]).astype(
    np.float32
)  # mouths that open


def film(gaps: tuple[float, ...] = (0.0, 0.02, 0.1, 0.2, 0.3, 0.35), drift: float = 3.0) -> Filmed:
    """A face that opens its mouth before a wall which moves with it, `drift` pixels a frame."""
    frames, points = [], []
    for index, gap in enumerate(gaps):
        frames.append(np.roll(faces.wall(320, 300), round(drift * index), axis=1))
        points.append(faces.mesh(60.0, (120.0 + round(drift * index), 120.0), gap))
    return Filmed(np.stack(frames), np.stack(points))


def portrait(gap: float) -> Portrait:
    return Portrait(faces.wall(320, 300), faces.mesh(gap=gap))


def planes(example: mouth_samples.Example, part: slice) -> np.ndarray:
    return example.planes[..., part] / 255.0


def test_the_planes_of_an_example_are_disjoint_and_complete() -> None:
    parts = [list(range(PLANES))[part] for part in (REFERENCE, INPUTS, TARGET, INNER, REACH)]
    assert [plane for part in parts for plane in part] == list(range(PLANES))
    assert [len(part) for part in parts] == [mouth.IDENTITY_CHANNELS, mouth.INPUT_CHANNELS, 3, 1, 1]


@pytest.mark.parametrize("seed", range(3))
def test_a_film_gives_a_pair_of_its_frames(seed: int) -> None:
    example = mouth_samples.from_film(film(), np.random.default_rng(seed))
    assert example.planes.shape == (HEIGHT, WIDTH, PLANES)
    assert example.planes.dtype == np.uint8
    assert example.code.shape == (face_space.CODE_SIZE,)
    assert np.isfinite(example.code).all()
    np.testing.assert_array_equal(example.planes[..., INNER], example.planes[..., INPUTS][..., 3:4])


def test_photo_and_target_of_a_moving_head_are_aligned() -> None:
    still = film((0.0,) * 6, drift=5.0)  # the same mouth everywhere, wherever the head went
    for seed in range(4):
        example = mouth_samples.from_film(still, np.random.default_rng(seed))
        difference = np.abs(planes(example, INPUTS)[8:-8, 8:-8, :3] - planes(example, TARGET)[8:-8, 8:-8])
        assert difference.mean() < 0.04


def test_mouths_of_a_film_mostly_open() -> None:
    random = np.random.default_rng(0)
    examples = [mouth_samples.from_film(film(), random) for _ in range(20)]
    gaps = np.array([example.code @ face_space.basis().gap_weights() for example in examples])
    assert (gaps > 0.1).mean() > 0.4
    assert (gaps < 0.05).any()
    areas = np.array([planes(example, INNER).sum() for example in examples])
    assert np.corrcoef(gaps, areas)[0, 1] > 0.8


def test_frames_without_a_face_are_never_used() -> None:
    clip = film()
    clip.points[[0, 2, 5]] = np.nan
    clip.frames[[0, 2, 5]] = 0
    random = np.random.default_rng(1)
    for _ in range(10):
        example = mouth_samples.from_film(clip, random)
        assert planes(example, TARGET).mean() > 0.1
        assert planes(example, REFERENCE)[..., :3].mean() > 0.1


def test_a_film_with_one_visible_face_is_refused() -> None:
    clip = film()
    clip.points[1:] = np.nan
    with pytest.raises(MediaError, match="fewer than 2 frames"):
        mouth_samples.from_film(clip, np.random.default_rng(0))


def test_the_untouched_portrait_is_the_target() -> None:
    example = mouth_samples.from_portrait(portrait(0.25), CODES, np.random.default_rng(0))
    assert planes(example, INNER).sum() > 200
    gap = float(example.code @ face_space.basis().gap_weights())
    assert gap == pytest.approx(0.25, abs=0.06)
    around = planes(example, REACH)[..., 0] * (1 - planes(example, INNER)[..., 0]) > 0.9
    difference = np.abs(planes(example, INPUTS)[..., :3] - planes(example, TARGET))[around]
    assert difference.mean() < 0.12


def test_a_closed_portrait_asks_for_a_closed_mouth() -> None:
    example = mouth_samples.from_portrait(portrait(0.0), CODES, np.random.default_rng(3))
    assert planes(example, INNER).max() < 1.0
    assert float(example.code @ face_space.basis().gap_weights()) < 0.06


def test_cut_examples_are_complete_and_the_same_for_a_seed(tmp_path: Path) -> None:
    films, portraits, seen = [film, film], [portrait(0.0), portrait(0.3)], []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        mouth_samples.cut_samples(films, portraits, CODES, tmp_path / folder, 12, seed, progress=seen.append)
    first, again, other = (np.load(tmp_path / folder / "planes.npy") for folder in "abc")
    assert first.shape == (12, HEIGHT, WIDTH, PLANES)
    assert first.any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    codes = np.load(tmp_path / "a" / "codes.npy")
    assert codes.shape == (12, face_space.CODE_SIZE)
    assert seen == list(range(1, 13)) * 3


@pytest.mark.parametrize("kind", ["films", "portraits"])
def test_films_or_portraits_alone_are_enough(tmp_path: Path, kind: str) -> None:
    films, portraits = ([film], []) if kind == "films" else ([], [portrait(0.2)])
    mouth_samples.cut_samples(films, portraits, CODES, tmp_path, 3)
    assert np.load(tmp_path / "planes.npy").any(axis=(1, 2, 3)).all()
