"""The face mesh on a portrait that every machine has."""

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from liveface.engine.face.avatar import eye_distance
from liveface.engine.face.landmarks import IRIS_COUNT, POINT_COUNT, Face, FaceMesh, Network, Region

Image = NDArray[np.uint8]


@pytest.fixture(scope="module")
def astronaut() -> Image:
    return np.ascontiguousarray(skimage.data.astronaut())


def pasted(size: tuple[int, int], *faces: tuple[int, int, int]) -> Image:
    """A grey picture (height, width) with the astronaut's head at (left, top), so many pixels wide."""
    head = skimage.data.astronaut()[0:300, 75:375]
    picture = np.full((*size, 3), 120, np.uint8)
    for left, top, side in faces:
        picture[top : top + side, left : left + side] = cv2.resize(head, (side, side), interpolation=cv2.INTER_AREA)
    return picture


def test_the_mesh_lies_on_the_face(face_mesh: FaceMesh, astronaut: Image) -> None:
    (face,) = face_mesh.faces(astronaut)
    assert face.points.shape == (468, 3)
    assert face.score > 0.9
    right_eye, left_eye = face.points[[33, 133], :2].mean(axis=0), face.points[[263, 362], :2].mean(axis=0)
    np.testing.assert_allclose(right_eye, (202, 110), atol=8)  # seen by eye
    np.testing.assert_allclose(left_eye, (246, 110), atol=8)
    assert face.points[13, 1] > face.points[1, 1] > face.points[168, 1]


def test_a_scaled_picture_has_a_scaled_mesh(face_mesh: FaceMesh, astronaut: Image) -> None:
    (small,) = face_mesh.faces(astronaut)
    (large,) = face_mesh.faces(cv2.resize(astronaut, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC))
    difference = (large.points[:, :2] + 0.5) / 6 - 0.5 - small.points[:, :2]
    assert np.linalg.norm(difference, axis=1).mean() < 0.02 * eye_distance(small.points)


def test_a_turned_face_has_a_turned_mesh(face_mesh: FaceMesh, astronaut: Image) -> None:
    (upright,) = face_mesh.faces(astronaut)
    turn = cv2.getRotationMatrix2D((225, 130), 25, 1.0)
    (turned,) = face_mesh.faces(cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE))
    expected = upright.points[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert np.linalg.norm(turned.points[:, :2] - expected, axis=1).mean() < 0.04 * eye_distance(upright.points)


def test_no_face_in_noise(face_mesh: FaceMesh) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    assert face_mesh.faces(noise) == []
    assert face_mesh.search(noise) == []


@pytest.mark.parametrize("side", [2000, 600, 300, 220])
def test_the_search_finds_a_face_of_any_size(face_mesh: FaceMesh, side: int) -> None:
    faces = face_mesh.search(pasted((2100, 2800), (700, 50, side)))
    assert len(faces) == 1
    nose = faces[0].points[1, :2]
    np.testing.assert_allclose(nose, (700 + 0.5 * side, 50 + 0.44 * side), atol=0.06 * side)


def test_the_search_finds_a_face_larger_than_the_picture(face_mesh: FaceMesh, astronaut: Image) -> None:
    (face,) = face_mesh.search(np.ascontiguousarray(astronaut[75:180, 180:270]))
    assert face.points[:, 1].max() > 100


def test_the_search_finds_several_faces_once_each(face_mesh: FaceMesh) -> None:
    faces = face_mesh.search(pasted((600, 1200), (50, 100, 400), (600, 200, 300), (950, 50, 200)))
    np.testing.assert_allclose(sorted(face.points[1, 0] for face in faces), [250, 750, 1050], atol=25)


def test_the_finer_mesh_agrees_with_the_quick_one_and_has_irises(face_mesh: FaceMesh, astronaut: Image) -> None:
    (face,) = face_mesh.faces(astronaut)
    fine = face_mesh.still_points(astronaut, face.points)
    assert fine.shape == (POINT_COUNT + IRIS_COUNT, 3)
    assert fine.dtype == np.float32
    off = np.linalg.norm(fine[:POINT_COUNT, :2] - face.points[:, :2], axis=1)
    assert 0.0 < off.mean() < 0.04 * eye_distance(face.points)
    for iris, corners in ((fine[POINT_COUNT], (33, 133)), (fine[POINT_COUNT + 5], (362, 263))):
        left, right = np.sort(fine[list(corners), 0])
        assert left < iris[0] < right


def test_the_finer_mesh_goes_with_scale_and_turn(face_mesh: FaceMesh, astronaut: Image) -> None:
    (face,) = face_mesh.faces(astronaut)
    straight = face_mesh.still_points(astronaut, face.points)
    turn = cv2.getRotationMatrix2D((225, 130), 15, 1.7)
    image = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    known = face.points.copy()
    known[:, :2] = face.points[:, :2] @ turn[:, :2].T + turn[:, 2]
    found = face_mesh.still_points(image, known)
    expected = straight[:, :2] @ turn[:, :2].T + turn[:, 2]
    assert np.linalg.norm(found[:, :2] - expected, axis=1).mean() < 0.03 * eye_distance(known)


def test_the_finer_network_is_loaded_when_it_is_first_needed_and_once() -> None:
    loaded = []

    def fine() -> Network:
        loaded.append(True)
        return lambda crop: (np.zeros((1, 1, 1, 3 * (POINT_COUNT + IRIS_COUNT)), np.float32),)

    def nothing(crop: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        return np.zeros((1, 896, 16), np.float32), np.full((1, 896, 1), -20.0, np.float32)

    mesh = FaceMesh(nothing, nothing, fine)
    picture = np.zeros((100, 100, 3), np.uint8)
    assert mesh.faces(picture) == []
    assert not loaded
    for _ in range(2):
        mesh.fine_points_in(picture, Region(50, 50, 80, 0.0))
    assert loaded == [True]


def test_half_a_face_is_not_taken_for_a_second_one() -> None:
    """The detector offers a small region inside the large one; the mesh network agrees with both."""
    boxes, logits = np.zeros((1, 896, 16), np.float32), np.full((1, 896, 1), -20.0, np.float32)
    for anchor, shift, side, logit in ((8 * 16 * 2 + 16, 0.0, 80.0, 5.0), (8 * 16 * 2 + 16 + 2, -20.0, 30.0, 2.0)):
        boxes[0, anchor] = [shift, 0, side, side, shift - 10, -10, shift + 10, -10, *[shift, 0] * 4]
        logits[0, anchor] = logit

    def mesh(crop: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        points = np.random.default_rng(0).uniform(32, 160, (468, 3)).astype(np.float32)
        points[33], points[263] = (70, 80, 0), (122, 80, 0)
        return points.reshape(1, -1), np.full((1, 1), 9.0, np.float32)

    twins: list[Face] = FaceMesh(lambda _: (boxes, logits), mesh, lambda: mesh).faces(np.zeros((128, 128, 3), np.uint8))
    assert len(twins) == 1
