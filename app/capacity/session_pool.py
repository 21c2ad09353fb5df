"""Several faces that speak at once on one machine: they share what draws, and each hears for itself."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from liveface.app.capacity.admission import Admission, measure_drawing, measure_hearing
from liveface.app.capacity.scheduler import Scheduler, SharedRenderer
from liveface.app.session.clock import Clock
from liveface.app.session.pipeline import CORES, DEFAULT_AVATAR, MODELS
from liveface.app.session.session import Session, Sink
from liveface.app.session.sources import Source
from liveface.app.session.stats import Stats
from liveface.app.settings import Settings
from liveface.engine.backends.openvino import StepNetwork
from liveface.engine.drawing.liveliness import Liveliness
from liveface.engine.drawing.renderer import load_renderer
from liveface.engine.face.avatar import Avatar
from liveface.engine.hearing.streamer import DEFAULT_LOOKAHEAD, Streamer

Through = Callable[[Sequence[Sink]], Sequence[Sink]]
Life = Callable[[], Liveliness | None]
_USUAL_LIFE: Life = Settings().life


class SessionPool:
    """Makes sessions with one scheduler, as many as `admission` allows; from any thread."""

    def __init__(
        self,
        network: StepNetwork,
        scheduler: Scheduler,
        admission: Admission,
        clock: Clock,
        through: Through = lambda sinks: sinks,
        life: Life = _USUAL_LIFE,
    ) -> None:
        """`through` gives the sinks that a session gets in place of those that were asked for, `life` its life."""
        self.scheduler = scheduler
        self.admission = admission
        self._network = network
        self._clock = clock
        self._through = through
        self._life = life

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
        """A session that has been started, and is stopped in the end, which raises what failed.

        `avatar` is framed to the size of the output. `encoding`: seconds of one core that the sinks take for a picture.
        Raises `CapacityError` if the machine cannot hold it, and what `Session.start` raises.
        """
        height, width = avatar.photo.shape[:2]
        with self.admission.admit(width, height, stats, encoding):
            streamer = Streamer(self._network.another(), lookahead)
            sinks = self._through(sinks)
            session = Session(source, streamer, self.scheduler, avatar, sinks, self._clock, stats, self._life())
            session.start()
            try:
                yield session
            finally:
                session.stop()


@contextmanager
def open_session_pool(clock: Clock, life: Life = _USUAL_LIFE) -> Iterator[SessionPool]:
    """Load the default model, measure for about a second what this machine holds, and draw until the end.

    `life`: makes each session's liveliness. Raises `CheckpointError` or `BackendError`.
    """
    with session_pool_of(load_renderer(MODELS, CORES), clock, life=life) as ensemble:
        yield ensemble


@contextmanager
def session_pool_of(
    renderer: SharedRenderer, clock: Clock, through: Through = lambda sinks: sinks, life: Life = _USUAL_LIFE
) -> Iterator[SessionPool]:
    """As `open_session_pool`, with pictures of another renderer and, if wanted, `through` other sinks."""
    network = StepNetwork(MODELS / "motion.onnx")
    cost = measure_drawing(renderer, Avatar.load(DEFAULT_AVATAR), clock)
    admission = Admission(cost, measure_hearing(Streamer(network.another()), clock), os.cpu_count() or CORES)
    with Scheduler(renderer, clock, cost) as scheduler:
        yield SessionPool(network, scheduler, admission, clock, through, life)
