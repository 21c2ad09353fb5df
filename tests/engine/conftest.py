"""What the engine's tests share: the face mesh networks, compiled once."""

from pathlib import Path

import pytest

import assets
from engine.landmarks import FaceMesh


@pytest.fixture(scope="session")
def face_mesh() -> FaceMesh:
    return FaceMesh.load(Path(assets.__file__).parent / "models")
