"""Learns what a mouth at rest looks like on a face, from portraits: `assets/models/rest_mouth.npz`.

    liveface train rest --portraits FOLDER --out assets/models

A ridge regression from the still parts of a face to the shape of its mouth. Faces that smile or speak are told by their
geometry: a mouth that is open, or far from what the rest of its face foretells, is no mouth at rest.
"""

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import MediaError, OutputError
from liveface.engine.face import face_space
from liveface.engine.face.rest_mouth import STILL, MouthShape, upright

Array = NDArray[np.float32]

_STIFFNESS = 0.03  # of the ridge, in squared IOD over all faces
_SHUT = 0.03  # IOD of gap up to which a mouth may be at rest
_FAR = 2.5  # deviations of the error of width and rise from which a mouth is not at rest
_NEAR = 0.01  # IOD of error that never matters
_ROUNDS = 4
_FEWEST = 30


def fit(meshes: Sequence[Array]) -> dict[str, Array]:
    """The arrays of the file, of meshes (468, 3) in pixels; raises `MediaError` if too few faces are at rest."""
    faces = [upright(points) for points in meshes]
    shut = [face for face in faces if face_space.mouth_gap(face) < _SHUT]
    if len(shut) < _FEWEST:
        raise MediaError(f"{len(shut)} of {len(faces)} portraits have a closed mouth, expected {_FEWEST}: add more.")
    still = np.array([face[STILL].ravel() for face in shut], np.float64)
    shapes = np.array([astuple(MouthShape.of(face)) for face in shut])
    # Smiles have their corners up: begin with the lower half of them.
    chosen = shapes[:, 1] <= np.median(shapes[:, 1])
    for _ in range(_ROUNDS):
        mean, shape = still[chosen].mean(axis=0), shapes[chosen].mean(axis=0)
        apart = still[chosen] - mean
        weights = np.linalg.solve(
            apart.T @ apart + _STIFFNESS * np.eye(apart.shape[1]), apart.T @ (shapes[chosen] - shape)
        )
        error = np.abs(shape + (still - mean) @ weights - shapes)
        usual = np.sqrt((error[chosen][:, :2] ** 2).mean(axis=0))
        chosen = (error[:, :2] <= np.maximum(_FAR * usual, _NEAR)).all(axis=1)
    return {"mean": mean.astype(np.float32), "weights": weights.astype(np.float32), "shape": shape.astype(np.float32)}


def write(arrays: dict[str, Array], folder: Path) -> Path:
    """Write `folder`/rest_mouth.npz; raises `OutputError`."""
    path = folder / "rest_mouth.npz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}): choose a writable folder.") from error
    return path
