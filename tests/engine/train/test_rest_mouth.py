"""What a mouth at rest looks like is learned from faces at rest, whoever smiles among them."""

from pathlib import Path

import numpy as np
import pytest

from liveface.engine.errors import MediaError, OutputError
from liveface.engine.face import face_space, lips
from liveface.engine.face.rest_mouth import STILL, MouthShape, upright
from liveface.engine.train import rest_mouth
from tests import faces

Array = face_space.Array


def population(count: int, smiling: float, seed: int = 0) -> list[Array]:
    """Faces whose mouth is as wide as their nose tells; a share of them smiles."""
    random = np.random.default_rng(seed)
    meshes = []
    for index in range(count):
        points = faces.mesh()
        nose = random.normal(0.0, 0.06)
        points[[98, 327, 64, 294, 48, 278, 129, 358], 0] += 60.0 * nose * np.array([-1, 1] * 4)
        middle = points[[61, 291], 0].mean()
        points[lips.EVERY, 0] = middle + (1.0 + nose) * (points[lips.EVERY, 0] - middle)
        if index < smiling * count:
            along = np.abs(points[lips.EVERY, 0] - middle) / (points[291, 0] - middle)
            points[lips.EVERY, 1] -= 8.0 * along**2
            points[lips.EVERY, 0] = middle + 1.2 * (points[lips.EVERY, 0] - middle)
        meshes.append(points)
    random.shuffle(meshes)  # type: ignore[arg-type]
    return meshes


def foretold_width(arrays: dict[str, Array], points: Array) -> float:
    still = upright(points)[STILL].ravel()
    return float((arrays["shape"] + (still - arrays["mean"]) @ arrays["weights"])[0])


def test_smiles_among_the_portraits_do_not_make_the_mouth_at_rest_wider() -> None:
    plain, mixed = (rest_mouth.fit(population(120, share)) for share in (0.0, 0.25))
    assert mixed["shape"][0] == pytest.approx(plain["shape"][0], abs=0.015)
    assert mixed["shape"][1] == pytest.approx(plain["shape"][1], abs=0.012)


def test_the_width_of_a_face_that_was_not_seen_is_foretold_from_its_still_parts() -> None:
    arrays = rest_mouth.fit(population(160, 0.2))
    unseen = population(40, 0.0, seed=1)
    true = np.array([MouthShape.of(upright(points)).width for points in unseen])
    foretold = np.array([foretold_width(arrays, points) for points in unseen])
    assert np.abs(foretold - true).mean() < 0.3 * np.abs(true - true.mean()).mean()


def test_too_few_faces_at_rest_are_refused() -> None:
    with pytest.raises(MediaError, match="12 of 12 portraits have a closed mouth, expected 30"):
        rest_mouth.fit(population(12, 0.0))


def test_the_file_is_what_the_program_reads(tmp_path: Path) -> None:
    arrays = rest_mouth.fit(population(60, 0.0))
    with np.load(rest_mouth.write(arrays, tmp_path)) as read:
        assert set(read) == {"mean", "weights", "shape"}
        np.testing.assert_array_equal(read["weights"], arrays["weights"])


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="rest_mouth"):
        rest_mouth.write({"mean": np.zeros(1, np.float32)}, tmp_path / "taken")
