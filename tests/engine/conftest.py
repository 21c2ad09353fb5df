"""What the engine's tests share: the face mesh networks, compiled once, and a real face."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data

import assets
from engine.avatar import Avatar, prepare
from engine.landmarks import FaceMesh


@pytest.fixture(scope="session")
def face_mesh() -> FaceMesh:
    return FaceMesh.load(Path(assets.__file__).parent / "models")


@pytest.fixture(scope="session")
def portrait(face_mesh: FaceMesh) -> Avatar:
    """A real face: scikit-image's picture of an astronaut who smiles with her mouth open."""
    return prepare(np.ascontiguousarray(skimage.data.astronaut()), face_mesh, "astronaut")
