"""The program behind the window: what the user asks for and sees, in one place. Knows no window.

Every method returns at once and may be called from the window's thread. What goes wrong comes as a notice.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liveface.app.audio import virtual_microphone
from liveface.app.desktop.avatar_library import AvatarLibrary
from liveface.app.desktop.live_session import Heard, LiveSession
from liveface.app.desktop.notifications import Notice, Noticeboard
from liveface.app.desktop.preferences import Preferences
from liveface.app.desktop.state import LiveMetrics, Playback, RunState
from liveface.app.desktop.supervisor import SessionSupervisor, Wish
from liveface.app.outputs.output_set import Outputs
from liveface.app.outputs.virtual_camera import cameras
from liveface.app.session.clock import Clock
from liveface.app.session.pipeline import DEFAULT_AVATAR
from liveface.app.session.session import Sink
from liveface.app.session.stats import Report
from liveface.app.settings import HOLD_MS
from liveface.engine.errors import LivefaceError
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.hearing.voice_gate import SILENCE_DB, VoiceGate, VoiceSettings
from liveface.engine.media import FPS

_HEARD = ("microphone", "speaker", "hears_itself", "lookahead")  # preferences that need a new session
_SUCCESS = {
    "camera": "The virtual camera is on: choose it as the camera in your call.",
    "voice": f"Your voice is in step with the face: choose “{virtual_microphone.NAME}” as the microphone in your call.",
}
_SMOOTHING = 25  # frames of delay from which one trusts the measured one


class Desktop:
    """Asks a `SessionSupervisor`, and remembers what was chosen."""

    def __init__(
        self,
        preferences: Preferences,
        remember: Callable[[str, object], None],
        gallery: AvatarLibrary,
        outputs: Outputs,
        board: Noticeboard,
        load_stage: Callable[[], LiveSession],
        window: Sink,
        openers: Mapping[str, Callable[[Preferences], Sink]],
        clock: Clock,
        size: tuple[int, int],
        sound: Path | None = None,
        gate: VoiceGate | None = None,
    ) -> None:
        """`remember` keeps a preference for the next start. `openers` make the outputs camera and voice.

        `size`: of the pictures, width and height. `sound`: the file to hear in place of the microphone. `gate`: what
        the microphone passes.
        """
        self._preferences = preferences
        self._changing = threading.Lock()  # the gallery's thread changes the avatar
        self._remember = remember
        self._gallery = gallery
        self._outputs = outputs
        self._board = board
        self._openers = openers
        self._gate = gate
        self._set_gate()
        wish = Wish(True, self._heard(sound), preferences.avatar)
        self._stagehand = SessionSupervisor(load_stage, wish, gallery, outputs, board, window, clock, size)
        self._stagehand.is_muted = preferences.is_push_to_talk  # until there is a window that knows better

    def open(self) -> None:
        """Begin to load, then to perform."""
        self._outputs.offer_leftovers()
        self._gallery.open(partial(self.change, "avatar"), self._take_off)
        self._stagehand.open()

    def close(self, timeout: float) -> bool:
        """End all threads; returns whether they have. `timeout`: seconds for what cannot be interrupted."""
        has_ended = self._stagehand.close(timeout)
        return self._gallery.close(timeout / 4) and has_ended

    @property
    def failure(self) -> Exception | None:
        """What keeps it from performing, if anything does."""
        return self._stagehand.failure

    @property
    def latest(self) -> Report | None:
        """What the session before has measured."""
        return self._stagehand.latest

    # What is asked for

    def start(self) -> None:
        """Perform; once more if it failed before."""
        self._stagehand.want(is_running=True, attempt=self._stagehand.wish.attempt + 1)

    def stop(self) -> None:
        """Perform no more; a recording is finished."""
        self._outputs.record(False)
        self._stagehand.want(is_running=False)

    def mute(self, is_muted: bool) -> None:
        """Hear nothing, or hear again."""
        self._stagehand.is_muted = is_muted
        if (stage := self._stagehand.stage) is not None:
            stage.mute(is_muted)

    def interrupt(self) -> None:
        """Forget what has been heard and not been shown."""
        if (stage := self._stagehand.stage) is not None:
            stage.interrupt()

    def open_file(self, path: Path | None) -> None:
        """Hear a sound file, or the microphone again."""
        attempt = self._stagehand.wish.attempt + 1
        self._stagehand.want(is_running=True, heard=self._heard(path), attempt=attempt)

    def play(self, is_wanted: bool) -> None:
        """Go on with the file, or pause."""
        if (stage := self._stagehand.stage) is not None and (player := stage.player) is not None:
            player.play(is_wanted)

    def seek(self, seconds: float) -> None:
        """Go on from that place of the file."""
        if (stage := self._stagehand.stage) is not None and (player := stage.player) is not None:
            player.seek(seconds)
            stage.interrupt()

    def record(self, is_wanted: bool) -> None:
        """Record, or finish the recording."""
        self._outputs.record(is_wanted)
        self._stagehand.ask("outputs")

    def recover(self, film: Path) -> None:
        """Make an ordinary video of a recording that was ended."""
        self._outputs.recover(film)
        self._stagehand.ask("outputs")

    def snapshot(self) -> None:
        """Keep the picture."""
        self._stagehand.ask("snapshot")

    def send(self, name: str, is_wanted: bool) -> None:
        """Feed the output of that name, camera or voice, or no longer."""
        opener = partial(self._openers[name], self._preferences) if is_wanted else None
        self._outputs.want(name, opener, _SUCCESS[name])
        self._stagehand.ask("outputs")

    def refresh(self) -> None:
        """Look again which devices there are."""
        self._stagehand.ask("devices")

    def change(self, name: str, value: object) -> None:
        """Set one preference, for now and for the next start; raises `ConfigurationError`. From any thread."""
        with self._changing:
            self._change(name, value)

    def _change(self, name: str, value: object) -> None:
        values: dict[str, Any] = {name: value}
        preferences = replace(self._preferences, **values)
        if preferences == self._preferences:
            return
        self._preferences = preferences
        try:
            self._remember(name, value)
        except LivefaceError as error:
            self._board.post(Notice(error.told("window"), is_problem=True))
        output = name.partition("_")[0]
        if name in _HEARD:
            self._stagehand.want(heard=self._heard(self._stagehand.wish.heard.file))
        elif name == "avatar":
            self._stagehand.want(avatar=preferences.avatar)
        elif output in self._openers and self.is_sent(output):
            self.send(output, True)
        self._set_gate()

    # How it stands

    def choices(self) -> dict[str, Any]:
        """The preferences by their names."""
        return asdict(self._preferences)

    def standing(self) -> RunState:
        """How it stands."""
        hand = self._stagehand
        return RunState(hand.phase, hand.is_deaf, hand.wish.avatar, self._outputs.recorded)

    def figures(self) -> LiveMetrics | None:
        """What the session measures, None where there is none."""
        report = self._report()
        if report is None:
            return None
        delay = None if self._stagehand.is_deaf else report.mic_to_picture_ms
        return LiveMetrics(
            report.recent_fps, None if delay is None else (delay.p50, delay.p95), report.skipped, report.lost_ms
        )

    def level(self) -> float:
        """How loud the microphone is before the gate, in dBFS."""
        return SILENCE_DB if self._gate is None or self._stagehand.phase != "live" else self._gate.level

    def action_units(self) -> NDArray[np.float32]:
        """Intensities 0 to 5 of the latest picture, float32 (n_units,)."""
        stage = self._stagehand.stage
        return np.zeros(len(ACTION_UNITS), np.float32) if stage is None else stage.action_units

    def reel(self) -> Playback | None:
        """The file that is heard, if one is."""
        stage, file = self._stagehand.stage, self._stagehand.wish.heard.file
        if stage is None or file is None or (player := stage.player) is None:
            return None
        return Playback(file.name, player.position, player.length, player.is_playing)

    def expected_ms(self, lookahead: int) -> float:
        """Mic to picture at that lookahead in frames: as measured now, or as promised before there is a measure."""
        report, frame_ms = self._report(), 1000 / FPS
        if report is None or report.mic_to_picture_ms is None or report.frames < _SMOOTHING:
            return (1 + lookahead) * frame_ms + HOLD_MS
        return report.mic_to_picture_ms.p50 + (lookahead - self._stagehand.wish.heard.lookahead) * frame_ms

    def held_back(self) -> float:
        """Seconds until the sound of a frame that comes now is heard here; from any thread."""
        stage = self._stagehand.stage
        return 0.0 if stage is None or (speaker := stage.speaker) is None else speaker.delay()

    def is_sent(self, name: str) -> bool:
        """Whether the output of that name is fed."""
        return self._outputs.is_wanted(name)

    def microphones(self) -> list[str]:
        """Their names, as known so far."""
        return self._stagehand.names["input"]

    def speakers(self) -> list[str]:
        """Their names, as known so far."""
        return self._stagehand.names["output"]

    def cameras(self) -> list[str]:
        """The virtual cameras of this machine."""
        return cameras()

    def notices(self) -> list[Notice]:
        """What has not been read."""
        return self._board.take()

    def _take_off(self, key: str) -> None:
        """Wear the default avatar instead of one that is no more."""
        if self._preferences.avatar == key:
            self.change("avatar", DEFAULT_AVATAR.name)

    def _report(self) -> Report | None:
        stage = self._stagehand.stage
        return None if stage is None else stage.report()

    def _heard(self, file: Path | None) -> Heard:
        chosen = self._preferences
        is_audible = file is not None or chosen.hears_itself
        return Heard(chosen.microphone, file, chosen.speaker if is_audible else None, chosen.lookahead)

    def _set_gate(self) -> None:
        if self._gate is not None:
            threshold = VoiceSettings().threshold if self._preferences.has_noise_gate else None
            self._gate.settings = VoiceSettings(threshold, self._preferences.has_automatic_gain)
