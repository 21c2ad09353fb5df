"""The window: the face, how it is doing, and the few things one can tell it."""

from typing import Protocol

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QKeyEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ui.bridge import FrameBridge
from ui.canvas import Canvas
from ui.meters import LevelMeter

_STATUS_INTERVAL = 500  # ms
_STYLE = """
    QWidget { background: #121214; color: #d8d8dc; font-size: 12px; }
    QPushButton { background: #2a2a2e; border: none; border-radius: 6px; padding: 6px 14px; min-width: 56px; }
    QPushButton:hover { background: #36363c; }
    QPushButton:checked { background: #7a4238; }
    QPushButton:focus { outline: none; border: 1px solid #5cb88c; }
"""


class Performance(Protocol):
    """What the window shows and controls."""

    def start(self) -> None:
        """Begin to send frames."""

    def stop(self) -> None:
        """Send no more frames."""

    def mute(self, is_muted: bool) -> None:
        """Hear nothing, or hear again."""

    def status(self) -> tuple[bool, str]:
        """Whether frames still come, and one line about how it is going. What it raises closes the window."""


class Window(QWidget):
    """Space or M mutes, Escape closes. `failure` is what the performance raised."""

    def __init__(self, title: str, bridge: FrameBridge, performance: Performance) -> None:
        super().__init__()
        self.failure: Exception | None = None
        self._bridge = bridge
        self._performance = performance
        self._is_running = False
        self.setWindowTitle(title)
        self.setStyleSheet(_STYLE)

        self.canvas = Canvas()
        self.meter = LevelMeter()
        self.status = QLabel("starting")
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status.setWordWrap(True)
        self.status.setContentsMargins(12, 0, 12, 10)
        self.status.setMinimumHeight(2 * self.status.fontMetrics().lineSpacing() + 10)  # two lines, so nothing jumps
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.start_button = QPushButton("Stop")
        self.start_button.clicked.connect(self.toggle_running)
        self.mute_button = QPushButton("Mute")
        self.mute_button.setCheckable(True)
        self.mute_button.toggled.connect(self._performance.mute)
        for button in (self.start_button, self.mute_button):
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the space bar mutes wherever one has clicked

        controls = QHBoxLayout()
        controls.setContentsMargins(12, 8, 12, 10)
        controls.setSpacing(10)
        for button in (self.start_button, self.mute_button):
            controls.addWidget(button)
        controls.addStretch(1)
        controls.addWidget(self.meter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.canvas, stretch=1)
        layout.addLayout(controls)
        layout.addWidget(self.status)

        bridge.arrived.connect(self._show_latest)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._show_status)
        self._timer.start(_STATUS_INTERVAL)

    def fit(self) -> None:
        """Be as large as the picture in its own size needs, or as the screen allows."""
        screen = self.screen()
        size = self.sizeHint()
        self.resize(size if screen is None else size.boundedTo(screen.availableSize()))

    def toggle_running(self) -> None:
        """Start the performance, or stop it."""
        try:
            (self._performance.stop if self._is_running else self._performance.start)()
        except Exception as error:
            self._fail(error)
        else:
            self._show_running(not self._is_running)
            if self._is_running:
                self._performance.mute(self.mute_button.isChecked())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Obey the keys."""
        key = None if event is None else event.key()
        if key in (Qt.Key.Key_Space, Qt.Key.Key_M):
            self.mute_button.toggle()
        elif key == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """Stop the performance before the window goes."""
        self._timer.stop()
        if self._is_running:
            self._is_running = False
            try:
                self._performance.stop()
            except Exception as error:
                self.failure = self.failure or error
        super().closeEvent(event)

    def _show_latest(self) -> None:
        frame = self._bridge.take()
        if frame is not None:
            self.canvas.show_picture(frame.image)
            self.meter.show_level(float(abs(frame.pcm).max()))

    def _show_status(self) -> None:
        if not self._is_running:
            return
        try:
            is_running, text = self._performance.status()
            if not is_running:
                self._performance.stop()
        except Exception as error:
            self._fail(error)
        else:
            self.status.setText(text)
            self._show_running(is_running)

    def _show_running(self, is_running: bool) -> None:
        self._is_running = is_running
        self.start_button.setText("Stop" if is_running else "Start")

    def _fail(self, error: Exception) -> None:
        self.failure = error
        self._is_running = False
        self.close()
