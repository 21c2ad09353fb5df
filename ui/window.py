"""The window: the face in the middle, faces to choose from at its left, figures or settings at its right."""

from pathlib import Path

from PyQt6.QtCore import QByteArray, Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent
from PyQt6.QtWidgets import QApplication, QFileDialog, QMainWindow

from liveface.ui.arrangement import Arrangement
from liveface.ui.arrivals import PHOTO_SUFFIXES, SOUND_SUFFIXES, Arrivals, arrivals_in
from liveface.ui.bridge import FrameBridge
from liveface.ui.canvas import Canvas
from liveface.ui.contracts import Program, RunState
from liveface.ui.controls import Controls
from liveface.ui.gallery import Gallery
from liveface.ui.keys import Keys
from liveface.ui.live_panel import LivePanel
from liveface.ui.notice_bar import NoticeBar
from liveface.ui.settings_panel import SettingsPanel
from liveface.ui.source_bar import SourceBar
from liveface.ui.state_words import state_words
from liveface.ui.theme import Theme

_GLANCE = 100  # ms
_FIGURES_EVERY, _DEVICES_EVERY = 5, 40  # glances
_SLOW, _SLOW_LOOKS = 18.0, 6  # pictures a second; for so many looks at the figures it is said
_SMALLEST = (492, 420)


class Window(QMainWindow):
    """Shows one program. Everything that takes time is done elsewhere; the window only looks and asks."""

    def __init__(self, program: Program, bridge: FrameBridge, theme: Theme) -> None:
        super().__init__()
        self._program = program
        self._bridge = bridge
        self._theme = theme
        self._glances = self._slow_looks = 0
        self.setWindowTitle("liveface")
        self.setAcceptDrops(True)
        self.setMinimumSize(*_SMALLEST)  # so that it can become small enough for its panels to go
        chosen = program.choices.choices()
        self.gallery = Gallery()
        self.canvas = Canvas()
        self.notice = NoticeBar()
        self.source = SourceBar(program.player)
        self.source.microphone.choose(chosen["microphone"])
        self.controls = Controls()
        self.live = LivePanel(program.units)
        self.settings = SettingsPanel(program.choices, program.devices)
        self._arrangement = Arrangement(self, self)
        self._arrangement.panel = chosen["panel"]
        self._connect()
        self.keys = Keys(self, self)
        theme.choose(chosen["theme"])
        self._show_push_to_talk(chosen["is_push_to_talk"])
        self._restore(chosen["geometry"])
        self.canvas.setFocus()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._glance)
        self._timer.start(_GLANCE)
        self._glance()

    # What one can do

    def toggle_running(self) -> None:
        """Start, or stop."""
        performance = self._program.performance
        (performance.start if self._program.watch.standing().phase == "stopped" else performance.stop)()
        self._glance()

    def apply_mute(self) -> None:
        """Be heard, unless muted or not talking while that is needed."""
        waits = self._program.choices.choices()["is_push_to_talk"] and not self.controls.talk.isDown()
        self._program.performance.mute(self.controls.mute.isChecked() or waits)

    def choose_photo(self) -> None:
        """Ask for photos and import them."""
        names, _ = QFileDialog.getOpenFileNames(self, "Make a face of a photo", "", _filter("Photos", PHOTO_SUFFIXES))
        for name in names:
            self._program.gallery.add(Path(name))

    def choose_sound(self) -> None:
        """Ask for a sound file and let it speak."""
        name, _ = QFileDialog.getOpenFileName(self, "Let a sound file speak", "", _filter("Sound", SOUND_SUFFIXES))
        if name:
            self._program.player.open_file(Path(name))

    def paste(self) -> None:
        """Take what is in the clipboard."""
        clipboard = QApplication.clipboard()
        self._take(arrivals_in(None if clipboard is None else clipboard.mimeData()))

    def show_bare(self, is_bare: bool) -> None:
        """Show nothing but the face, or everything."""
        self.canvas.show_bare(is_bare)
        self._arrangement.is_bare = is_bare
        self._arrangement.fit()

    def come_forward(self) -> None:
        """Show the window before all others, where the desktop allows it."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing but the face."""
        return self._arrangement.is_bare

    def toggle_panel(self, name: str) -> None:
        """Show the panel live or settings, or none if it is shown already."""
        self._arrangement.toggle_panel(name)
        self._program.choices.change("panel", self._arrangement.panel)

    def toggle_gallery(self) -> None:
        """Show the faces, or hide them."""
        self._arrangement.toggle_gallery()

    # What comes

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """Say what becomes of it."""
        if event is None:
            return
        arrivals = arrivals_in(event.mimeData())
        if arrivals.photos or arrivals.sound or arrivals.others:
            event.acceptProposedAction()
            self.canvas.invite("Drop it here: a photo becomes a face, a sound file speaks")

    def dragLeaveEvent(self, _: QDragLeaveEvent | None) -> None:  # noqa: N802
        """Go on."""
        self.canvas.invite("")

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Take it."""
        self.canvas.invite("")
        if event is not None:
            event.acceptProposedAction()
            self._take(arrivals_in(event.mimeData()))

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Give the face its room."""
        super().resizeEvent(event)
        self._arrangement.fit()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """Remember where the window was."""
        self._timer.stop()
        self._bridge.arrived.disconnect(self._show_latest)
        if not self.is_bare:
            self._program.choices.change("geometry", self.saveGeometry().toBase64().data().decode())
        super().closeEvent(event)

    def _take(self, arrivals: Arrivals) -> None:
        for photo in arrivals.photos:
            self._program.gallery.add(photo)
        if arrivals.sound is not None:
            self._program.player.open_file(arrivals.sound)
        elif not arrivals.photos and arrivals.others:
            self._program.gallery.add(arrivals.others[0])  # which says what is wrong with it

    def _glance(self) -> None:
        program = self._program
        standing = program.watch.standing()
        self._show_standing(standing)
        self.gallery.show_portraits(program.gallery.portraits(), standing.avatar)
        self.source.look()
        self.source.meter.show_level(program.senses.level())
        for notice in program.watch.notices():
            self.notice.tell(notice)
        if self._glances % _FIGURES_EVERY == 0:
            self.source.microphone.offer(program.devices.microphones())
            figures = program.watch.figures()
            self._slow_looks = self._slow_looks + 1 if figures is not None and figures.fps < _SLOW else 0
            if self.live.isVisible():
                self.live.show_figures(figures)
            if self.settings.isVisible():
                self.settings.look()
        if self._glances % _DEVICES_EVERY == _DEVICES_EVERY - 1 and self.isActiveWindow():
            program.devices.refresh()
        self._glances += 1

    def _show_standing(self, standing: RunState) -> None:
        controls = self.controls
        waits = not controls.talk.isHidden() and not controls.talk.isDown()
        is_slow = self._slow_looks >= _SLOW_LOOKS
        self.canvas.show_state(*state_words(standing, controls.mute.isChecked(), waits, is_slow))
        self.canvas.show_recorded(standing.recorded)
        controls.show_standing(standing, self._program.outputs)

    def _act(self, remedy: str, subject: str) -> None:
        match remedy:
            case "retry":
                self._program.performance.start()
            case "sample":
                self._program.player.open_file(self._program.sample)
            case "file":
                self.choose_sound()
            case "photo":
                self.choose_photo()
            case "undo":
                self._program.gallery.restore(subject)
            case "show":
                self._program.show_file(Path(subject))
            case "recover":
                self._program.outputs.recover(Path(subject))

    def _show_latest(self) -> None:
        frame = self._bridge.take()
        if frame is not None:
            self.canvas.show_picture(frame.image)
            if self.live.isVisible():
                self.live.show_units(self._program.senses.action_units())

    def _follow(self, name: str, value: object) -> None:
        """Do what the window itself has to do about a changed setting."""
        if name == "theme":
            self._theme.choose(str(value))
        elif name == "is_push_to_talk":
            self._show_push_to_talk(bool(value))

    def _show_push_to_talk(self, is_wanted: bool) -> None:
        self.controls.talk.setVisible(is_wanted)
        self.controls.talk.setDown(False)
        self.apply_mute()

    def _connect(self) -> None:
        program, controls = self._program, self.controls
        self._bridge.arrived.connect(self._show_latest)
        self.gallery.chosen.connect(lambda key: program.choices.change("avatar", key))
        self.gallery.removed.connect(program.gallery.remove)
        self.gallery.wished.connect(self.choose_photo)
        self.notice.acted.connect(self._act)
        self.source.file_wished.connect(self.choose_sound)
        self.source.microphone.opened.connect(program.devices.refresh)
        self.source.microphone.picked.connect(lambda name: program.choices.change("microphone", name))
        self.settings.changed.connect(self._follow)
        controls.start.clicked.connect(self.toggle_running)
        controls.mute.toggled.connect(self.apply_mute)
        controls.talk.pressed.connect(self.apply_mute)
        controls.talk.released.connect(self.apply_mute)
        controls.interrupt.clicked.connect(program.performance.interrupt)
        controls.record.clicked.connect(program.outputs.record)
        controls.snapshot.clicked.connect(program.outputs.snapshot)
        controls.camera.clicked.connect(lambda is_wanted: program.outputs.send("camera", is_wanted))
        controls.voice.clicked.connect(lambda is_wanted: program.outputs.send("voice", is_wanted))
        controls.faces.clicked.connect(self.toggle_gallery)
        controls.live.clicked.connect(lambda: self.toggle_panel("live"))
        controls.settings.clicked.connect(lambda: self.toggle_panel("settings"))

    def _restore(self, geometry: str) -> None:
        if not geometry or not self.restoreGeometry(QByteArray.fromBase64(geometry.encode())):
            self.resize(1280, 800)
            if (screen := self.screen()) is not None:
                self.resize(self.size().boundedTo(screen.availableSize()))


def _filter(name: str, suffixes: tuple[str, ...]) -> str:
    return f"{name} ({' '.join(f'*{suffix}' for suffix in suffixes)});;All files (*)"
