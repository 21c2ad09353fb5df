"""What performs for the window: one session after the other, and the outputs that outlive them.

Belongs to one thread, except where a method says otherwise. Knows nothing of why something is wanted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.app.audio.device_failover import Notify
from liveface.app.audio.player import Player
from liveface.app.audio.speaker import Speaker
from liveface.app.outputs.fan_out import FanOut
from liveface.app.session.clock import Clock
from liveface.app.session.pipeline import Pipeline
from liveface.app.session.session import BareSink, Session, Sink
from liveface.app.session.sources import Source
from liveface.app.session.stats import Report, Stats
from liveface.engine.drawing.renderer import MouthRenderer, Renderer
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.avatar import Avatar
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.media import HOP, Frame, Motion, Picture


@dataclass(frozen=True, slots=True)
class Heard:
    """What a session listens to: a microphone by its name ("" is the default one), or a file. `lookahead` in frames.

    `speaker`: by name, where the sound shall be heard; None for silence.
    """

    microphone: str = ""
    file: Path | None = None
    speaker: str | None = None
    lookahead: int = 2


# The last one is called now and then by what takes long, and raises what ends it.
MakeSource = Callable[[Heard, Stats, Callable[[], None]], Source]


class LiveSession:
    """Performs with one performer, whose avatar may change between two pictures."""

    def __init__(
        self,
        performer: Pipeline,
        make_source: MakeSource,
        load_streamer: Callable[[int], Streamer],
        window: Sink,
        outputs: FanOut,
        clock: Clock,
        on_notice: Notify = lambda change: None,
    ) -> None:
        """`load_streamer` makes one for a lookahead in frames. Every session shows its frames in the window as well.

        `on_notice` gets what there is to say of the speaker, in the thread that looks after it.
        """
        self._wardrobe = AvatarSwitch(performer.renderer, performer.avatar)
        self._performer = replace(performer, renderer=self._wardrobe)
        self._make_source = make_source
        self._load_streamer = load_streamer
        self._window = window
        self._outputs = outputs
        self._on_notice = on_notice
        self._clock = clock
        self._session: Session | None = None
        self._lookahead = performer.streamer.latency // HOP - 1
        self.player: Player | None = None  # of the file that is heard; used by any thread
        self.speaker: Speaker | None = None
        height, width = performer.avatar.photo.shape[:2]
        self._outputs.open(width, height)
        self._size = width, height

    def wear(self, avatar: Avatar) -> None:
        """Show another avatar from the next picture on."""
        avatar = avatar.framed(*self._size)
        self._wardrobe.change(avatar)
        self._performer = replace(self._performer, avatar=avatar)

    @property
    def avatar(self) -> Avatar:
        """What is worn, framed."""
        return self._performer.avatar

    def start(self, heard: Heard | None, is_muted: bool, check: Callable[[], None] = lambda: None) -> None:
        """Perform what is heard, or to nothing, so that the face lives; raises what `Session.start` and `check` raise.

        `check` is called while a file is read, which takes long.
        """
        self.stop()
        lookahead = self._lookahead if heard is None else heard.lookahead
        if lookahead != self._lookahead:
            self._performer = replace(self._performer, streamer=self._load_streamer(lookahead))
            self._lookahead = lookahead
        stats = Stats()
        source = (
            Player(np.zeros(0, np.float32), self._clock, stats)
            if heard is None
            else self._make_source(heard, stats, check)
        )
        sinks: list[Sink] = [self._window]
        if heard is not None and heard.speaker is not None:
            self.speaker = Speaker(heard.speaker or None, self._clock, on_notice=self._on_notice)
            sinks.append(self.speaker)
        lent = BareSink(self._outputs.send)  # the outputs outlive the session
        session = self._performer.session(source, [*sinks, lent], self._clock, stats)
        session.mute(is_muted)
        try:
            session.start()
        except BaseException:
            self.speaker = None
            raise
        self._session = session
        self.player = source if isinstance(source, Player) and heard is not None else None

    def stop(self) -> Report | None:
        """End the session, if there is one, and return what it measured; raises what failed in it."""
        session, self._session, self.player, self.speaker = self._session, None, None, None
        if session is None:
            return None
        report = session.report()
        session.stop()
        return report

    def close(self) -> Report | None:
        """End everything."""
        try:
            return self.stop()
        finally:
            self._outputs.close(completed=True)

    @property
    def has_ended(self) -> bool:
        """Whether a session has ended by itself."""
        session = self._session
        return session is not None and not session.is_running

    def mute(self, is_muted: bool) -> None:
        """From any thread."""
        if (session := self._session) is not None:
            session.mute(is_muted)

    def interrupt(self) -> None:
        """From any thread."""
        if (session := self._session) is not None:
            session.interrupt()

    def report(self) -> Report | None:
        """What the session has measured so far; from any thread."""
        session = self._session
        return None if session is None else session.report()

    @property
    def action_units(self) -> NDArray[np.float32]:
        """Those of the latest picture, float32 (n_units,), in the order of `ACTION_UNITS`; from any thread."""
        return self._wardrobe.action_units

    @property
    def picture(self) -> Picture:
        """The latest one, uint8 (H, W, 3) RGB; from any thread."""
        return self._wardrobe.picture


class AvatarSwitch:
    """A renderer that draws every motion with the avatar that is worn now, and remembers what the face did."""

    def __init__(self, renderer: Renderer, avatar: Avatar) -> None:
        self._renderer = renderer
        self._avatar = avatar
        self.action_units = np.zeros(len(ACTION_UNITS), np.float32)
        self.picture = avatar.photo

    def change(self, avatar: Avatar) -> None:
        """Wear another avatar, of the same size; what takes long is done here, by the caller's thread."""
        if isinstance(self._renderer, MouthRenderer):
            self._renderer.prepare(avatar)
        self._avatar = avatar
        self.picture = avatar.photo

    def draw(self, motions: list[Motion], avatars: list[Avatar]) -> list[Frame]:
        """See `Renderer.draw`."""
        frames = self._renderer.draw(motions, [self._avatar] * len(motions))
        if frames:
            self.action_units = motions[-1].action_units
            self.picture = frames[-1].image
        return frames
