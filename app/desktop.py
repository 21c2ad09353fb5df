"""The program behind the window: what is wanted, and one thread that makes it so. Knows no window.

Every method returns at once and may be called from the window's thread. What goes wrong comes as a notice.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.avatar_gallery import AvatarGallery
from app.config import HOLD_MS
from app.devices import Kind, sound_devices
from app.live_stage import Heard, LiveStage
from app.notices import Notice, Noticeboard
from app.outputs import Outputs
from app.preferences import Preferences
from app.session import Sink
from app.stats import Report
from engine.action_units import ACTION_UNITS
from engine.errors import DeviceError, LivefaceError, MediaError
from engine.media import FPS, HOP, Frame

Phase = Literal["starting", "live", "stopped"]
_GLANCE = 0.2  # s, after which the thread looks whether a session has ended
_HEARD = ("microphone", "speaker", "hears_itself", "lookahead")  # preferences that need a new session
_SMOOTHING = 25  # frames of delay from which one trusts the measured one


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands. `is_deaf`: the face lives, but nothing can be heard. `avatar`: the key of the one that is worn.

    `recorded`: seconds, None where nothing is recorded.
    """

    phase: Phase
    is_deaf: bool
    avatar: str
    recorded: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What the session measures. `delay`: mic to picture in milliseconds, half of the pictures and 95 of 100."""

    fps: float
    delay: tuple[float, float] | None
    skipped: int
    lost_ms: float


@dataclass(frozen=True, slots=True)
class Reel:
    """The sound file that is heard, in seconds."""

    name: str
    position: float
    length: float
    is_playing: bool


@dataclass(frozen=True, slots=True)
class _Wish:
    """`attempt` counts starts, so that one that failed is tried again."""

    is_running: bool
    heard: Heard
    avatar: str
    attempt: int = 0


class Desktop:
    """Owns the thread "liveface desktop", and everything that performs."""

    def __init__(
        self,
        preferences: Preferences,
        remember: Callable[[str, object], None] | None,
        gallery: AvatarGallery,
        outputs: Outputs,
        board: Noticeboard,
        load_stage: Callable[[Sink, Outputs], LiveStage],
        window: Sink,
        openers: Mapping[str, Callable[[Preferences], Sink]],
        sound: Path | None = None,
    ) -> None:
        """`load_stage` takes long and is called in the thread. `openers` make the outputs camera and voice.

        `remember` keeps a preference for the next start. `sound`: the file to hear in place of the microphone.
        """
        self._preferences = preferences
        self._remember = remember
        self._gallery = gallery
        self._outputs = outputs
        self._board = board
        self._load_stage = load_stage
        self._window = window
        self._openers = openers
        self._stage: LiveStage | None = None
        self._changed = threading.Condition()
        self._wish = _Wish(False, self._heard(sound), preferences.avatar)
        self._is_muted = False
        self._is_closing = False
        self._jobs: set[str] = set()  # of "snapshot", "devices", "outputs": one of each waits at most
        self._phase: Phase = "starting"
        self._is_deaf = False
        self._names: dict[Kind, list[str]] = {"input": [], "output": []}
        self.failure: Exception | None = None  # that keeps it from performing
        self.latest: Report | None = None  # of the session before
        # It may be compiling a network when the program ends, and nothing is lost with it.
        self._thread = threading.Thread(target=self._work, name="liveface desktop", daemon=True)

    def open(self) -> None:
        """Begin to load."""
        self._gallery.open(self._wear_imported)
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """End all threads; returns whether they have.

        What cannot be interrupted, the loading of networks, is waited for during `timeout` seconds at most.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout if self._stage is None else None)
        self._gallery.close(timeout / 4)
        return not self._thread.is_alive()

    # What is wanted

    def start(self) -> None:
        """Perform; once more if it failed before."""
        self._want(is_running=True, attempt=self._wish.attempt + 1)

    def stop(self) -> None:
        """Perform no more; a recording is finished."""
        self._outputs.record(False)
        self._want(is_running=False)

    def mute(self, is_muted: bool) -> None:
        """Hear nothing, or hear again."""
        self._is_muted = is_muted
        if self._stage is not None:
            self._stage.mute(is_muted)

    def interrupt(self) -> None:
        """Forget what has been heard and not been shown."""
        if self._stage is not None:
            self._stage.interrupt()

    def open_file(self, path: Path | None) -> None:
        """Hear a sound file, or the microphone again."""
        self._want(is_running=True, heard=self._heard(path), attempt=self._wish.attempt + 1)

    def play(self, is_wanted: bool) -> None:
        """Go on with the file, or pause."""
        if self._stage is not None and self._stage.player is not None:
            self._stage.player.play(is_wanted)

    def seek(self, seconds: float) -> None:
        """Go on from that place of the file."""
        if self._stage is not None and self._stage.player is not None:
            self._stage.player.seek(seconds)
            self._stage.interrupt()

    def record(self, is_wanted: bool) -> None:
        """Record, or finish the recording."""
        self._outputs.record(is_wanted)
        self._ask("outputs")

    def snapshot(self) -> None:
        """Keep the picture."""
        self._ask("snapshot")

    def send(self, name: str, is_wanted: bool) -> None:
        """Feed the output of that name, camera or voice, or no longer."""
        self._outputs.want(name, partial(self._openers[name], self._preferences) if is_wanted else None)
        self._ask("outputs")

    def is_sent(self, name: str) -> bool:
        """Whether that output is fed."""
        return self._outputs.is_wanted(name)

    def refresh(self) -> None:
        """Look again which devices there are."""
        self._ask("devices")

    def change(self, name: str, value: object) -> None:
        """Set one preference, for now and for the next start; raises `ConfigurationError`."""
        values: dict[str, Any] = {name: value}
        preferences = replace(self._preferences, **values)
        if preferences == self._preferences:
            return
        self._preferences = preferences
        try:
            if self._remember is not None:
                self._remember(name, value)
        except LivefaceError as error:
            self._board.post(Notice(str(error), is_problem=True))
        if name in _HEARD:
            self._want(heard=self._heard(self._wish.heard.file))
        elif name == "avatar":
            self._want(avatar=preferences.avatar)

    # How it stands

    def choices(self) -> dict[str, Any]:
        """The preferences by their names."""
        return asdict(self._preferences)

    def standing(self) -> Standing:
        """How it stands."""
        return Standing(self._phase, self._is_deaf, self._wish.avatar, self._outputs.recorded)

    def figures(self) -> Figures | None:
        """What the session measures, None where there is none."""
        report = None if self._stage is None else self._stage.report()
        if report is None:
            return None
        delay = report.mic_to_picture_ms
        return Figures(
            report.recent_fps, None if delay is None else (delay.p50, delay.p95), report.skipped, report.lost_ms
        )

    def action_units(self) -> NDArray[np.float32]:
        """Intensities 0 to 5 of the latest picture, float32 (n_units,)."""
        return np.zeros(len(ACTION_UNITS), np.float32) if self._stage is None else self._stage.action_units

    def reel(self) -> Reel | None:
        """The file that is heard, if one is."""
        player = None if self._stage is None else self._stage.player
        file = self._wish.heard.file
        if player is None or file is None:
            return None
        return Reel(file.name, player.position, player.length, player.is_playing)

    def expected_ms(self, lookahead: int) -> float:
        """Mic to picture at that lookahead in frames: as measured now, or as promised before there is a measure."""
        report = None if self._stage is None else self._stage.report()
        frame_ms = 1000 / FPS
        if report is None or report.mic_to_picture_ms is None or report.frames < _SMOOTHING:
            return (1 + lookahead) * frame_ms + HOLD_MS
        return report.mic_to_picture_ms.p50 + (lookahead - self._wish.heard.lookahead) * frame_ms

    def held_back(self) -> float:
        """Seconds until the sound of a frame is heard that comes now; from any thread."""
        speaker = None if self._stage is None else self._stage.speaker
        return 0.0 if speaker is None else speaker.delay()

    def microphones(self) -> list[str]:
        """Their names, as known so far."""
        return self._names["input"]

    def cameras(self) -> list[str]:
        """Their names, as known so far."""
        return []

    def speakers(self) -> list[str]:
        """Their names, as known so far."""
        return self._names["output"]

    def notices(self) -> list[Notice]:
        """What has not been read."""
        return self._board.take()

    # The thread

    def _work(self) -> None:
        try:
            self._stage = stage = self._load_stage(self._window, self._outputs)
        except LivefaceError as error:
            self._fail(error)
            return
        self._show_worn(stage)
        self._ask("devices")
        done = _Wish(False, self._wish.heard, self._wish.avatar)
        self._phase = "stopped"
        while (wish := self._next(done)) is not None:
            self._fulfil(stage, wish, done)
            done = wish
            self._do_jobs(stage)
            if stage.has_ended:
                self._recover(stage)
        self._end(stage)

    def _next(self, done: _Wish) -> _Wish | None:
        with self._changed:
            if self._wish == done and not self._jobs and not self._is_closing:
                self._changed.wait(_GLANCE)
            return None if self._is_closing else self._wish

    def _fulfil(self, stage: LiveStage, wish: _Wish, done: _Wish) -> None:
        if wish.avatar != done.avatar:
            try:
                stage.wear(self._gallery.load(wish.avatar))
                self._show_worn(stage)
            except MediaError as error:
                self._board.post(Notice(str(error), is_problem=True))
        if not wish.is_running:
            if done.is_running:
                self._outputs.settle()
                self.latest = stage.stop() or self.latest
                self._phase = "stopped"
        elif (wish.is_running, wish.heard, wish.attempt) != (done.is_running, done.heard, done.attempt):
            self._begin(stage, wish.heard)

    def _begin(self, stage: LiveStage, heard: Heard) -> None:
        self._phase = "starting"
        without_speaker = replace(heard, speaker=None)
        for attempt in (heard, without_speaker) if heard != without_speaker else (heard,):
            try:
                stage.start(attempt, self._is_muted)
            except LivefaceError as error:
                self.failure = error
            else:
                if self.failure is not None and attempt != heard:
                    self._board.post(Notice(str(self.failure), is_problem=True))  # seen, though not heard
                self._begun(stage, is_deaf=False)
                return
        assert self.failure is not None
        is_deaf = isinstance(self.failure, DeviceError | MediaError)
        self._board.post(Notice(_for_the_window(self.failure), True, "file" if is_deaf else "retry"))
        if is_deaf:
            failure = self.failure
            stage.start(None, self._is_muted)
            self._begun(stage, is_deaf=True)
            self.failure = failure
        else:
            self._phase = "stopped"

    def _begun(self, stage: LiveStage, is_deaf: bool) -> None:
        stage.mute(self._is_muted)
        self._is_deaf, self.failure, self._phase = is_deaf, None, "live"

    def _recover(self, stage: LiveStage) -> None:
        """A session has ended by itself: say why, and let the face live on."""
        try:
            self.latest = stage.stop() or self.latest
        except LivefaceError as error:
            self.failure = error
            self._board.post(Notice(_for_the_window(error), True, "retry"))
        stage.start(None, self._is_muted)
        self._is_deaf = True

    def _do_jobs(self, stage: LiveStage) -> None:
        with self._changed:
            jobs, self._jobs = self._jobs, set()
        if "snapshot" in jobs:
            self._outputs.keep(stage.picture)
        if "devices" in jobs:
            try:
                self._names = {kind: [one.name for one in sound_devices(kind)] for kind in ("input", "output")}
            except DeviceError:
                self._names = {"input": [], "output": []}  # the session has said so
        self._outputs.settle()

    def _end(self, stage: LiveStage) -> None:
        try:
            self.latest = stage.close() or self.latest
        except LivefaceError as error:
            self.failure = self.failure or error

    def _fail(self, error: LivefaceError) -> None:
        self.failure = error
        self._phase = "stopped"
        self._board.post(Notice(_for_the_window(error), is_problem=True))

    def _show_worn(self, stage: LiveStage) -> None:
        """Let the window show the avatar before it moves."""
        self._window.send(Frame(0, stage.avatar.photo, np.zeros(HOP, np.float32), True))

    def _wear_imported(self, key: str) -> None:
        self.change("avatar", key)

    def _heard(self, file: Path | None) -> Heard:
        chosen = self._preferences
        is_audible = file is not None or chosen.hears_itself
        return Heard(chosen.microphone, file, chosen.speaker if is_audible else None, chosen.lookahead)

    def _want(self, **parts: Any) -> None:
        with self._changed:
            self._wish = replace(self._wish, **parts)
            self._changed.notify_all()

    def _ask(self, job: str) -> None:
        with self._changed:
            self._jobs.add(job)
            self._changed.notify_all()


def _for_the_window(error: Exception) -> str:
    """An error's text without what only a command line has."""
    return str(error).replace(", or choose another with --microphone", ", or choose another microphone")
