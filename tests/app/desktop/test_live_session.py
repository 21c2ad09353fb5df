"""Tests of the renderer that changes its avatar between two pictures."""

import numpy as np

from liveface.app.desktop.live_session import AvatarSwitch
from liveface.engine.media import HOP, Frame, Motion
from tests.app.fakes import FakeRenderer, VirtualClock, an_avatar


class Recording(FakeRenderer):
    def __init__(self) -> None:
        super().__init__(VirtualClock(1))
        self.worn: list[str] = []

    def draw(self, motions: list[Motion], avatars: list) -> list[Frame]:  # type: ignore[type-arg]
        self.worn += [avatar.name for avatar in avatars]
        return super().draw(motions, avatars)


def a_motion(index: int) -> Motion:
    units = np.full(7, index, np.float32)
    return Motion(index, units, np.zeros(16, np.float32), np.zeros(HOP, np.float32), True)


def test_the_worn_avatar_is_drawn_whatever_the_session_names() -> None:
    renderer = Recording()
    first, second = an_avatar(), an_avatar()
    object.__setattr__(second, "name", "another")
    wardrobe = AvatarSwitch(renderer, first)
    wardrobe.draw([a_motion(0)], [first])
    wardrobe.change(second)
    assert wardrobe.picture is second.photo
    frames = wardrobe.draw([a_motion(1), a_motion(2)], [first, first])
    assert renderer.worn == ["someone", "another", "another"]
    assert wardrobe.picture is frames[-1].image
    np.testing.assert_array_equal(wardrobe.action_units, np.full(7, 2.0))


def test_nothing_drawn_changes_nothing() -> None:
    wardrobe = AvatarSwitch(FakeRenderer(VirtualClock(1)), an_avatar())
    assert wardrobe.draw([], []) == []
    assert not wardrobe.action_units.any()
