"""The server as the loopback test runs it: pictures numbered, sound witnessed on its way.

Started by `app.measure.loopback` only. Knows nothing of who talks to it.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from liveface.app.capacity.scheduler import SharedRenderer
from liveface.app.capacity.session_pool import SessionPool, session_pool_of
from liveface.app.commands.serve import run_server
from liveface.app.measure.frame_marks import MarkedRenderer
from liveface.app.measure.loopback_peer import meet_here
from liveface.app.measure.loopback_program import CARRIED, HeldBack, Task, Witness
from liveface.app.server.settings import ServeSettings
from liveface.app.session.clock import Clock
from liveface.app.session.pipeline import CORES, MODELS
from liveface.app.session.session import Sink
from liveface.engine.drawing.renderer import load_renderer
from liveface.engine.errors import LivefaceError


def main() -> None:
    """Serve as the task in the first argument says, until SIGTERM."""
    task = Task(**json.loads(sys.argv[1]))
    meet_here()
    try:
        run_server(ServeSettings(port=0), partial(observed, task))
    except LivefaceError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


@contextmanager
def observed(task: Task, clock: Clock) -> Iterator[SessionPool]:
    """What `open_session_pool` brings, with the sound of its one session witnessed, and held back from the viewers."""

    def through(sinks: Sequence[Sink]) -> Sequence[Sink]:
        held_back = [HeldBack(sink, task.injected_ms) for sink in sinks]
        return [*held_back, Witness(Path(task.folder) / CARRIED, clock)]

    renderer = _SharedMarkedRenderer(load_renderer(MODELS, CORES))
    with session_pool_of(renderer, clock, through) as ensemble:
        yield ensemble


class _SharedMarkedRenderer(MarkedRenderer):
    """Numbers the pictures of a renderer that another thread may call to prepare an avatar."""

    def __init__(self, renderer: SharedRenderer) -> None:
        super().__init__(renderer)
        self.prepare = renderer.prepare


if __name__ == "__main__":
    main()
