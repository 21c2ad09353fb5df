"""The finished picture: what moves moves rightly, and the rest of the photo stays as it was, to the pixel."""

import cv2
import numpy as np
import pytest

from liveface.engine.drawing import compositor, mesh_warp
from liveface.engine.drawing.compositor import Scene
from liveface.engine.drawing.crop_maps import CropMaps, crop_maps
from liveface.engine.drawing.liveliness import REST, Idle
from liveface.engine.face import face_space, mouth
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.media import Picture
from tests import faces

WIDTH, HEIGHT = mouth.CROP_SIZE
PAINT = (0.9, 0.1, 0.9)
SHUT = Idle(1.0, 0.0, 0.0, 0.0, 0.0)
SWAY = Idle(0.0, 4.0, 3.0, 2.0, 1.0)
SWAY_BACK = Idle(0.0, -4.0, -3.0, -2.0, 0.0)


def composed(scene: Scene, gap: float = 0.0, idle: Idle = REST, colour: tuple[float, float, float] = PAINT) -> Picture:
    """The scene with its mouth open by `gap` IOD, painted in one colour, which also tints the skin around it."""
    weights = face_space.basis().gap_weights()
    code = (weights * gap / (weights @ weights)).astype(np.float32)
    landmarks = scene.mouth.landmarks(face_space.basis().decode(code))
    speech = scene.speech(landmarks)
    maps = crop_maps(scene.reference, scene.mouth, scene.teeth, landmarks, scene.in_crop(speech))
    picture = np.full((HEIGHT, WIDTH, 3), colour, np.float32)
    return compositor.compose(scene, maps, speech, picture, np.full_like(picture, 0.1), idle)


def border(image: Picture) -> Picture:
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def spotted(avatar: Avatar, point: int | None = None) -> Avatar:
    """The avatar on grey, with a green spot where the mesh has `point`."""
    picture = np.full_like(avatar.photo, 120)
    if point is not None:
        centre = np.rint(avatar.points[point, :2]).astype(int).tolist()
        cv2.circle(picture, tuple(centre), 3, (20, 250, 20), -1)
    return Avatar(avatar.name, picture, avatar.points)


def spot(image: Picture) -> np.ndarray:
    """Where the green spot is, (x, y)."""
    green = image[..., 1].astype(float) - image[..., 0]
    weight = np.where(green > 60, green, 0.0)
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


def painted(image: Picture) -> np.ndarray:
    """Where the generator's colour is, bool (height, width)."""
    return np.abs(image - np.array(PAINT) * 255).max(axis=2) < 12


@pytest.mark.parametrize(
    ("width", "height", "iod"), [(320, 300, 40.0), (320, 300, 60.0), (331, 297, 63.7), (700, 641, 150.0)]
)
def test_at_rest_every_pixel_beyond_the_mouth_s_reach_is_the_photo_s(width: int, height: int, iod: float) -> None:
    avatar = faces.avatar(width, height, iod, (width / 2, height * 0.4))
    scene = Scene.of(avatar)
    image = composed(scene)
    lips = avatar.points[face_space.OUTER_LIPS, :2]
    far = np.ones((height, width), np.uint8)
    cv2.fillPoly(far, [np.rint(lips).astype(np.int32)], 0)
    far = cv2.erode(far, np.ones((2 * round(0.35 * iod) + 1,) * 2, np.uint8), borderValue=1).astype(bool)
    assert far.mean() > 0.7
    np.testing.assert_array_equal(image[far], avatar.photo[far])
    assert not np.array_equal(image, avatar.photo), "the tint around the lips must arrive"


def test_speech_moves_nothing_above_the_nose_and_nothing_far_from_the_face() -> None:
    avatar = faces.avatar()
    image = composed(Scene.of(avatar), gap=0.35)
    nose = int(avatar.points[168, 1])
    np.testing.assert_array_equal(image[:nose], avatar.photo[:nose])
    np.testing.assert_array_equal(border(image), border(avatar.photo))


def test_the_open_mouth_shows_what_was_painted() -> None:
    avatar = faces.avatar()
    scene = Scene.of(avatar)
    image = composed(scene, gap=0.4)
    middle = np.rint(faces.mesh(gap=0.4)[[13, 14], :2].mean(axis=0)).astype(int)
    np.testing.assert_allclose(image[middle[1], middle[0]], np.array([0.9, 0.1, 0.9]) * 255, atol=3)


@pytest.mark.parametrize("iod", [60.0, 200.0])
def test_the_painted_mouth_lies_between_the_lips(iod: float) -> None:
    avatar = spotted(faces.avatar(round(5 * iod), round(5 * iod), iod, (2.5 * iod, 2 * iod)))
    rows, columns = np.nonzero(painted(composed(Scene.of(avatar), gap=0.4)))
    inner = faces.mesh(iod, (2.5 * iod, 2 * iod), 0.4)[face_space.INNER_LIPS, :2]
    pixel = 0.02 * iod + 1
    assert rows.min() == pytest.approx(inner[:, 1].min(), abs=2 * pixel)
    assert rows.max() == pytest.approx(inner[:, 1].max(), abs=2 * pixel)
    assert columns.mean() == pytest.approx(inner[:, 0].mean(), abs=pixel)


@pytest.mark.parametrize("iod", [45.0, 60.0, 200.0])
def test_bent_skin_arrives_where_the_mesh_says(iod: float) -> None:
    size, middle = round(5 * iod), (2.5 * iod, 2 * iod)
    avatar = spotted(faces.avatar(size, size, iod, middle), 18)  # between lower lip and chin
    scene = Scene.of(avatar)
    shift = faces.mesh(iod, middle, 0.35)[18, :2] - avatar.points[18, :2]
    assert shift[1] > 0.1 * iod
    seen = spot(composed(scene, gap=0.35)) - spot(avatar.photo)
    np.testing.assert_allclose(seen, shift, atol=0.3 + 0.005 * iod)


@pytest.mark.parametrize("middle", [(160.0, 120.0), (75.0, 130.0), (160.0, 70.0), (250.0, 130.0)])
def test_no_motion_of_the_head_moves_the_picture_s_frame(middle: tuple[float, float]) -> None:
    avatar = faces.avatar(middle=middle)
    image = composed(Scene.of(avatar), idle=SWAY)
    assert not np.array_equal(image, avatar.photo)
    np.testing.assert_array_equal(border(image), border(avatar.photo))


@pytest.mark.parametrize("iod", [100.0, 151.3])
def test_the_frame_of_a_large_picture_stays_sharp_when_the_head_moves(iod: float) -> None:
    avatar = faces.avatar(719, 641, iod, (330, 260))
    np.testing.assert_array_equal(border(composed(Scene.of(avatar), idle=SWAY)), border(avatar.photo))


@pytest.mark.parametrize(
    ("idle", "direction"),
    [
        (Idle(0.0, 4.0, 0.0, 0.0, 0.0), (1, 0)),
        (Idle(0.0, -4.0, 0.0, 0.0, 0.0), (-1, 0)),
        (Idle(0.0, 0.0, 3.0, 0.0, 0.0), (0, 1)),
        (Idle(0.0, 0.0, 0.0, 2.0, 0.0), (1, 0)),
        (Idle(0.0, 0.0, 0.0, 0.0, 1.0), (0, -1)),
    ],
    ids=["yaw to the right", "yaw to the left", "pitch down", "roll clockwise", "breath lifts"],
)
def test_the_nose_goes_where_the_head_turns(idle: Idle, direction: tuple[int, int]) -> None:
    avatar = spotted(faces.avatar(400, 400, 60, (200, 160)), 1)
    scene = Scene.of(avatar)
    shift = spot(composed(scene, idle=idle)) - spot(composed(scene))
    assert shift @ direction > 0.4
    assert np.abs(shift @ np.array([[0, 1], [1, 0]]) @ direction) < 0.25
    assert np.abs(shift).max() < 10


def test_a_turning_head_moves_the_nose_more_than_the_ears() -> None:
    avatar = faces.avatar(400, 400, 60, (200, 160))
    turn = Idle(0.0, 4.0, 0.0, 0.0, 0.0)
    shifts = []
    for point in (1, 234):
        marked = Scene.of(spotted(avatar, point))
        shifts.append(spot(composed(marked, idle=turn))[0] - spot(composed(marked))[0])
    assert shifts[0] > shifts[1] + 1


def test_head_motion_folds_nothing_over() -> None:
    scene = Scene.of(faces.avatar(400, 400, 60, (200, 160)))
    full = scene.offsets(scene.speech(scene.mouth.closed), SWAY)
    assert np.diff(full[..., 0], axis=1).min() > -0.7
    assert np.diff(full[..., 1], axis=0).min() > -0.7


def test_the_painted_mouth_goes_with_the_head() -> None:
    scene = Scene.of(spotted(faces.avatar(400, 400, 60, (200, 160))))
    mouths = [
        np.argwhere(painted(composed(scene, gap=0.4, idle=idle))).mean(axis=0)
        for idle in (REST, Idle(0.0, 4.0, 0.0, 0.0, 0.0))
    ]
    assert 2 < mouths[1][1] - mouths[0][1] < 10
    assert abs(mouths[1][0] - mouths[0][0]) < 1


def test_a_full_blink_brings_the_lids_together() -> None:
    scene = Scene.of(faces.avatar(400, 400, 60, (200, 160)))
    full = scene.offsets(scene.speech(scene.mouth.closed), SHUT)
    field = cv2.resize(full * scene.step, (400, 400))
    points = scene.mouth.points
    for upper, lower in ((159, 145), (386, 374)):
        # Just above the line where the lids meet the picture shows what lay at the upper lid's edge, or above it.
        meeting = 0.12 * points[upper] + 0.88 * points[lower]
        column, row = round(float(meeting[0])), int(meeting[1]) - 1
        assert row + field[row, column, 1] < points[upper, 1] + 0.35 * (points[lower, 1] - points[upper, 1])
    assert not field[int(points[2, 1]) :].any(), "a blink moves no mouth"


def test_half_a_blink_is_less_than_a_whole() -> None:
    scene = Scene.of(faces.avatar(400, 400, 60, (200, 160)))
    speech = scene.speech(scene.mouth.closed)
    maps = [scene.offsets(speech, Idle(blink, 0, 0, 0, 0)) for blink in (0.0, 0.5, 1.0)]
    half, whole = (float(np.abs(one - maps[0]).sum()) for one in maps[1:])
    assert 0.3 * whole < half < 0.8 * whole


def test_a_real_face_that_blinks_is_seen_with_closed_eyes(portrait: Avatar, face_mesh: FaceMesh) -> None:
    framed = portrait.framed(400, 400)
    scene = Scene.of(framed)
    openness = []
    for idle in (REST, SHUT):
        (face,) = face_mesh.faces(composed(scene, idle=idle, colour=(0.5, 0.3, 0.3)))
        lids = face.points[[145, 374], 1] - face.points[[159, 386], 1]
        openness.append(float(lids.mean() / face_space.inter_ocular(face.points)))
    assert openness[1] < 0.75 * openness[0]


def test_a_real_face_that_speaks_is_seen_with_an_open_mouth(portrait: Avatar, face_mesh: FaceMesh) -> None:
    scene = Scene.of(portrait.framed(400, 400))
    gaps = []
    for gap in (0.0, 0.35):
        (face,) = face_mesh.faces(composed(scene, gap, colour=(0.15, 0.05, 0.05)))
        gaps.append(float(face_space.mouth_gap(face.points) / face_space.inter_ocular(face.points)))
    assert gaps[0] < 0.08
    assert gaps[1] > gaps[0] + 0.15


@pytest.mark.parametrize("middle", [(20.0, 40.0), (300.0, 30.0), (160.0, 215.0), (35.0, 215.0), (318.0, 250.0)])
@pytest.mark.parametrize("idle", [REST, SWAY], ids=["rest", "sway"])
def test_a_face_at_the_edge_of_the_picture_is_drawn(middle: tuple[float, float], idle: Idle) -> None:
    image = composed(Scene.of(faces.avatar(middle=middle)), gap=0.3, idle=idle)
    assert image.shape == (300, 320, 3)
    assert image.dtype == np.uint8


def test_a_mouth_outside_the_picture_is_no_error() -> None:
    avatar = faces.avatar(middle=(160.0, 290.0))
    np.testing.assert_array_equal(composed(Scene.of(avatar))[:200], avatar.photo[:200])


def test_drawing_changes_neither_the_photo_nor_the_scene() -> None:
    avatar = faces.avatar()
    scene = Scene.of(avatar)
    photo = avatar.photo.copy()
    first = composed(scene, 0.3, SWAY)
    composed(scene, 0.1, SHUT)
    np.testing.assert_array_equal(avatar.photo, photo)
    np.testing.assert_array_equal(composed(scene, 0.3, SWAY), first)


@pytest.mark.parametrize("gap", [0.0, 0.25], ids=["closed photo", "open photo"])
def test_the_crop_is_bent_as_the_photo_is(gap: float) -> None:
    points = faces.mesh(150.0, (300, 240), gap)
    scene = Scene.of(Avatar("wall", faces.wall(600, 600), points))
    landmarks = faces.mesh(150.0, (300, 240), 0.3)[:, :2]
    shared = scene.in_crop(scene.speech(landmarks))
    moved = mesh_warp.with_ring(scene.mouth.to_crop(scene.mouth.source))
    target = np.concatenate([scene.mouth.to_crop(landmarks), moved[len(landmarks) :]])
    own = mesh_warp.offsets(target, moved, mesh_warp.speech_triangles(), WIDTH, HEIGHT)
    assert np.abs(own).max() > 1
    # Equal but for the edges of the lips, where the photo's map is the coarser one.
    assert np.quantile(np.abs(shared - own), 0.9) < 0.3
    assert np.abs(shared - own).mean() < 0.2


def test_parted_lips_are_parted_in_the_crop_alone() -> None:
    scene = Scene.of(Avatar("open", faces.wall(320, 300), faces.mesh(gap=0.25)))
    speech = scene.speech(scene.mouth.closed)
    assert not speech.photo.any(), "the scene's photo is closed already"
    assert np.abs(speech.crop).max() > 1
    closed = Scene.of(faces.avatar())
    speech = closed.speech(closed.mouth.closed)
    assert speech.crop is speech.photo


@pytest.mark.parametrize("idle", [REST, SWAY, SWAY_BACK], ids=["rest", "sway", "sway back"])
@pytest.mark.parametrize("middle", [(160.0, 120.0), (35.0, 215.0)])
@pytest.mark.parametrize("lean", [0.0, 0.3])
def test_laying_into_the_window_is_laying_into_the_whole_picture(
    middle: tuple[float, float], idle: Idle, lean: float
) -> None:
    points = faces.mesh(60.0, middle)
    turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]], np.float32)
    points[:, :2] = (points[:, :2] - middle) @ turn + middle
    scene = Scene.of(Avatar("leaning", faces.wall(320, 300), points))
    speech = scene.speech(scene.mouth.closed)
    blank = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    maps = CropMaps(blank, blank[..., 0], np.ones((HEIGHT, WIDTH), np.float32), scene.teeth)
    image = compositor.bend(scene, speech, idle)
    head = cv2.resize((scene.head @ scene.turn(idle)) * scene.step, (320, 300))
    places = cv2.transform(mesh_warp.grid(320, 300) + head, scene.mouth.crop).astype(np.float32)
    expected = image + cv2.remap(np.full_like(blank, 0.2 * 255), places, None, cv2.INTER_LINEAR)
    compositor.lay_in(scene, image, maps, blank, blank + np.float32(0.2), idle)
    # `cv2.remap` rounds places to 1/32 pixel, which at the crop's own edge is 1.6 of 51 levels.
    np.testing.assert_allclose(image, np.minimum(expected, 255.0), atol=2.5)


def test_an_open_photo_s_closed_seam_is_a_line_and_no_staircase() -> None:
    size, iod, middle = 640, 160.0, (320.0, 240.0)
    points = faces.mesh(iod, middle, 0.25)
    lean = np.radians(12)  # so that the seam crosses the grid's rows
    turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]], np.float32)
    points[:, :2] = (points[:, :2] - middle) @ turn + middle
    photo = np.full((size, size, 3), 150, np.uint8)
    cv2.fillPoly(photo, [np.rint(points[face_space.INNER_LIPS, :2]).astype(np.int32)], (20, 10, 10))
    scene = Scene.of(Avatar("open", photo, points))
    image = compositor.bend(scene, scene.speech(scene.mouth.closed), REST)
    depth = 150.0 - image[..., 1]
    assert depth.max() > 30, "there is a seam"
    left, right = np.rint(points[[78, 308], 0]).astype(int)
    seam = depth[:, left + 20 : right - 20]
    rows = (seam * np.arange(size)[:, None]).sum(axis=0) / seam.sum(axis=0)
    assert np.abs(np.diff(rows) - np.tan(lean)).max() < 1.0, (
        "pixels from column to column, where the live map's cells are 3.2"
    )
