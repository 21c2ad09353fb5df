"""Tests of the named measures: each moves with what it is named after, and the code gives them."""

import numpy as np
import pytest

from liveface.engine.face import face_space
from liveface.engine.face.face_space import CORNER_LEFT, LIPS
from liveface.engine.train import measures
from liveface.engine.train.measures import MEASURES


@pytest.mark.parametrize(
    ("points", "axis", "measure", "value"),
    [
        (face_space.INNER_LOWER, 1, "gap", 0.1),
        ([CORNER_LEFT], 0, "width", 0.1),
        ([0, 13, 14, 17], 2, "protrusion", -0.1),
        ([37, 0, 267], 1, "upper_lip", -0.1),
        ([61, 291], 1, "corners", -0.1),
        ([84, 17, 314], 1, "lower_lip", 0.1),
    ],
)
def test_a_measure_follows_its_own_points(points: list[int], axis: int, measure: str, value: float) -> None:
    displacement = np.zeros((468, 3), np.float32)
    displacement[points, axis] += value
    measured = dict(zip(MEASURES, measures.of_lips(displacement[LIPS]), strict=True))
    assert measured[measure] == pytest.approx(0.1, abs=1e-6)


def test_measures_are_linear_in_the_code() -> None:
    basis = face_space.basis()
    code = np.random.default_rng(0).normal(size=(5, face_space.CODE_SIZE)).astype(np.float32)
    np.testing.assert_allclose(measures.of_lips(basis.decode(code)[:, LIPS]), code @ measures.matrix(basis), atol=1e-5)
    np.testing.assert_allclose(measures.matrix(basis)[:, 0], basis.gap_weights(), atol=1e-6)
