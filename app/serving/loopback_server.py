"""The server as the loopback test runs it: pictures numbered, sound witnessed on its way.

Started by `app.loopback` only. Knows nothing of who talks to it.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from app.clock import Clock
from app.commands.serve import run_server
from app.ensemble import Ensemble, ensemble_of
from app.frame_marks import MarkedRenderer
from app.loopback_stage import CARRIED, HeldBack, Task, Witness
from app.performer import CORES, MODELS
from app.scheduler import SharedRenderer
from app.serving.loopback_peer import meet_here
from app.serving.serve_settings import ServeSettings
from app.session import Session, Sink
from app.sources import Source
from app.stats import Stats
from engine.avatar import Avatar
from engine.errors import LivefaceError
from engine.renderer import load_renderer
from engine.streamer import DEFAULT_LOOKAHEAD


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
def observed(task: Task, clock: Clock) -> Iterator[Ensemble]:
    """What `open_ensemble` brings, under observation."""
    renderer = _SharedMarkedRenderer(load_renderer(MODELS, 0, CORES))
    with ensemble_of(renderer, clock) as ensemble:
        yield _Observed(ensemble, task, clock)


class _SharedMarkedRenderer(MarkedRenderer):
    """Numbers the pictures of a renderer that another thread may call to prepare an avatar."""

    def __init__(self, renderer: SharedRenderer) -> None:
        super().__init__(renderer)
        self.prepare = renderer.prepare


class _Observed(Ensemble):
    """Another ensemble, of whose one session the sound is witnessed and, on its way to the viewers, held back."""

    def __init__(self, ensemble: Ensemble, task: Task, clock: Clock) -> None:
        self.scheduler = ensemble.scheduler
        self.admission = ensemble.admission
        self._ensemble = ensemble
        self._task = task
        self._clock = clock

    @contextmanager
    def performing(
        self,
        source: Source,
        avatar: Avatar,
        sinks: Sequence[Sink],
        stats: Stats,
        lookahead: int = DEFAULT_LOOKAHEAD,
        encoding: float = 0.0,
    ) -> Iterator[Session]:
        """See `Ensemble.performing`."""
        witness = Witness(Path(self._task.folder) / CARRIED, self._clock)
        held_back = [HeldBack(sink, self._task.injected_ms) for sink in sinks]
        with self._ensemble.performing(source, avatar, [*held_back, witness], stats, lookahead, encoding) as session:
            yield session


if __name__ == "__main__":
    main()
