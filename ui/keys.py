"""The window's keys, and the page that lists them."""

from collections.abc import Callable
from typing import Protocol

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PyQt6.QtWidgets import QDialog, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from liveface.ui.controls import Controls
from liveface.ui.gallery import Gallery
from liveface.ui.letters import underline
from liveface.ui.notice_bar import NoticeBar
from liveface.ui.settings_panel import SettingsPanel
from liveface.ui.source_bar import SourceBar

_TALK = Qt.Key.Key_T


class Acts(Protocol):
    """What the keys act on: parts of the window, and what it can do."""

    controls: Controls
    gallery: Gallery
    notice: NoticeBar
    settings: SettingsPanel
    source: SourceBar

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing but the face."""

    def show_bare(self, is_bare: bool) -> None:
        """Show nothing but the face, or everything."""

    def toggle_running(self) -> None:
        """Start, or stop."""

    def apply_mute(self) -> None:
        """Be heard, unless muted or not talking while that is needed."""

    def choose_photo(self) -> None:
        """Ask for photos."""

    def choose_sound(self) -> None:
        """Ask for a sound file."""

    def paste(self) -> None:
        """Take what is in the clipboard."""

    def toggle_gallery(self) -> None:
        """Show the faces, or hide them."""

    def toggle_panel(self, name: str) -> None:
        """Show the panel live or settings, or none if it is shown already."""


class Keys(QObject):
    """Belongs to one window, which is given as the widget that has the keys, and as what they act on."""

    def __init__(self, window: QWidget, acts: Acts) -> None:
        super().__init__(window)
        self._window = window
        self._acts = acts
        controls, transport = acts.controls, acts.source.transport
        self.bindings: list[tuple[str, str, Callable[[], object]]] = [
            ("Ctrl+Return", "Start or stop", acts.toggle_running),
            ("M", "Mute", controls.mute.toggle),
            ("I", "Interrupt: forget what has been said", controls.interrupt.click),
            ("Ctrl+O", "Make a face of a photo", acts.choose_photo),
            ("Ctrl+V", "Paste a photo", acts.paste),
            ("Ctrl+Shift+O", "Let a sound file speak", acts.choose_sound),
            ("P", "Play or pause the sound file", transport.button.click),
            ("Ctrl+R", "Record", controls.record.click),
            ("Ctrl+S", "Save the picture", controls.snapshot.click),
            ("Ctrl+K", "Virtual camera", controls.camera.click),
            ("Ctrl+J", "Voice in step with the face", controls.voice.click),
            ("N", "Do what a notice offers", acts.notice.act),
            ("Ctrl+G", "Faces", acts.toggle_gallery),
            ("Ctrl+L", "Live figures", lambda: acts.toggle_panel("live")),
            ("Ctrl+,", "Settings", lambda: acts.toggle_panel("settings")),
            ("Ctrl+F", "Nothing but the face", lambda: acts.show_bare(not acts.is_bare)),
            ("F11", "Full screen", self._toggle_full_screen),
            ("F1", "This page", self.show_page),
            ("Ctrl+Q", "Quit", window.close),
        ]
        for keys, _, action in self.bindings:
            QShortcut(QKeySequence(keys), window).activated.connect(action)
        # Not on the application, which would also bring widgets that are not whole yet, and Python ends at that. Those
        # named here keep letters for themselves, all others let them through to the window.
        settings = acts.settings
        pickers = (acts.source.microphone, settings.speaker, settings.camera, settings.voice)
        for widget in (window, acts.gallery.list, *pickers):
            widget.installEventFilter(self)
        for picker in pickers:
            picker.opened.connect(self._let_go)

    def show_page(self) -> None:
        """List all keys."""
        page = QDialog(self._window)
        page.setWindowTitle("Keys")
        page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        grid = QGridLayout()
        grid.setHorizontalSpacing(28)
        grid.setVerticalSpacing(8)
        rows = [("Hold T", "Be heard, with push to talk"), *((keys, what) for keys, what, _ in self.bindings)]
        for row, (keys, what) in enumerate(rows):
            label = QLabel(QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText) if row else keys)
            label.setObjectName("title")
            grid.addWidget(label, row, 0)
            grid.addWidget(QLabel(what), row, 1)
        close = QPushButton("Close")
        close.clicked.connect(page.close)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(18)
        layout.addLayout(grid)
        layout.addWidget(close, alignment=Qt.AlignmentFlag.AlignRight)
        page.open()

    def eventFilter(self, _: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Notice T and Alt being held and let go, wherever the focus is; Escape leaves the full screen."""
        kinds = QEvent.Type
        if event is not None and event.type() in (kinds.WindowDeactivate, kinds.FocusOut):
            self._let_go()
        if not isinstance(event, QKeyEvent) or not self._window.isActiveWindow():
            return False
        if event.key() == Qt.Key.Key_Alt:
            underline(self._window, event.type() == kinds.KeyPress)
            return False
        talk = self._acts.controls.talk
        if event.key() == Qt.Key.Key_Escape and event.type() == kinds.KeyPress:
            return self._leave()
        if event.key() != _TALK or talk.isHidden() or (event.type() == kinds.KeyPress and event.modifiers()):
            return False
        if event.type() in (kinds.KeyPress, kinds.KeyRelease) and not event.isAutoRepeat():
            talk.setDown(event.type() == kinds.KeyPress)
            self._acts.apply_mute()
        return event.type() in (kinds.KeyPress, kinds.KeyRelease)

    def _let_go(self) -> None:
        """Be heard no more: whoever has the focus now gets the release of the key."""
        talk = self._acts.controls.talk
        if talk.isDown():
            talk.setDown(False)
            self._acts.apply_mute()

    def _leave(self) -> bool:
        if self._acts.is_bare:
            self._acts.show_bare(False)
        elif self._window.isFullScreen():
            self._window.showNormal()
        else:
            return False
        return True

    def _toggle_full_screen(self) -> None:
        (self._window.showNormal if self._window.isFullScreen() else self._window.showFullScreen)()
