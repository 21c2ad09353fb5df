"""The buttons under the face."""

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QIcon, QPalette, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QToolButton, QWidget

from liveface.ui.contracts import Outputs, RunState
from liveface.ui.icons import icon
from liveface.ui.letters import label

_ICON = QSize(22, 22)
_WORDS_FROM = 690  # pixels of width, from which there is room for words under the icons
_LABEL_FROM = 520  # likewise in the main button


class Controls(QWidget):
    """Buttons only: who makes them, connects them."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("controls")
        plain, danger, accent = (
            QPalette.ColorRole.ButtonText,
            QPalette.ColorRole.BrightText,
            QPalette.ColorRole.Highlight,
        )
        self.faces = _button(icon("faces"), "F&aces", "Show the faces to choose from (Ctrl+G)", is_switch=True)
        self.start = QPushButton()
        self.start.setObjectName("main")
        self.start.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.start.setIconSize(QSize(18, 18))
        self.mute = _button(icon("microphone", plain, ("muted", danger)), "Mu&te", "Hear nothing (M)", is_switch=True)
        self.talk = _button(icon("talk"), "Hol&d to talk", "Be heard while this is held down (hold T)")
        self.interrupt = _button(icon("interrupt"), "&Interrupt", "Forget what has been said, and close the mouth (I)")
        self.record = _button(icon("record", danger), "&Record", "Record to an MP4 file (Ctrl+R)", is_switch=True)
        self.snapshot = _button(icon("snapshot"), "Pict&ure", "Save the picture (Ctrl+S)")
        self.camera = _button(
            icon("camera", plain, ("camera", accent)),
            "&Camera",
            "Show the face to other programs as a camera (Ctrl+K)",
            is_switch=True,
        )
        self.voice = _button(
            icon("voice", plain, ("voice", accent)),
            "&Voice",
            "Give other programs a microphone that is in step with the face (Ctrl+J)",
            is_switch=True,
        )
        self.live = _button(icon("live"), "&Live", "Show how it goes (Ctrl+L)", is_switch=True)
        self.settings = _button(icon("settings"), "S&ettings", "Show the settings (Ctrl+,)", is_switch=True)
        self._groups = (
            (self.faces, self.start, self.mute, self.talk, self.interrupt),
            (self.record, self.snapshot, self.camera, self.voice),
            (self.live, self.settings),
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for number, group in enumerate(self._groups):
            if number:
                layout.addStretch(1)
            for button in group:
                layout.addWidget(button)
        self._is_running = False

    def show_running(self, is_running: bool) -> None:
        """Let the main button say what it does next."""
        if is_running != self._is_running:
            self._is_running = is_running
            self._name_start()

    def show_standing(self, standing: RunState, outputs: Outputs) -> None:
        """Let the buttons say what is on, and what can be done."""
        self.show_running(standing.phase != "stopped")
        for button in (self.interrupt, self.record):
            button.setEnabled(standing.phase == "live")
        for button, is_on in (
            (self.record, outputs.is_sent("recording")),
            (self.camera, outputs.is_sent("camera")),
            (self.voice, outputs.is_sent("voice")),
        ):
            if not button.isDown():
                button.setChecked(is_on)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Leave out words where they have no room."""
        styles = Qt.ToolButtonStyle
        style = styles.ToolButtonTextUnderIcon if self.width() >= _WORDS_FROM else styles.ToolButtonIconOnly
        for button in self.findChildren(QToolButton):
            button.setToolButtonStyle(style)
        self._name_start()
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Without any words."""
        return QSize(0, super().minimumSizeHint().height())

    def _name_start(self) -> None:
        word = "Stop" if self._is_running else "Start"
        self.start.setIcon(icon("stop" if self._is_running else "play", QPalette.ColorRole.HighlightedText))
        label(self.start, f" &{word}" if self.width() >= _LABEL_FROM else "")
        self.start.setMinimumWidth(104 if self.width() >= _LABEL_FROM else 52)
        self.start.setAccessibleName(word)
        self.start.setToolTip(f"{word} (Ctrl+Return)")


def _button(symbol: QIcon, text: str, explanation: str, is_switch: bool = False) -> QToolButton:
    button = QToolButton()
    button.setIcon(symbol)
    button.setIconSize(_ICON)
    label(button, text)
    button.setToolTip(explanation)
    button.setAccessibleName(text.replace("&", ""))
    button.setAccessibleDescription(explanation)
    button.setCheckable(is_switch)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
