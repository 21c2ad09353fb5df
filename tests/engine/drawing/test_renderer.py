"""The renderer as a whole: every motion drawn on its own avatar, alone or in a batch, the same each time."""

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from liveface.engine.drawing.renderer import MouthRenderer, Renderer, load_renderer
from liveface.engine.errors import CheckpointError
from liveface.engine.expression import Expression
from liveface.engine.face import face_space
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.condition import condition
from liveface.engine.media import HOP, Motion, Picture
from tests import faces

Array = face_space.Array


@pytest.fixture(scope="module")
def renderer(model: Path) -> Renderer:
    return load_renderer(model, threads=1)


def motion(index: int, gap: float = 0.2) -> Motion:
    weights = face_space.basis().gap_weights()
    code = (weights * gap / (weights @ weights)).astype(np.float32)
    return Motion(index, np.zeros(7, np.float32), code, np.full(HOP, index, np.float32), speaking=True)


def drawn(renderer: Renderer, motions: list[Motion], avatars: list[Avatar]) -> list[Picture]:
    return [frame.image for frame in renderer.draw(motions, avatars)]


def test_a_frame_carries_its_motion_s_number_and_sound(renderer: Renderer) -> None:
    sent = [motion(7), motion(9, 0.0)]
    frames = renderer.draw(sent, [faces.avatar()] * 2)
    assert [frame.index for frame in frames] == [7, 9]
    assert all(frame.pcm is one.pcm and frame.drawn for frame, one in zip(frames, sent, strict=True))


def test_no_motion_draws_nothing(renderer: Renderer) -> None:
    assert renderer.draw([], []) == []


def test_a_batch_equals_its_motions_drawn_alone(renderer: Renderer) -> None:
    avatar = faces.avatar()
    motions = [motion(i, gap) for i, gap in enumerate((0.0, 0.1, 0.3))]
    together = drawn(renderer, motions, [avatar] * 3)
    for one, image in zip(motions, together, strict=True):
        (alone,) = drawn(renderer, [one], [avatar])
        assert np.abs(alone.astype(int) - image).max() <= 1
    assert not np.array_equal(together[0], together[2])


def test_different_avatars_in_one_batch_are_not_mixed(renderer: Renderer) -> None:
    first, second = faces.avatar(seed=1), faces.avatar(240, 260, 45.0, (120, 100), seed=2)
    motions = [motion(0, 0.3), motion(1, 0.2), motion(2, 0.3)]
    together = drawn(renderer, motions, [first, second, first])
    for one, avatar, image in zip(motions, (first, second, first), together, strict=True):
        (alone,) = drawn(renderer, [one], [avatar])
        assert np.abs(alone.astype(int) - image).max() <= 1


def test_the_same_motions_are_drawn_the_same_by_another_renderer(model: Path) -> None:
    avatar, motions = faces.avatar(), [motion(index, 0.2) for index in (0, 30, 61)]
    first, second = (drawn(load_renderer(model, 1), motions, [avatar] * 3) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_head_moves_with_the_motions_expression_and_rests_without(model: Path, renderer: Renderer) -> None:
    avatar, motions = faces.avatar(), [motion(100, 0.0), motion(160, 0.0)]
    still = drawn(renderer, motions, [avatar] * 2)
    np.testing.assert_array_equal(still[0], still[1])
    swaying = [replace(one, expression=Expression(yaw=2.0 + one.index / 100)) for one in motions]
    moving = drawn(renderer, swaying, [avatar] * 2)
    assert not np.array_equal(moving[0], moving[1])
    np.testing.assert_array_equal(moving[0][[0, -1]], avatar.photo[[0, -1]])


class Painter:
    """Brightens every mouth by `change`, and keeps what it was told."""

    batch = 2

    def __init__(self, change: float = 0.0) -> None:
        self.change = change
        self.identified = 0
        self.told: list[Array] = []
        self.inputs: list[Array] = []

    def identify(self, photo: Array) -> tuple[Array, ...]:
        self.identified += 1
        return (photo,)

    def begin(self, inputs: Array, told: Array, identity: tuple[Array, ...]) -> Callable[[], Array]:
        assert len(inputs) == len(told) == len(identity[0])
        self.told += list(told)
        self.inputs += list(inputs)
        return lambda: np.full_like(inputs[:, :3], self.change)


def test_an_avatar_is_prepared_once_and_forgotten_when_it_is_gone() -> None:
    painter = Painter()
    renderer = MouthRenderer(painter)
    avatar = faces.avatar()
    photo = weakref.ref(avatar.photo)
    for index in range(3):
        renderer.draw([motion(index)], [avatar])
    assert painter.identified == 1
    renderer.draw([motion(3)], [faces.avatar()])
    assert painter.identified == 2
    del avatar
    gc.collect()
    assert photo() is None


def test_the_painter_s_change_is_added_around_the_mouth_of_each_picture() -> None:
    avatar = faces.avatar()
    motions = [motion(index, gap) for index, gap in enumerate((0.0, 0.1, 0.3))]
    plain, brighter = (drawn(MouthRenderer(Painter(change)), motions, [avatar] * 3) for change in (0.0, 0.1))
    lip = np.rint(avatar.points[0, :2]).astype(int) + [0, 2]
    for before, after in zip(plain, brighter, strict=True):
        gained = after.astype(int) - before
        assert gained.max() <= 26
        assert gained.min() >= 0
        assert gained[lip[1], lip[0]].max() >= 24
        assert (gained[: int(avatar.points[168, 1])] == 0).all()


def test_the_painter_is_told_code_and_action_units() -> None:
    painter = Painter()
    units = np.arange(len(ACTION_UNITS), dtype=np.float32)
    sent = [replace(motion(index, 0.1 * index), action_units=units + index) for index in range(3)]
    MouthRenderer(painter).draw(sent, [faces.avatar()] * 3)
    expected = [condition(one.code, one.action_units) for one in sent]
    np.testing.assert_allclose(painter.told, expected, atol=1e-6)


def test_an_opening_wider_than_any_mouth_s_is_drawn_as_the_widest() -> None:
    painter = Painter()
    (widest, wider) = drawn(MouthRenderer(painter), [motion(0, 0.3), motion(1, 0.9)], [faces.avatar()] * 2)
    np.testing.assert_allclose(painter.told[0], painter.told[1], atol=1e-5)
    assert np.abs(widest.astype(int) - wider).max() <= 1


@pytest.mark.parametrize("size", [(256, 256), (257, 311), (640, 360), (1920, 1080)])
def test_a_real_face_is_drawn_at_every_size(renderer: Renderer, portrait: Avatar, size: tuple[int, int]) -> None:
    framed = portrait.framed(*size)
    open_mouth, closed = drawn(renderer, [motion(0, 0.3), motion(1, 0.0)], [framed, framed])
    assert open_mouth.shape == closed.shape == (size[1], size[0], 3)
    assert open_mouth.dtype == np.uint8
    changed = np.argwhere((open_mouth != closed).any(axis=2))[:, ::-1]
    iod = float(face_space.inter_ocular(framed.points[:, :2]))
    assert np.hypot(*(changed - framed.points[13, :2]).T).max() < 2.2 * iod
    eyes = framed.points[[33, 263], 1].max()
    assert changed[:, 1].min() > eyes


def test_missing_networks_are_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"identity\.onnx is missing"):
        load_renderer(tmp_path)
