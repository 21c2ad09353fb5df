"""Several renderers that draw parts of a batch at the same time. Knows nothing of what they draw."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from engine.avatar import Avatar
from engine.media import Frame, Motion
from engine.renderer import Renderer


class DrawingPool:
    """A renderer for files: it keeps all cores busy, where one renderer leaves some idle between its networks.

    A live picture gains nothing, as it comes alone. Its threads wait when there is nothing to draw, and end with the
    program.
    """

    def __init__(self, renderers: Sequence[Renderer]) -> None:
        """`renderers` draw alike, and share nothing that they change."""
        self._renderers = renderers
        self._threads = ThreadPoolExecutor(len(renderers), thread_name_prefix="liveface drawing")

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        """One picture for each motion, of the avatar at the same place; raises what a renderer raises."""
        share = -(-len(motions) // len(self._renderers))
        parts = [
            self._threads.submit(renderer.draw, motions[start : start + share], avatars[start : start + share])
            for renderer, start in zip(self._renderers, range(0, len(motions), share or 1), strict=False)
        ]
        return [frame for part in parts for frame in part.result()]
