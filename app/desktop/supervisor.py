"""One thread that makes what is wanted so: loads, starts, stops, and lets the face live on when something fails.

Knows no window, and nothing of who wants it.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from liveface.app.audio.devices import Kind, look_again, sound_devices
from liveface.app.desktop.avatar_library import AvatarLibrary
from liveface.app.desktop.failure_report import report_of, unforeseen
from liveface.app.desktop.live_session import Heard, LiveSession
from liveface.app.desktop.notifications import Notice, Noticeboard, Remedy
from liveface.app.outputs.output_set import Outputs
from liveface.app.session.clock import Clock
from liveface.app.session.session import Sink
from liveface.app.session.stats import Report
from liveface.engine.errors import DeviceError, LivefaceError, MediaError
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import HOP, Frame

Phase = Literal["starting", "live", "stopped"]
Job = Literal["snapshot", "devices", "outputs"]
_GLANCE = 0.2  # s, after which the thread looks whether a session has ended
_CLOSING = 20.0  # s for devices and files: a long recording is copied, and one that is not ready stays as it is
_SEARCH = 2.0  # s between two looks for a microphone, where there is none


class _OutdatedError(Exception):
    """What is being begun is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Wish:
    """`attempt` counts starts, so that one that failed is tried again."""

    is_running: bool
    heard: Heard
    avatar: str
    attempt: int = 0


class SessionSupervisor:
    """Owns the thread "liveface desktop" and the stage. Wishes come from any thread; only the latest counts."""

    def __init__(
        self,
        load_stage: Callable[[], LiveSession],
        wish: Wish,
        gallery: AvatarLibrary,
        outputs: Outputs,
        board: Noticeboard,
        window: Sink,
        clock: Clock,
        size: tuple[int, int],
    ) -> None:
        """`load_stage` takes long and is called in the thread; `wish` names what it loads. `size`: width and height."""
        self._load_stage = load_stage
        self._gallery = gallery
        self._outputs = outputs
        self._board = board
        self._window = window
        self._clock = clock
        self._size = size
        self._changed = threading.Condition()
        self._is_closing = False
        self._jobs: set[Job] = set()  # one of each waits at most
        self._next_search = 0.0
        self._known: set[str] = set()  # microphones of which it has been decided whether to hear them
        self._is_substitute = False  # what is heard is the default microphone, not the one that is wanted
        self.wish = wish
        self.is_muted = False
        self.stage: LiveSession | None = None
        self.phase: Phase = "starting"
        self.is_deaf = False  # the face lives, and there is nothing to hear
        self.names: dict[Kind, list[str]] = {"input": [], "output": []}
        self.failure: Exception | None = None  # that keeps it from performing
        self.latest: Report | None = None  # of the session before
        # It may be compiling a network when the program ends, and nothing is lost with it.
        self._thread = threading.Thread(target=self._work, name="liveface desktop", daemon=True)

    def open(self) -> None:
        """Begin to load."""
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """End the thread; returns whether it has ended.

        What cannot be interrupted, the loading of networks, is waited for during `timeout` seconds at most; devices and
        files that are being closed for some seconds longer.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout if self.stage is None else max(timeout, _CLOSING))
        return not self._thread.is_alive()

    def want(self, **parts: Any) -> None:
        """Change parts of the wish."""
        with self._changed:
            self.wish = replace(self.wish, **parts)
            self._changed.notify_all()

    def ask(self, job: Job) -> None:
        """Keep the picture, look which devices there are, or give the outputs what they were promised."""
        with self._changed:
            self._jobs.add(job)
            self._changed.notify_all()

    def _work(self) -> None:
        try:
            self._perform()
        except Exception as error:
            # The networks cannot be loaded; nothing else ends the thread.
            self.failure, self.phase = error, "stopped"
            self._tell(error, "")
            if self.stage is not None:
                with suppress(Exception):
                    self.stage.close()

    def _perform(self) -> None:
        """Load, then do what is wanted until the end."""
        done = replace(self.wish, is_running=False)
        with suppress(MediaError):  # what is wrong with it is said below
            if done.avatar:
                self._show(self._gallery.load(done.avatar).framed(*self._size))
        self.stage = stage = self._load_stage()
        self._show(stage.avatar)
        self.phase = "stopped"
        try:
            self._list_devices()
        except Exception as error:  # the face can live without any
            self._tell(error, "")
        while (wish := self._next(done)) is not None:
            try:
                self._do(stage, wish, done)
            except _OutdatedError:
                done = replace(wish, attempt=-1)  # which no wish has: what is wanted now is begun, or stopped
                continue
            except Exception as error:  # whatever it is: what is wanted next may go well
                self._give_up(stage, error)
            done = wish
        try:
            self.latest = stage.close() or self.latest
        except Exception as error:
            self.failure = self.failure or error

    def _do(self, stage: LiveSession, wish: Wish, done: Wish) -> None:
        """What is wanted, what is asked for, and what has happened meanwhile."""
        self._fulfil(stage, wish, done)
        self._do_jobs(stage)
        if stage.has_ended:
            self._recover(stage)
        if (self.is_deaf or self._is_substitute) and wish.is_running and self._has_found_microphone(wish):
            self._begin(stage, wish)

    def _give_up(self, stage: LiveSession, error: Exception) -> None:
        """Stand still after a failure that nobody has foreseen, say what it was, and wait for what is wanted next."""
        with suppress(Exception):  # it follows from the first one
            self.latest = stage.stop() or self.latest
        self.failure, self.phase, self.is_deaf, self._is_substitute = error, "stopped", False, False
        self._tell(error, "retry")

    def _next(self, done: Wish) -> Wish | None:
        with self._changed:
            if self.wish == done and not self._jobs and not self._is_closing:
                self._changed.wait(_GLANCE)
            return None if self._is_closing else self.wish

    def _fulfil(self, stage: LiveSession, wish: Wish, done: Wish) -> None:
        if wish.avatar != done.avatar:
            try:
                stage.wear(self._gallery.load(wish.avatar))
                self._show(stage.avatar)
            except MediaError as error:
                self._tell(error, "")
        if not wish.is_running:
            if done.is_running:
                self._outputs.settle()
                self._stop(stage)
                self.phase, self.is_deaf = "stopped", False
        elif replace(wish, avatar=done.avatar) != done:
            self._begin(stage, wish)

    def _begin(self, stage: LiveSession, wish: Wish) -> None:
        """Perform what is heard, or what comes nearest to it; to nothing if there is nothing to hear.

        Raises `_OutdatedError`, and performs nothing, where something else is wanted before a file is read.
        """
        heard = wish.heard
        self.phase, self.is_deaf, self._is_substitute = "starting", False, False
        self._stop(stage)
        self._next_search = self._clock.now() + _SEARCH
        self._known = set(self.names["input"])
        failures: list[LivefaceError] = []
        attempt = self._started(stage, wish, failures)
        if attempt is not None:
            self.failure = None
            self._is_substitute = attempt.microphone != heard.microphone
        else:
            self.failure = failures[0]
            if not isinstance(self.failure, DeviceError | MediaError):
                self.phase = "stopped"
                self._tell(self.failure, "retry")
                return
            stage.start(None, self.is_muted)
            self.is_deaf = True
        stage.mute(self.is_muted)
        self.phase = "live"
        if failures:
            remedy: Remedy = "file" if heard.file is not None else "sample"
            self._tell(failures[0], remedy if self.is_deaf else "")

    def _started(self, stage: LiveSession, wish: Wish, failures: list[LivefaceError]) -> Heard | None:
        """The first of the attempts that did not fail, if any; a file that cannot be read is not read once more."""
        for attempt in _attempts(wish.heard):
            try:
                stage.start(attempt, self.is_muted, partial(self._check, wish))
            except LivefaceError as error:
                failures.append(error)
                if isinstance(error, MediaError):
                    return None
            else:
                return attempt
        return None

    def _check(self, begun: Wish) -> None:
        if self._is_closing or replace(self.wish, avatar=begun.avatar) != begun:
            raise _OutdatedError

    def _recover(self, stage: LiveSession) -> None:
        """A session has ended by itself: say why, and let the face live on."""
        self._stop(stage)
        if self.failure is not None:
            self._tell(self.failure, "retry")
        stage.start(None, self.is_muted)
        self.is_deaf = True
        self._next_search = float("inf")

    def _has_found_microphone(self, wish: Wish) -> bool:
        """Whether the one that is wanted can be heard now, or any where there was none; looks from time to time."""
        if wish.heard.file is not None or self._clock.now() < self._next_search:
            return False
        self._next_search = self._clock.now() + _SEARCH
        if not self._known:
            with suppress(DeviceError):  # the session has said so
                look_again()
        self._list_devices()
        present = set(self.names["input"])
        found, self._known = present - self._known, present
        return wish.heard.microphone in found or (bool(found) and self.is_deaf)

    def _stop(self, stage: LiveSession) -> None:
        try:
            self.latest = stage.stop() or self.latest
        except LivefaceError as error:
            self.failure = error

    def _do_jobs(self, stage: LiveSession) -> None:
        with self._changed:
            jobs, self._jobs = self._jobs, set()
        if "snapshot" in jobs:
            self._outputs.keep(stage.picture)
        if "devices" in jobs:
            self._list_devices()
        self._outputs.settle()

    def _list_devices(self) -> None:
        try:
            self.names = {kind: _distinct(kind) for kind in ("input", "output")}
        except DeviceError:
            self.names = {"input": [], "output": []}  # the session has said so

    def _show(self, avatar: Avatar) -> None:
        """Let the window show an avatar before it moves."""
        self._window.send(Frame(0, avatar.photo, np.zeros(HOP, np.float32), True))

    def _tell(self, error: Exception, remedy: Remedy) -> None:
        if isinstance(error, LivefaceError):
            self._board.post(Notice(error.told("window"), True, remedy))
        else:
            self._board.post(Notice(unforeseen(error), True, remedy, report=report_of(error)))


def _attempts(heard: Heard) -> list[Heard]:
    """What is wanted, then without the speaker, then with the default microphone, then with neither."""
    microphones = dict.fromkeys((heard.microphone, ""))
    return list(
        dict.fromkeys(
            replace(heard, microphone=microphone, speaker=speaker)
            for microphone in microphones
            for speaker in (heard.speaker, None)
        )
    )


def _distinct(kind: Kind) -> list[str]:
    """The names of the devices, each once; where there is a sound server, those that it knows."""
    devices = sound_devices(kind)
    served = [device for device in devices if device.is_served]
    return list(dict.fromkeys(device.name for device in served or devices))
