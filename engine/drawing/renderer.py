"""The renderer: motions and avatars to finished pictures, many at once.

It keeps what it has prepared for an avatar as long as the avatar lives, and nothing else between calls.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.backends.painter import Painter
from liveface.engine.drawing import compositor
from liveface.engine.drawing.painters import Backend, load_painter
from liveface.engine.face import face_space, mouth
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.condition import condition
from liveface.engine.media import Frame, Motion

Array = NDArray[np.float32]

_WIDEST = 0.26  # IOD, the widest opening of a motion that is drawn; between the lips it is a third more


class Renderer(Protocol):
    """What draws; implementations agree within the tolerance that their docstrings state."""

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        """One picture for each motion, of the avatar at the same place; avatars are framed to the output's size."""


class MouthRenderer:
    """Draws the mouth from the photo by geometry, and lets the generator finish it."""

    def __init__(self, painter: Painter) -> None:
        self._painter = painter
        self._basis = face_space.basis()
        self._gap_weights = self._basis.gap_weights()
        self._prepared: WeakKeyDictionary[Avatar, tuple[compositor.Scene, tuple[Array, ...]]] = WeakKeyDictionary()

    def prepare(self, avatar: Avatar) -> None:
        """Do what is done once for an avatar; one thread may do it while another draws other avatars."""
        self._prepare(avatar)

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        """See `Renderer.draw`."""
        assert len(motions) == len(avatars)
        frames: list[Frame] = []
        under_way: Callable[[], list[Frame]] | None = None
        for start in range(0, len(motions), self._painter.batch):
            part = np.s_[start : start + self._painter.batch]
            begun = self._begin(motions[part], avatars[part])
            # The last pictures are finished while the next ones are painted.
            if under_way is not None:
                frames += under_way()
            under_way = begun
        return frames if under_way is None else frames + under_way()

    def _begin(self, motions: list[Motion], avatars: list[Avatar]) -> Callable[[], list[Frame]]:
        """Begin to draw; the returned function waits for the end."""
        prepared = [self._prepare(avatar) for avatar in avatars]
        scenes = [scene for scene, _ in prepared]
        codes = self._within_reach(np.stack([motion.code for motion in motions]))
        expressions = [motion.expression for motion in motions]
        pictures, maps = [], []
        for scene, displacement, expression in zip(scenes, self._basis.decode(codes), expressions, strict=True):
            speech = scene.speech(scene.mouth.landmarks(displacement))
            pictures.append(scene.draw(speech, expression))
            maps.append(scene.maps(speech, pictures[-1], expression))
        painted = self._painter.begin(
            np.stack([one.inputs for one in maps]),
            condition(codes, np.stack([motion.action_units for motion in motions])),
            tuple(np.concatenate(level) for level in zip(*(identity for _, identity in prepared), strict=True)),
        )

        def finish() -> list[Frame]:
            changes = [cv2.merge(list(planes)) for planes in painted()]
            for scene, picture, seen, change, expression in zip(
                scenes, pictures, maps, changes, expressions, strict=True
            ):
                scene.add(picture, seen, change, expression)
            return [
                Frame(motion.index, picture, motion.pcm, drawn=True)
                for motion, picture in zip(motions, pictures, strict=True)
            ]

        return finish

    def _within_reach(self, codes: Array) -> Array:
        """Codes (B, CODE_SIZE) with openings beyond what the generator has seen scaled back to it."""
        gap = codes @ self._gap_weights
        return np.asarray(codes * np.minimum(1.0, _WIDEST / np.maximum(gap, _WIDEST))[:, None], np.float32)

    def _prepare(self, avatar: Avatar) -> tuple[compositor.Scene, tuple[Array, ...]]:
        found = self._prepared.get(avatar)
        if found is None:
            scene = compositor.Scene.of(avatar)
            photo = mouth.identity_input(scene.photo, scene.mouth)
            found = scene, self._painter.identify(np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32))
            self._prepared[avatar] = found
        return found


def load_renderer(models: Path, threads: int = 2, backend: Backend = "openvino") -> MouthRenderer:
    """The renderer with the networks in the folder `models` on a back end, see `engine.drawing.painters.load_painter`.

    `threads`: of the CPU.
    Raises `CheckpointError` or `BackendError`.
    """
    return MouthRenderer(load_painter(models, threads, backend))
