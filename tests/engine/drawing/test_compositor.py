"""The finished picture: what moves moves rightly, and the rest of the photo stays as it was, to the pixel."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from liveface.engine.drawing import mesh_warp
from liveface.engine.drawing.compositor import Scene
from liveface.engine.drawing.crop_maps import CropMaps
from liveface.engine.expression import REST, Expression
from liveface.engine.face import face_space, mouth
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.media import Picture
from tests import faces

WIDTH, HEIGHT = mouth.CROP_SIZE
SHUT = Expression(1.0, 0.0, 0.0, 0.0, 0.0)
SWAY = Expression(0.0, 4.0, 3.0, 2.0, 1.0)
SWAY_BACK = Expression(0.0, -4.0, -3.0, -2.0, 0.0)
GREEN = (20, 250, 20)
RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
Array = face_space.Array


def landmarks_of(scene: Scene, gap: float) -> Array:
    """The scene's mouth, opened by a code that says `gap` IOD."""
    weights = face_space.basis().gap_weights()
    code = (weights * gap / (weights @ weights)).astype(np.float32)
    return scene.mouth.landmarks(face_space.basis().decode(code))


def composed(scene: Scene, gap: float = 0.0, expression: Expression = REST, change: float = 0.0) -> Picture:
    """The scene with its mouth open by `gap` IOD, and every colour that the generator may change brighter."""
    speech = scene.speech(landmarks_of(scene, gap))
    picture = scene.draw(speech, expression)
    if change:
        maps = scene.maps(speech, picture, expression)
        scene.add(picture, maps, np.full((HEIGHT, WIDTH, 3), change, np.float32), expression)
    return picture


def border(image: Picture) -> Picture:
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])


def spotted(avatar: Avatar, point: int | None = None) -> Avatar:
    """The avatar on grey, with a green spot where the mesh has `point`."""
    picture = np.full_like(avatar.photo, 120)
    if point is not None:
        centre = np.rint(avatar.points[point, :2]).astype(int).tolist()
        cv2.circle(picture, tuple(centre), 3, GREEN, -1)
    return Avatar(avatar.name, picture, avatar.points)


def spot(image: Picture) -> np.ndarray:
    """Where the green spot is, (x, y)."""
    green = image[..., 1].astype(float) - image[..., 0]
    weight = np.where(green > 60, green, 0.0)
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    return np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()


def with_blue_mouth(avatar: Avatar) -> Scene:
    """The avatar's scene with nothing but blue in its mouth, which no skin and no grey is."""
    scene = Scene.of(avatar)
    blue = np.full_like(scene.inside.teeth.upper, 1.0)
    blue[..., :2] = 0.0
    return replace(scene, inside=replace(scene.inside, teeth=replace(scene.inside.teeth, upper=blue)), tint=None)


def painted(image: Picture) -> np.ndarray:
    """Where the mouth is seen to be open, bool (height, width)."""
    colour = image.astype(int)
    return colour[..., 2] > colour[..., :2].max(axis=2) + 25


def leaning(points: Array, angle: float, middle: tuple[float, float]) -> Array:
    result = points.copy()
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    result[:, :2] = (points[:, :2] - middle) @ turn + middle
    return result


@pytest.mark.parametrize(
    ("width", "height", "iod"), [(320, 300, 40.0), (320, 300, 60.0), (331, 297, 63.7), (700, 641, 150.0)]
)
def test_at_rest_every_pixel_beyond_the_mouth_s_reach_is_the_photo_s(width: int, height: int, iod: float) -> None:
    avatar = faces.avatar(width, height, iod, (width / 2, height * 0.4))
    scene = Scene.of(avatar)
    image = composed(scene, change=0.1)
    lips = avatar.points[face_space.OUTER_LIPS, :2]
    far = np.ones((height, width), np.uint8)
    cv2.fillPoly(far, [np.rint(lips).astype(np.int32)], 0)
    far = cv2.erode(far, np.ones((2 * round(0.35 * iod) + 1,) * 2, np.uint8), borderValue=1).astype(bool)
    assert far.mean() > 0.7
    np.testing.assert_array_equal(image[far], avatar.photo[far])
    assert not np.array_equal(image, avatar.photo), "the tint around the lips must arrive"


@pytest.mark.parametrize("iod", [60.0, 137.3])
def test_a_closed_photo_at_rest_is_drawn_as_it_is(iod: float) -> None:
    avatar = faces.avatar(round(5 * iod), round(5 * iod), iod, (2.5 * iod, 2 * iod))
    np.testing.assert_allclose(composed(Scene.of(avatar)).astype(int), avatar.photo, atol=1)


def test_speech_moves_nothing_above_the_nose_and_nothing_far_from_the_face() -> None:
    avatar = faces.avatar()
    image = composed(Scene.of(avatar), gap=0.35, change=0.1)
    assert not np.array_equal(image, avatar.photo)
    nose = int(avatar.points[168, 1])
    np.testing.assert_array_equal(image[:nose], avatar.photo[:nose])
    np.testing.assert_array_equal(border(image), border(avatar.photo))


@pytest.mark.parametrize("lean", [0.0, 0.3])
@pytest.mark.parametrize("iod", [60.0, 200.0])
def test_the_open_mouth_lies_between_the_lips(iod: float, lean: float) -> None:
    middle = (2.5 * iod, 2 * iod)
    avatar = spotted(faces.avatar(round(5 * iod), round(5 * iod), iod, middle))
    avatar = replace(avatar, points=leaning(avatar.points, lean, middle))
    scene = with_blue_mouth(avatar)
    image = composed(scene, gap=0.3)
    expected = np.zeros(image.shape[:2], np.uint8)
    inner = landmarks_of(scene, 0.3)[face_space.INNER_LIPS]
    cv2.fillPoly(expected, [np.rint(inner * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    found = painted(image)
    both, either = (found & (expected > 0)).sum(), (found | (expected > 0)).sum()
    assert both > 0.85 * either
    assert found.any()


def test_the_drawn_opening_grows_with_what_is_said() -> None:
    scene = with_blue_mouth(spotted(faces.avatar(500, 500, 100.0, (250, 200))))
    column = round(float(scene.mouth.points[13, 0]))
    wanted, heights = [], []
    for gap in (0.05, 0.1, 0.2, 0.3):
        landmarks = landmarks_of(scene, gap)
        wanted.append(float(landmarks[14, 1] - landmarks[13, 1]))
        heights.append(int(painted(composed(scene, gap))[:, column].sum()))
    slope, start = np.polyfit(wanted, heights, 1)
    assert 0.93 < slope < 1.07
    assert abs(start) < 2.5
    assert not painted(composed(scene)).any()


def test_lips_do_not_grow_higher_at_a_wide_gap() -> None:
    avatar = spotted(faces.avatar(500, 500, 100.0, (250, 200)))
    lips = np.rint(avatar.points[face_space.OUTER_LIPS, :2] * 16).astype(np.int32)
    cv2.fillPoly(avatar.photo, [lips], (230, 40, 40), cv2.LINE_AA, 4)
    scene = with_blue_mouth(avatar)
    column = round(float(scene.mouth.points[13, 0])) + 6

    def heights(gap: float) -> tuple[int, int]:
        image = composed(scene, gap)[:, column].astype(int)
        red = np.flatnonzero(image[:, 0] > image[:, 1:].max(axis=1) + 90)
        middle = float(landmarks_of(scene, gap)[[13, 14], 1].mean())
        return int((red < middle).sum()), int((red > middle).sum())

    closed, wide = heights(0.0), heights(0.3)
    assert min(closed) > 6
    for before, after in zip(closed, wide, strict=True):
        assert 0.6 * before <= after <= before + 1


@pytest.mark.parametrize("iod", [45.0, 60.0, 200.0])
def test_bent_skin_arrives_where_the_mesh_says(iod: float) -> None:
    size, middle = round(5 * iod), (2.5 * iod, 2 * iod)
    avatar = spotted(faces.avatar(size, size, iod, middle), 18)  # between lower lip and chin
    scene = Scene.of(avatar)
    shift = landmarks_of(scene, 0.3)[18] - avatar.points[18, :2]
    assert shift[1] > 0.1 * iod
    seen = spot(composed(scene, gap=0.3)) - spot(avatar.photo)
    np.testing.assert_allclose(seen, shift, atol=0.3 + 0.03 * iod)


@pytest.mark.parametrize("expression", [REST, SWAY], ids=["rest", "sway"])
@pytest.mark.parametrize("lean", [0.0, 0.2])
def test_nothing_of_the_photo_s_open_mouth_is_seen_when_it_is_drawn_shut(expression: Expression, lean: float) -> None:
    size, iod, middle = 640, 160.0, (320.0, 240.0)
    points = leaning(faces.mesh(iod, middle, 0.25), lean, middle)
    photo = np.full((size, size, 3), 150, np.uint8)
    cv2.fillPoly(photo, [np.rint(points[face_space.INNER_LIPS, :2] * 16).astype(np.int32)], GREEN, cv2.LINE_AA, 4)
    scene = Scene.of(Avatar("open", photo, points))
    image = composed(scene, expression=expression).astype(int)
    was_green, is_green = (picture[..., 1].astype(int) - picture[..., 0] > 25 for picture in (photo, image))
    assert was_green.sum() > 1000
    assert is_green.sum() < 0.005 * was_green.sum(), "specks, of those along the seam that both lips share"


@pytest.mark.parametrize("middle", [(160.0, 120.0), (75.0, 130.0), (160.0, 70.0), (250.0, 130.0)])
def test_no_motion_of_the_head_moves_the_picture_s_frame(middle: tuple[float, float]) -> None:
    avatar = faces.avatar(middle=middle)
    image = composed(Scene.of(avatar), expression=SWAY)
    assert not np.array_equal(image, avatar.photo)
    np.testing.assert_array_equal(border(image), border(avatar.photo))


@pytest.mark.parametrize("iod", [100.0, 151.3])
def test_the_frame_of_a_large_picture_stays_sharp_when_the_head_moves(iod: float) -> None:
    avatar = faces.avatar(719, 641, iod, (330, 260))
    np.testing.assert_array_equal(border(composed(Scene.of(avatar), expression=SWAY)), border(avatar.photo))


@pytest.mark.parametrize(
    ("expression", "direction"),
    [
        (Expression(0.0, 4.0, 0.0, 0.0, 0.0), (1, 0)),
        (Expression(0.0, -4.0, 0.0, 0.0, 0.0), (-1, 0)),
        (Expression(0.0, 0.0, 3.0, 0.0, 0.0), (0, 1)),
        (Expression(0.0, 0.0, 0.0, 2.0, 0.0), (1, 0)),
        (Expression(0.0, 0.0, 0.0, 0.0, 1.0), (0, -1)),
    ],
    ids=["yaw to the right", "yaw to the left", "pitch down", "roll clockwise", "breath lifts"],
)
@pytest.mark.parametrize("point", [1, 18], ids=["nose", "chin"])
def test_nose_and_chin_go_where_the_head_turns(expression: Expression, direction: tuple[int, int], point: int) -> None:
    avatar = spotted(faces.avatar(400, 400, 60, (200, 160)), point)
    scene = Scene.of(avatar)
    shift = spot(composed(scene, expression=expression)) - spot(composed(scene))
    assert shift @ direction > 0.25
    assert np.abs(shift @ np.array([[0, 1], [1, 0]]) @ direction) < 0.25
    assert np.abs(shift).max() < 10


def test_a_turning_head_moves_the_nose_more_than_the_ears() -> None:
    avatar = faces.avatar(400, 400, 60, (200, 160))
    turn = Expression(0.0, 4.0, 0.0, 0.0, 0.0)
    shifts = []
    for point in (1, 234):
        marked = Scene.of(spotted(avatar, point))
        shifts.append(spot(composed(marked, expression=turn))[0] - spot(composed(marked))[0])
    assert shifts[0] > shifts[1] + 1


def test_head_motion_folds_nothing_over() -> None:
    scene = Scene.of(faces.avatar(400, 400, 60, (200, 160)))
    full = scene.head @ scene.turn(SWAY)
    assert np.abs(full).max() > 1
    assert np.diff(full[..., 0], axis=1).min() > -0.7
    assert np.diff(full[..., 1], axis=0).min() > -0.7


@pytest.mark.parametrize("expression", [SWAY, SWAY_BACK], ids=["sway", "sway back"])
def test_the_skin_that_speaks_is_turned_exactly_as_the_rest_of_the_head(expression: Expression) -> None:
    """Where nothing is said, the sheets' window shows what the photo bent by the head alone would show."""
    avatar = faces.avatar(400, 400, 60, (200, 160))
    smooth = np.asarray(cv2.GaussianBlur(avatar.photo, (0, 0), 3.0), np.uint8)
    scene = Scene.of(replace(avatar, photo=smooth))
    head = cv2.resize((scene.head @ scene.turn(expression)) * scene.step, (400, 400))
    expected = mesh_warp.sample(smooth, head + mesh_warp.grid(*head.shape[1::-1]))
    np.testing.assert_allclose(composed(scene, expression=expression).astype(int), expected, atol=4)


def test_the_open_mouth_goes_with_the_head() -> None:
    scene = with_blue_mouth(spotted(faces.avatar(400, 400, 60, (200, 160))))
    mouths = [
        np.argwhere(painted(composed(scene, gap=0.3, expression=expression))).mean(axis=0)
        for expression in (REST, Expression(0.0, 4.0, 0.0, 0.0, 0.0))
    ]
    assert 2 < mouths[1][1] - mouths[0][1] < 10
    assert abs(mouths[1][0] - mouths[0][0]) < 1


@pytest.mark.parametrize("middle", [(200.0, 160.0), (190.5, 171.25)])
@pytest.mark.parametrize("expression", [REST, SWAY, SWAY_BACK], ids=["rest", "sway", "sway back"])
def test_a_shut_mouth_shows_nothing_of_its_inside_however_the_head_turns(
    expression: Expression, middle: tuple[float, float]
) -> None:
    avatar = spotted(faces.avatar(400, 400, 60, middle))
    np.testing.assert_array_equal(
        composed(with_blue_mouth(avatar), expression=expression), composed(Scene.of(avatar), expression=expression)
    )


def with_white_eyes() -> Avatar:
    avatar = spotted(faces.avatar(400, 400, 60, (200, 160)))
    for eye in (RIGHT_EYE, LEFT_EYE):
        cv2.fillPoly(avatar.photo, [np.rint(avatar.points[list(eye), :2]).astype(np.int32)], (255, 255, 255))
    return avatar


def test_a_full_blink_brings_the_lids_together_and_half_a_blink_halfway() -> None:
    scene = Scene.of(with_white_eyes())
    seen = [int((composed(scene, expression=Expression(blink, 0, 0, 0, 0)) > 200).sum()) for blink in (0.0, 0.5, 1.0)]
    assert seen[0] > 300
    assert seen[2] <= 0.02 * seen[0]
    assert 0.25 * seen[0] < seen[1] < 0.85 * seen[0]


def test_a_blink_moves_no_mouth_and_goes_with_the_head() -> None:
    avatar = faces.avatar(400, 400, 60, (200, 160))
    scene = Scene.of(avatar)
    below = int(avatar.points[2, 1])
    np.testing.assert_array_equal(composed(scene, 0.2, SHUT)[below:], composed(scene, 0.2)[below:])
    scene = Scene.of(with_white_eyes())
    turned = Expression(0.0, 4.0, 0.0, 0.0, 0.0)
    places = [
        np.argwhere((composed(scene, expression=expression) > 200)[..., 0]).mean(axis=0)
        for expression in (REST, turned)
    ]
    blinking = np.argwhere((composed(scene, expression=replace(turned, blink=0.5)) > 200)[..., 0]).mean(axis=0)
    assert blinking[1] - places[0][1] == pytest.approx(places[1][1] - places[0][1], abs=0.7)
    assert places[1][1] - places[0][1] > 1.5


def test_a_real_face_that_blinks_is_seen_with_closed_eyes(portrait: Avatar, face_mesh: FaceMesh) -> None:
    framed = portrait.framed(400, 400)
    scene = Scene.of(framed)
    openness = []
    for expression in (REST, SHUT):
        (face,) = face_mesh.faces(composed(scene, expression=expression))
        lids = face.points[[145, 374], 1] - face.points[[159, 386], 1]
        openness.append(float(lids.mean() / face_space.inter_ocular(face.points)))
    assert openness[1] < 0.75 * openness[0]


def test_a_real_face_that_speaks_is_seen_with_an_open_mouth(portrait: Avatar, face_mesh: FaceMesh) -> None:
    scene = Scene.of(portrait.framed(400, 400))
    gaps = []
    for gap in (0.0, 0.3):
        (face,) = face_mesh.faces(composed(scene, gap))
        fine = face_mesh.still_points(composed(scene, gap), face.points)
        gaps.append(float(face_space.mouth_gap(fine) / face_space.inter_ocular(fine)))
    assert gaps[0] < 0.08
    assert gaps[1] > gaps[0] + 0.15


@pytest.mark.parametrize("middle", [(20.0, 40.0), (300.0, 30.0), (160.0, 215.0), (35.0, 215.0), (318.0, 250.0)])
@pytest.mark.parametrize("expression", [REST, SWAY, SWAY_BACK], ids=["rest", "sway", "sway back"])
def test_a_face_at_the_edge_of_the_picture_is_drawn(middle: tuple[float, float], expression: Expression) -> None:
    image = composed(Scene.of(faces.avatar(middle=middle)), gap=0.3, expression=expression, change=0.1)
    assert image.shape == (300, 320, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize("middle", [(160.0, 290.0), (160.0, 450.0), (-120.0, 120.0)])
def test_a_mouth_outside_the_picture_is_no_error(middle: tuple[float, float]) -> None:
    avatar = faces.avatar(middle=middle)
    image = composed(Scene.of(avatar), gap=0.3, expression=REST, change=0.1)
    np.testing.assert_array_equal(image[:200, 100:], avatar.photo[:200, 100:])
    composed(Scene.of(avatar), gap=0.3, expression=SWAY, change=0.1)


@pytest.mark.parametrize("gap", [0.002, 0.01, 0.03])
def test_an_opening_of_a_few_pixels_is_no_error(gap: float) -> None:
    avatar = faces.avatar(160, 150, 20.0, (80.0, 60.0))
    assert composed(Scene.of(avatar), gap, SWAY, 0.1).shape == avatar.photo.shape


def test_drawing_changes_neither_the_photo_nor_the_scene() -> None:
    avatar = faces.avatar()
    scene = Scene.of(avatar)
    photo = avatar.photo.copy()
    first = composed(scene, 0.3, SWAY, 0.1)
    composed(scene, 0.1, SHUT, 0.2)
    np.testing.assert_array_equal(avatar.photo, photo)
    np.testing.assert_array_equal(composed(scene, 0.3, SWAY, 0.1), first)


def test_a_scene_that_never_moves_is_drawn_as_one_that_may() -> None:
    avatar = faces.avatar()
    scene, still = Scene.of(avatar), Scene.still(avatar.photo, avatar.points)
    for gap in (0.0, 0.3):
        np.testing.assert_array_equal(composed(still, gap, change=0.1), composed(scene, gap, change=0.1))


def test_a_smile_stays_as_far_as_the_avatar_keeps_it(portrait: Avatar) -> None:
    widths = []
    for kept in (0.0, 0.5, 1.0):
        rest = Scene.of(replace(portrait, kept_smile=kept)).mouth.rest
        widths.append(float(rest[face_space.CORNER_LEFT, 0] - rest[face_space.CORNER_RIGHT, 0]))
    assert widths[0] + 1 < widths[1] < widths[2] - 1


def test_no_change_leaves_the_drawn_picture_as_it_is() -> None:
    scene = Scene.of(faces.avatar())
    for expression in (REST, SWAY):
        speech = scene.speech(landmarks_of(scene, 0.3))
        picture = scene.draw(speech, expression)
        before = picture.copy()
        scene.add(
            picture, scene.maps(speech, picture, expression), np.zeros((HEIGHT, WIDTH, 3), np.float32), expression
        )
        np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("iod", [60.0, 160.0])
def test_a_change_arrives_within_reach_only(iod: float) -> None:
    avatar = spotted(faces.avatar(round(5 * iod), round(5 * iod), iod, (2.5 * iod, 2 * iod)))
    scene = replace(Scene.of(avatar), tint=None)
    speech = scene.speech(landmarks_of(scene, 0.2))
    before = scene.draw(speech, REST)
    maps = scene.maps(speech, before, REST)
    after = before.copy()
    scene.add(after, maps, np.full((HEIGHT, WIDTH, 3), 0.1, np.float32), REST)
    places = cv2.transform(mesh_warp.grid(round(5 * iod), round(5 * iod)), scene.mouth.crop).astype(np.float32)
    share = mesh_warp.sample(maps.reach * (1.0 - maps.inner), places, border=cv2.BORDER_CONSTANT)
    gained = after.astype(int) - before
    np.testing.assert_array_equal(gained[share == 0.0], 0)
    assert (share == 0.0).mean() > 0.5
    full = share > 0.98
    assert full.sum() > 0.03 * iod**2
    np.testing.assert_allclose(gained[full], 25.5, atol=1.1)
    np.testing.assert_allclose(gained, 25.5 * np.broadcast_to(share[..., None], gained.shape), atol=1.6)


@pytest.mark.parametrize("expression", [REST, SWAY, SWAY_BACK], ids=["rest", "sway", "sway back"])
@pytest.mark.parametrize("middle", [(160.0, 120.0), (35.0, 215.0)])
@pytest.mark.parametrize("lean", [0.0, 0.3])
def test_a_change_in_the_window_is_a_change_of_the_whole_picture(
    middle: tuple[float, float], expression: Expression, lean: float
) -> None:
    points = leaning(faces.mesh(60.0, middle), lean, middle)
    scene = Scene.of(Avatar("leaning", faces.wall(320, 300), points))
    speech = scene.speech(scene.mouth.rest)
    image = scene.draw(speech, expression)
    maps = scene.maps(speech, image, expression)
    full = CropMaps(maps.inputs, np.zeros_like(maps.inner), maps.reach)
    head = cv2.resize((scene.head @ scene.turn(expression)) * scene.step, (320, 300))
    places = cv2.transform(mesh_warp.grid(320, 300) + head, scene.mouth.crop).astype(np.float32)
    gain = np.full((HEIGHT, WIDTH, 3), 0.2 * 255, np.float32) * maps.reach[..., None]
    expected = image + mesh_warp.sample(gain, places, border=cv2.BORDER_CONSTANT)
    changed = image.copy()
    scene.add(changed, full, np.full((HEIGHT, WIDTH, 3), 0.2, np.float32), expression)
    assert not np.array_equal(changed, image)
    np.testing.assert_allclose(changed, np.minimum(expected, 255.0), atol=2.5)


@pytest.mark.parametrize("expression", [SWAY, SWAY_BACK], ids=["sway", "sway back"])
def test_the_crop_shows_the_mouth_where_it_is_however_the_head_turns(expression: Expression) -> None:
    scene = Scene.of(spotted(faces.avatar(500, 500, 100.0, (250, 200)), 0))
    still, turned = (spot(scene.crop(composed(scene, expression=one), one)) for one in (REST, expression))
    np.testing.assert_allclose(turned, still, atol=1.5)
    unturned = spot(scene.crop(composed(scene, expression=expression), REST))
    assert np.abs(unturned - still).max() > 2.5


def test_a_crop_elsewhere_is_cut_and_changed_there() -> None:
    scene = Scene.of(faces.avatar())
    moved = scene.mouth.crop + np.array([[0, 0, 12.0], [0, 0, -7.0]])
    other = scene.with_crop(moved)
    picture = composed(scene, 0.2)
    np.testing.assert_array_equal(other.crop(picture, REST)[:-7, 12:], scene.crop(picture, REST)[7:, :-12])
    assert other.sheets is scene.sheets


@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_a_black_and_white_photo_stays_grey(gap: float) -> None:
    grey = np.repeat(faces.wall(320, 300)[..., :1], 3, axis=2)
    scene = Scene.of(Avatar("grey", grey, faces.mesh(gap=0.1)))
    speech = scene.speech(landmarks_of(scene, gap))
    for expression in (REST, SWAY):
        image = scene.draw(speech, expression)
        coloured = np.full((HEIGHT, WIDTH, 3), 0.2, np.float32) * np.array([1.0, 0.2, -0.5], np.float32)
        scene.add(image, scene.maps(speech, image, expression), coloured, expression)
        np.testing.assert_array_equal(image[..., 0], image[..., 1])
        np.testing.assert_array_equal(image[..., 0], image[..., 2])
