"""Opens the window and joins it with the program behind it. The only module that imports the user interface."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from liveface.app.desktop.avatar_library import AvatarLibrary
from liveface.app.desktop.controller import Desktop
from liveface.app.desktop.failure_report import report_of, unforeseen
from liveface.app.desktop.live_session import LiveSession, MakeSource
from liveface.app.desktop.notifications import Notice, Noticeboard
from liveface.app.desktop.preferences import Preferences, PreferencesFile, preferences_path
from liveface.app.outputs.output_set import Outputs
from liveface.app.outputs.video_call import VideoCall
from liveface.app.session.clock import Clock
from liveface.app.session.ending import SIGNALS
from liveface.app.session.pipeline import ASSETS, DEFAULT_AVATAR, MODELS, Pipeline
from liveface.app.session.session import Sink
from liveface.app.session.stats import Report
from liveface.app.settings import Settings
from liveface.engine.errors import ConfigurationError, LivefaceError
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.folders import avatars_folder
from liveface.engine.hearing.streamer import Streamer
from liveface.engine.hearing.voice_gate import VoiceGate

_PATIENCE = 0.8  # s for what cannot be interrupted, when the window closes
# Windows has no SIGHUP.
_WORDS = {
    10: "Upper lip raiser",
    14: "Dimpler",
    18: "Lip pucker",
    20: "Lip stretcher",
    24: "Lip pressor",
    25: "Lips part",
    26: "Jaw drop",
}
_WELCOME = "Speak, and the face speaks with you. Choose another one at the left, or add a photo of your own."


@dataclass(frozen=True, slots=True)
class Opening:
    """What a window begins with.

    `load` makes the performer, of a folder of an avatar unless it has its own. `has_own_avatar`: it has.
    `board`: where the source's notices go; `gate`: what its sound passes. `given`: preferences for this time only.
    `sound`: a file to hear. `size`: of the pictures, width and height. `budget_ms`: the delay that was promised.
    `is_bare`: nothing but the face. `remembers`: whether the user's preferences count and are kept.
    `outputs`: where the face goes besides, by name.
    """

    load: Callable[[Path], Pipeline]
    make_source: MakeSource
    load_streamer: Callable[[int], Streamer]
    has_own_avatar: bool = False
    board: Noticeboard = field(default_factory=Noticeboard)
    gate: VoiceGate | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    sound: Path | None = None
    size: tuple[int, int] = (Settings().width, Settings().height)
    seconds: float | None = None
    budget_ms: float | None = None
    is_bare: bool = False
    remembers: bool = True
    outputs: Mapping[str, Callable[[], Sink]] = field(default_factory=dict)


def show(opening: Opening, clock: Clock) -> None:
    """Perform in a window until it is closed; raises what kept it from performing."""
    from PyQt6 import sip
    from PyQt6.QtCore import QStandardPaths, QTimer, QUrl
    from PyQt6.QtGui import QDesktopServices, QIcon
    from PyQt6.QtWidgets import QApplication

    from liveface.ui.bridge import FrameBridge
    from liveface.ui.contracts import Program
    from liveface.ui.one_window import OneWindow
    from liveface.ui.report_dialog import ReportDialog
    from liveface.ui.theme import Theme
    from liveface.ui.window import Window

    application = QApplication(sys.argv[:1])
    application.setApplicationName("liveface")
    application.setDesktopFileName("liveface")
    symbol = QIcon()
    for side in (16, 32, 48, 128, 256):
        symbol.addFile(str(ASSETS / "icons" / f"liveface-{side}.png"))
    application.setWindowIcon(symbol)
    places = QStandardPaths.StandardLocation

    def folder(place: QStandardPaths.StandardLocation) -> Path:
        return Path(QStandardPaths.writableLocation(place) or Path.home())

    def show_file(path: Path) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))

    one = OneWindow(preferences_path().parent) if opening.remembers else None
    if one is not None and not one.is_first:
        one.raise_first()
    if one is not None and not one.is_first:
        if opening.has_own_avatar or opening.sound is not None or opening.given:
            raise ConfigurationError(
                "A window of liveface is open already and has been raised: close it before you start one with options."
            )
        print("A window of liveface is open already: it has been raised.", file=sys.stderr)
        return
    board = opening.board
    bridge = FrameBridge()
    gallery = AvatarLibrary(DEFAULT_AVATAR.parent, avatars_folder(), lambda: FaceMesh.load(MODELS), board)
    outputs = Outputs(clock, board, folder(places.MoviesLocation), folder(places.PicturesLocation))
    for name, open_sink in opening.outputs.items():
        outputs.want(name, open_sink)
    desktop = _desktop(opening, gallery, outputs, bridge, clock)
    bridge.hold = desktop.held_back
    units = [(number, _WORDS[number]) for number in ACTION_UNITS]
    program = Program.of(desktop, gallery, units, ASSETS / "audio" / "speech.wav", show_file)
    interrupted: list[int] = []
    mistakes: list[BaseException] = []
    window: Window | None = None

    def close(number: int, _frame: object) -> None:
        interrupted.append(number)
        QTimer.singleShot(0, application.quit)  # not at once: the window may be in the middle of painting itself

    dialogs: list[ReportDialog] = []

    def tell_of(_kind: type[BaseException], mistake: BaseException, _trace: object) -> None:
        mistakes.append(mistake)
        if window is None:  # there is nothing to go on with
            QTimer.singleShot(0, application.quit)
            return
        if not dialogs:
            dialogs.append(ReportDialog(window))
            dialogs[0].closing_wished.connect(application.quit)
        dialogs[0].tell(unforeseen(mistake), report_of(mistake))

    sys.excepthook = tell_of  # otherwise Qt ends the process at once, recordings and all
    # The window's timer lets Python look up often enough to see a signal.
    before = {number: signal.signal(number, close) for number in SIGNALS}
    desktop.open()
    try:
        window = Window(program, bridge, Theme(application))
        if opening.is_bare:
            window.show_bare(True)
            window.resize(window.canvas.sizeHint())
        if one is not None:
            one.asked.connect(window.come_forward)
        window.show()
        if opening.seconds is not None:
            QTimer.singleShot(round(opening.seconds * 1000), window.close)
        application.exec()
    except Exception as mistake:
        mistakes.append(mistake)
    has_ended = desktop.close(_PATIENCE)
    if one is not None:
        one.close()
    sys.excepthook = sys.__excepthook__
    if window is not None:
        sip.delete(window)  # before the application, which Python might delete first
    for number, handler in before.items():
        signal.signal(number, handler)
    if desktop.latest is not None:
        print(status_line(desktop.latest, desktop.latest.fps, opening.budget_ms))
    error = mistakes[0] if mistakes else KeyboardInterrupt() if signal.SIGINT in interrupted else desktop.failure
    if not has_ended:
        status = _told(error)
        sys.stdout.flush()
        os._exit(status)  # not through Python's end, which a thread in a library can crash
    if error is not None:
        raise error


def _told(error: BaseException | None) -> int:
    """Say what went wrong as the command line does, and return the exit status for it."""
    if error is None:
        return 0
    if isinstance(error, KeyboardInterrupt):
        return 130
    is_known = isinstance(error, LivefaceError)
    if os.environ.get("LIVEFACE_DEBUG"):
        traceback.print_exception(error)
    else:
        text = str(error) if is_known else f"unexpected {type(error).__name__}: {error}".splitlines()[0]
        print(f"liveface: {text}", file=sys.stderr, flush=True)
    return 2 if is_known else 1


def _desktop(opening: Opening, gallery: AvatarLibrary, outputs: Outputs, window: Sink, clock: Clock) -> Desktop:
    file = PreferencesFile(preferences_path())
    preferences = Preferences()
    if opening.remembers:
        if not file.exists:
            opening.board.post(Notice(_WELCOME))
        preferences = file.load(lambda text: opening.board.post(Notice(text, is_problem=True)))
    avatar = "" if opening.has_own_avatar else preferences.avatar or DEFAULT_AVATAR.name
    preferences = replace(preferences, avatar=avatar, **opening.given)

    def load_stage() -> LiveSession:
        try:
            performer = opening.load(gallery.folder(avatar or DEFAULT_AVATAR.name))
        except LivefaceError as error:
            if opening.has_own_avatar or avatar == DEFAULT_AVATAR.name:
                raise
            opening.board.post(Notice(error.told("window"), is_problem=True))
            performer = opening.load(DEFAULT_AVATAR)
        return LiveSession(
            performer,
            opening.make_source,
            opening.load_streamer,
            window,
            outputs.fan_out,
            clock,
            opening.board.tell_of_device,
        )

    return Desktop(
        preferences,
        file.keep if opening.remembers else _forget,
        gallery,
        outputs,
        opening.board,
        load_stage,
        window,
        VideoCall(clock).openers,
        clock,
        opening.size,
        opening.sound,
        opening.gate,
    )


def _forget(_name: str, _value: object) -> None:
    """Keep no preference."""


def status_line(report: Report, fps: float, budget_ms: float | None) -> str:
    """The numbers of a session in one line, with the delay that was promised, if one was."""
    parts = [f"{fps:.1f} fps"]
    if (delay := report.mic_to_picture_ms) is not None:
        text = f"mic to picture p50 {delay.p50:.0f}, p95 {delay.p95:.0f}, p99 {delay.p99:.0f} ms"
        if budget_ms is not None:
            text += f" ({'within' if delay.p95 <= budget_ms else 'over'} {budget_ms:.0f})"
        parts.append(text)
    parts += [f"{stage} {percentiles.p50:.1f} ms" for stage, percentiles in report.stages_ms.items()]
    parts.append(f"{report.skipped} skipped")
    if report.lost_ms:
        parts.append(f"{report.lost_ms:.0f} ms of sound lost")
    if report.xruns:
        parts.append(f"{report.xruns} xruns")
    return "   ".join(parts)
