"""Augmented faces: what must change changes, what must stay stays."""

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor

from liveface.engine.face import face_space
from liveface.engine.train import augment
from liveface.engine.train.augment import Augmentation, Damage, Placement


def pictures(count: int = 3, height: int = 44, width: int = 60) -> Tensor:
    generator = np.random.default_rng(5)
    coarse = torch.from_numpy(generator.uniform(0.2, 0.8, (count, 3, 6, 8)).astype(np.float32))
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


def same(values: float, count: int = 3) -> Tensor:
    return torch.full((count,), values)


def luminance(images: Tensor) -> Tensor:
    return torch.einsum("j,bjhw->bhw", torch.tensor([0.299, 0.587, 0.114]), images)


@pytest.mark.parametrize("seed", range(4))
def test_points_follow_the_pictures_when_placed_anew(seed: int):
    placement = Placement.random(3, np.random.default_rng(seed))
    width, height = 160, 120
    points = torch.from_numpy(face_space.template()[:, :2] * 40 + [80, 40]).float().expand(3, -1, -1)
    marked = torch.zeros(3, 3, height, width)
    point = 61  # a corner of the mouth; a mirrored face has it on the other side
    x, y = points[0, point].round().long().tolist()
    marked[:, :, y - 1 : y + 2, x - 1 : x + 2] = 1
    placed = placement.pictures(marked)
    moved = placement.points(points, width, height)
    mirror = int(face_space.asset("mirror")[point])
    for index in range(3):
        rows, columns = torch.nonzero(placed[index, 0] > 0.3, as_tuple=True)
        expected = moved[index, mirror if placement.mirrored[index] else point]
        assert abs(columns.float().mean() + 0.5 - expected[0]) < 1.5
        assert abs(rows.float().mean() + 0.5 - expected[1]) < 1.5


def test_about_half_of_the_faces_are_mirrored():
    mirrored = Placement.random(400, np.random.default_rng(0)).mirrored
    assert 150 < int(mirrored.sum()) < 250


def test_mirrored_codes_move_the_other_side_and_twice_mirrored_is_the_same():
    matrix = augment.mirror_of_codes()
    np.testing.assert_allclose((matrix @ matrix).numpy(), np.eye(face_space.CODE_SIZE), atol=0.05)
    codes = torch.from_numpy(np.random.default_rng(1).standard_normal((2, face_space.CODE_SIZE)).astype(np.float32))
    placement = Placement(torch.zeros(2, 2, 3), torch.tensor([True, False]))
    moved = placement.codes(codes)
    assert torch.equal(moved[1], codes[1])
    basis = face_space.basis()
    before, after = basis.decode(codes.numpy())[0], basis.decode(moved.numpy())[0]
    right, left = face_space.CORNER_RIGHT, face_space.CORNER_LEFT
    np.testing.assert_allclose(after[left], before[right] * [-1, 1, 1], atol=0.02)


def test_the_look_changes_skin_colour_but_never_the_hue_of_the_inner_mouth():
    images = pictures()
    mouth = torch.zeros(3, 1, 44, 60)
    mouth[:, :, 20:30, 20:40] = 1
    neutral = {"gamma": same(1.0), "gain": same(1.0), "ramp": same(0.0), "direction": same(0.0)}
    look = Augmentation(**neutral, hue=same(0.3), tint=torch.tensor([[1.2, 1.0, 0.8]]).expand(3, 3))
    changed = look.on(images, mouth)
    inside = mouth.expand_as(images) > 0
    torch.testing.assert_close(changed[inside], images[inside])
    assert (changed - images)[~inside].abs().mean() > 0.02


def test_light_falls_on_the_inner_mouth_too():
    images, mouth = pictures(), torch.ones(3, 1, 44, 60)
    look = Augmentation(same(1.0), same(0.5), same(0.0), same(0.0), same(0.0), torch.ones(3, 3))
    torch.testing.assert_close(look.on(images, mouth), images / 2)


def test_random_looks_differ_from_face_to_face_and_stay_in_range():
    images = pictures(8)
    changed = Augmentation.random(8, np.random.default_rng(0)).on(images, torch.zeros(8, 1, 44, 60))
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert (changed - images).flatten(1).mean(1).std() > 0.01
    again = Augmentation.random(8, np.random.default_rng(0)).on(images, torch.zeros(8, 1, 44, 60))
    assert torch.equal(changed, again)


def test_no_strength_is_no_change():
    images = pictures()
    unchanged = Augmentation.random(3, np.random.default_rng(0), strength=0.0).on(images, torch.zeros(3, 1, 44, 60))
    torch.testing.assert_close(unchanged, images, atol=1e-3, rtol=0)


def test_turning_the_hue_keeps_the_brightness():
    images = pictures() * 0.3 + 0.35
    turned = augment.turned_hue(images, torch.tensor([0.2, -0.2, 1.0]))
    torch.testing.assert_close(luminance(turned), luminance(images), atol=2e-3, rtol=0)
    assert (turned - images).abs().flatten(1).mean(1).min() > 0.002


def test_a_side_light_is_brighter_where_it_comes_from():
    grey = torch.full((3, 3, 44, 60), 0.5)
    lit = augment.sidelit(grey, same(0.3), torch.tensor([0.0, np.pi, np.pi / 2]))
    torch.testing.assert_close(lit[0, 0, 0, [0, -1]], torch.tensor([0.35, 0.65]))
    torch.testing.assert_close(lit[1, 0, 0, [0, -1]], torch.tensor([0.65, 0.35]))
    assert lit[2, 0, -1, 0] > lit[2, 0, 0, 0]


def test_gamma_and_gain_are_what_they_say():
    grey = torch.full((3, 3, 4, 4), 0.25)
    torch.testing.assert_close(augment.brightened(grey, same(0.5), same(1.2)), torch.full((3, 3, 4, 4), 0.6))


def test_blur_equals_opencv_and_none_is_none():
    images = pictures()
    torch.testing.assert_close(augment.blurred(images, same(0.0)), images)
    blurred = augment.blurred(images, torch.tensor([0.0, 1.0, 1.5]))
    torch.testing.assert_close(blurred[0], images[0])
    picture = images[2].permute(1, 2, 0).numpy()
    expected = cv2.GaussianBlur(picture, (13, 13), 1.5, borderType=cv2.BORDER_REPLICATE)
    np.testing.assert_allclose(blurred[2].permute(1, 2, 0).numpy(), expected, atol=1e-4)


def test_compression_hurts_more_at_lower_quality_and_as_much_as_a_real_jpeg():
    image = pictures(1)[0] + 0.05 * torch.from_numpy(np.random.default_rng(2).standard_normal((3, 44, 60))).float()
    image = image.clamp(0, 1)
    errors, real = [], []
    for quality in (100, 90, 60, 30, 10):
        errors.append(float((augment.compressed(image[None], same(quality, 1))[0] - image).square().mean().sqrt()))
        picture = np.ascontiguousarray((image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        real.append(float(np.sqrt(np.square(cv2.imdecode(data, 1).astype(float) - picture).mean()) / 255))
    assert errors[0] < 1e-3
    assert errors == sorted(errors)
    for ours, theirs in zip(errors[1:], real[1:], strict=True):
        assert 0.4 < ours / theirs < 2.5


def test_random_damage_leaves_some_photos_whole_and_is_the_same_for_the_same_seed():
    images = pictures(24)
    first, second = (Damage.random(24, np.random.default_rng(3)).to(images, np.random.default_rng(4)) for _ in range(2))
    assert torch.equal(first, second)
    changes = (first - images).abs().flatten(1).mean(1)
    assert (changes < 1e-3).any()
    assert (changes > 0.01).any()
