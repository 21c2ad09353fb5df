"""The inside of the mouth: only in the opening, however small; teeth on skull and chin, in the light of the face."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from liveface.engine.drawing import mesh_warp
from liveface.engine.drawing.mouth_inside import MouthInside, Opening
from liveface.engine.face import face_space, lips, mouth
from liveface.engine.media import Picture
from tests import faces

SIZE, IOD, MIDDLE = 400, 90.0, (200.0, 150.0)
SKIN, LIP = (205, 160, 140), (170, 95, 95)
DOWN = np.array([0.0, 1.0], np.float32)
Array = face_space.Array


def face(light: float = 1.0) -> Picture:
    """A closed mouth in so much light."""
    photo = np.full((SIZE, SIZE, 3), SKIN, np.uint8)
    cv2.fillPoly(photo, [np.rint(faces.mesh(IOD, MIDDLE)[face_space.OUTER_LIPS, :2]).astype(np.int32)], LIP)
    return np.asarray(photo * light, np.uint8)


def opened(shape: mouth.Mouth, gap: float) -> Array:
    weights = face_space.basis().gap_weights()
    return shape.landmarks(face_space.basis().decode((weights * gap / (weights @ weights)).astype(np.float32)))


def opening_of(landmarks: Array, width: int = SIZE, height: int = SIZE) -> Opening | None:
    upper, lower = (lips.curve(landmarks[line]) for line in (lips.UPPER_EDGE, lips.LOWER_EDGE))
    return Opening.of(upper, lower, DOWN, IOD, width, height)


def drawn(inside: MouthInside, picture: Picture, landmarks: Array) -> tuple[Picture, Opening]:
    opening = opening_of(landmarks)
    assert opening is not None
    rows, columns = opening.mask.shape
    result = picture.copy()
    inside.draw(result, opening, mesh_warp.grid(columns, rows, opening.left, opening.top).copy(), landmarks)
    return result, opening


def prepared(light: float = 1.0) -> tuple[MouthInside, mouth.Mouth]:
    shape = mouth.measure(faces.mesh(IOD, MIDDLE))
    return MouthInside.of(face(light), shape), shape


def painted_teeth(inside: MouthInside) -> MouthInside:
    """The same with a block of blue for the upper row and one of green for the lower."""
    teeth = inside.teeth
    rest = teeth.patch.place(inside.mouth.rest)
    column, row = np.rint(rest[[13, 14]].mean(axis=0)).astype(int)
    layers = []
    for top, colour in ((row + 2, (0.0, 0.0, 1.0)), (row + 2, (0.0, 1.0, 0.0))):
        layer = np.zeros_like(teeth.upper)
        layer[..., :3] = colour
        layer[top : top + 6, column - 8 : column + 9, 3] = 1.0
        layers.append(layer)
    return replace(inside, teeth=replace(teeth, upper=layers[0], lower=layers[1]))


def centre(mask: np.ndarray) -> np.ndarray:
    assert mask.any()
    return np.argwhere(mask).mean(axis=0)[::-1]


def colours(image: Picture) -> tuple[np.ndarray, np.ndarray]:
    """Where the picture is blue and where it is green."""
    red, green, blue = image.astype(int).transpose(2, 0, 1)
    return (blue > 2 * red + 20) & (blue > green + 20), (green > 2 * red + 20) & (green > blue + 20)


def test_shut_lips_leave_no_opening() -> None:
    shape = mouth.measure(faces.mesh(IOD, MIDDLE))
    assert opening_of(shape.rest) is None
    crossed = shape.rest.copy()
    crossed[lips.UPPER_EDGE[1:-1], 1] += 3
    assert opening_of(crossed) is None


@pytest.mark.parametrize("gap", [0.05, 0.2, 0.3])
def test_the_mask_is_what_lies_between_the_edges(gap: float) -> None:
    landmarks = opened(mouth.measure(faces.mesh(IOD, MIDDLE)), gap)
    opening = opening_of(landmarks)
    assert opening is not None
    upper, lower = (lips.curve(landmarks[line]) for line in (lips.UPPER_EDGE, lips.LOWER_EDGE))
    outline = np.concatenate([upper, lower[::-1]])
    assert opening.mask.sum() == pytest.approx(cv2.contourArea(outline), rel=0.04)
    rows, columns = np.mgrid[0 : opening.mask.shape[0], 0 : opening.mask.shape[1]]
    place = [(opening.mask * axis).sum() / opening.mask.sum() for axis in (columns, rows)]
    moments = cv2.moments(outline)
    expected = [moments["m10"] / moments["m00"] - opening.left, moments["m01"] / moments["m00"] - opening.top]
    np.testing.assert_allclose(place, expected, atol=0.3)
    middle = (landmarks[lips.LOWER_EDGE[4:7], 1] - landmarks[lips.UPPER_EDGE[4:7], 1]).mean() / IOD
    assert opening.gap == pytest.approx(middle, rel=0.05)


@pytest.mark.parametrize("pixels", [0.06, 0.3, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("width", [0.04, 1.0], ids=["narrow", "wide"])
def test_an_opening_of_a_few_pixels_is_no_error(pixels: float, width: float) -> None:
    inside, shape = prepared()
    landmarks = shape.rest.copy()
    middle = landmarks[[78, 308], 0].mean()
    landmarks[lips.EVERY, 0] = middle + width * (landmarks[lips.EVERY, 0] - middle)
    landmarks[lips.LOWER, 1] += pixels
    image, opening = drawn(inside, face(), landmarks)
    assert 0.0 <= opening.mask.min() <= opening.mask.max() <= 1.0 + 1e-6
    changed = (image != face()).any(axis=2)
    assert not changed[: opening.top].any()
    assert changed.any() == (float(opening.mask.max()) > 0.02)


@pytest.mark.parametrize("shift", [(-170.0, 0.0), (0.0, 190.0), (300.0, 300.0), (-90.0, 100.0)])
def test_an_opening_at_the_picture_s_edge_is_cut_or_gone(shift: tuple[float, float]) -> None:
    shape = mouth.measure(faces.mesh(IOD, MIDDLE))
    landmarks = opened(shape, 0.3) + np.array(shift, np.float32)
    opening = opening_of(np.asarray(landmarks, np.float32))
    inner = landmarks[lips.UPPER_EDGE]
    if (inner.min(axis=0) > SIZE).any():
        assert opening is None
        return
    assert opening is not None
    rows, columns = opening.mask.shape
    assert 0 <= opening.left < opening.left + columns <= SIZE
    assert 0 <= opening.top < opening.top + rows <= SIZE


def test_only_the_opening_is_painted_and_it_is_dark_and_red() -> None:
    inside, shape = prepared()
    bare = replace(inside, teeth=replace(inside.teeth, upper=0 * inside.teeth.upper, lower=0 * inside.teeth.lower))
    image, opening = drawn(bare, face(), opened(shape, 0.3))
    outside = np.ones((SIZE, SIZE), bool)
    rows, columns = opening.mask.shape
    outside[opening.top : opening.top + rows, opening.left : opening.left + columns] = opening.mask < 1e-3
    np.testing.assert_array_equal(image[outside], face()[outside])
    within = image[opening.top : opening.top + rows, opening.left : opening.left + columns][opening.mask > 0.99]
    red, green, blue = within.astype(float).T
    assert red.mean() < 110
    assert (red >= green).all()
    assert (red >= blue).all()
    assert red.mean() > 1.5 * green.mean()


def test_the_tongue_appears_as_the_mouth_opens() -> None:
    inside, shape = prepared()
    bare = replace(inside, teeth=replace(inside.teeth, upper=0 * inside.teeth.upper, lower=0 * inside.teeth.lower))
    brightest = []
    for gap in (0.03, 0.3):
        image, opening = drawn(bare, face(), opened(shape, gap))
        rows, columns = opening.mask.shape
        within = image[opening.top : opening.top + rows, opening.left : opening.left + columns][opening.mask > 0.99]
        brightest.append(float(within[:, 0].max()))
    assert brightest[1] > 1.4 * brightest[0]


def test_the_upper_teeth_stay_with_the_skull_and_the_lower_go_with_the_chin() -> None:
    inside, shape = prepared()
    inside = painted_teeth(inside)
    landmarks = opened(shape, 0.3)
    upper, lower = [], []
    for drop in (0.0, 10.0):
        moved = landmarks.copy()
        moved[face_space.CHIN, 1] = shape.rest[face_space.CHIN, 1] + 0.3 * IOD + drop
        moved[lips.LOWER, 1] += 12.0 + drop  # a mouth so wide that both rows are seen
        blue, green = colours(drawn(inside, face(), moved)[0])
        upper.append(centre(blue))
        lower.append(centre(green))
    np.testing.assert_allclose(upper[1], upper[0], atol=0.6)
    np.testing.assert_allclose(lower[1] - lower[0], [0.0, 10.0], atol=0.6)
    assert lower[0][1] - upper[0][1] == pytest.approx(0.3 * IOD, abs=1.5)


def test_the_lower_row_hides_until_the_chin_drops() -> None:
    inside, shape = prepared()
    inside = painted_teeth(inside)
    landmarks = opened(shape, 0.3)
    seen = []
    for drop in (0.02, 0.3):
        landmarks[face_space.CHIN, 1] = shape.rest[face_space.CHIN, 1] + drop * IOD
        seen.append(int(colours(drawn(inside, face(), landmarks)[0])[1].sum()))
    assert seen[0] == 0
    assert seen[1] > 20


def test_a_dark_face_has_darker_teeth_and_a_darker_mouth() -> None:
    teeth, walls = [], []
    for light in (1.0, 0.5, 0.2):
        inside, shape = prepared(light)
        image, opening = drawn(inside, face(light), opened(shape, 0.25))
        rows, columns = opening.mask.shape
        within = image[opening.top : opening.top + rows, opening.left : opening.left + columns][opening.mask > 0.99]
        teeth.append(float(np.percentile(within[:, 1], 98)))
        walls.append(float(np.percentile(within[:, 0], 5)))
    assert teeth[0] > 1.15 * teeth[1] > 1.15**2 * teeth[2]
    assert walls[0] >= walls[1] >= walls[2]


def test_teeth_are_darker_beside_the_upper_lip_and_in_a_small_opening() -> None:
    inside, shape = prepared()
    white = np.ones_like(inside.teeth.upper)
    inside = replace(inside, teeth=replace(inside.teeth, upper=white))
    means = []
    for gap in (0.05, 0.3):
        image, opening = drawn(inside, face(), opened(shape, gap))
        rows, columns = opening.mask.shape
        box = image[opening.top : opening.top + rows, opening.left : opening.left + columns]
        means.append(float(box[opening.mask > 0.99].mean()))
    assert means[0] < 0.85 * means[1]
    column = columns // 2
    column_rows = np.flatnonzero(opening.mask[:, column] > 0.99)
    top, middle = box[column_rows[0], column].mean(), box[column_rows[len(column_rows) // 2], column].mean()
    assert top < 0.85 * middle
