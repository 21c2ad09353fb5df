"""The buttons under the face."""

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QPalette, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QToolButton, QWidget

from ui.icons import icon

_ICON = QSize(22, 22)
_WORDS_FROM = 660  # pixels of width, from which there is room for words under the icons


class Controls(QWidget):
    """Buttons only: who makes them, connects them."""

    def __init__(self) -> None:
        super().__init__()
        danger, accent = QPalette.ColorRole.BrightText, QPalette.ColorRole.Highlight
        self.faces = _button("faces", "F&aces", "Show the faces to choose from (Ctrl+G)", is_switch=True)
        self.start = QPushButton(icon("play", QPalette.ColorRole.HighlightedText), " Start")
        self.start.setObjectName("main")
        self.start.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.start.setIconSize(QSize(18, 18))
        self.start.setMinimumWidth(104)
        self.mute = _button("microphone", "Mu&te", "Hear nothing (M)", is_switch=True, checked="muted", role=None)
        self.talk = _button("talk", "Hol&d to talk", "Be heard while this is held down (hold T)")
        self.interrupt = _button("interrupt", "&Interrupt", "Forget what has been said, and close the mouth (I)")
        self.record = _button("record", "&Record", "Record to an MP4 file (Ctrl+R)", is_switch=True, role=danger)
        self.snapshot = _button("snapshot", "Pict&ure", "Save the picture (Ctrl+S)")
        self.camera = _button("camera", "&Camera", "Appear as a camera in other programs (Ctrl+K)", True, accent)
        self.voice = _button(
            "voice", "&Voice", "Be heard in step with the face in other programs (Ctrl+J)", True, accent
        )
        self.live = _button("live", "&Live", "Show how it goes (Ctrl+L)", is_switch=True)
        self.settings = _button("settings", "S&ettings", "Show the settings (Ctrl+,)", is_switch=True)
        self._groups = (
            (self.faces, self.start, self.mute, self.talk, self.interrupt),
            (self.record, self.snapshot, self.camera, self.voice),
            (self.live, self.settings),
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for number, group in enumerate(self._groups):
            if number:
                layout.addStretch(1)
            for button in group:
                layout.addWidget(button)
        self._has_words = True

    def show_running(self, is_running: bool) -> None:
        """Let the main button say what it does next."""
        self.start.setIcon(icon("stop" if is_running else "play", QPalette.ColorRole.HighlightedText))
        self.start.setText(" &Stop" if is_running else " &Start")
        self.start.setToolTip(f"{'Stop' if is_running else 'Start'} (Ctrl+Return)")

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Leave out the words where they have no room."""
        style = Qt.ToolButtonStyle
        has_words = self.width() >= _WORDS_FROM
        if has_words != self._has_words:
            self._has_words = has_words
            for button in self.findChildren(QToolButton):
                button.setToolButtonStyle(style.ToolButtonTextUnderIcon if has_words else style.ToolButtonIconOnly)
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """That without words."""
        return QSize(420, super().minimumSizeHint().height())


def _button(
    symbol: str,
    text: str,
    explanation: str,
    is_switch: bool = False,
    role: QPalette.ColorRole | None = None,
    checked: str = "",
) -> QToolButton:
    button = QToolButton()
    button.setIcon(icon(symbol, role or QPalette.ColorRole.ButtonText, checked))
    button.setIconSize(_ICON)
    button.setText(text)
    button.setToolTip(explanation)
    button.setAccessibleName(text.replace("&", ""))
    button.setAccessibleDescription(explanation)
    button.setCheckable(is_switch)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
