"""A card that tells one thing at a time, with what can be done about it."""

from collections import deque

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QPalette
from PyQt6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy

from liveface.ui.contracts import Notice
from liveface.ui.icons import icon

_WIDEST = 600  # pixels
_SHOWN = 9000  # ms, for what is no problem
_MOST_WAITING = 16  # the oldest are dropped: they are the least true
_REMEDIES = {
    "retry": "Try again",
    "sample": "Hear a sample",
    "file": "Use a sound file…",
    "photo": "Choose another…",
    "undo": "Undo",
    "show": "Show in folder",
    "recover": "Recover",
}


class NoticeBar(QFrame):
    """Problems stay until they are dismissed, the rest goes by itself. `acted` brings remedy and subject."""

    acted = pyqtSignal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._notice: Notice | None = None
        self._waiting: deque[Notice] = deque(maxlen=_MOST_WAITING)  # while a problem is shown
        self.setObjectName("card")
        self.setMaximumWidth(_WIDEST)
        self._icon = QLabel()
        self.text = QLabel()
        self.text.setWordWrap(True)
        flags = Qt.TextInteractionFlag
        self.text.setTextInteractionFlags(flags.TextSelectableByMouse | flags.TextSelectableByKeyboard)
        self.text.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.action = QPushButton()
        self.action.setToolTip("N")
        self.action.clicked.connect(self.act)
        self.copy = QPushButton("Copy report")
        self.copy.clicked.connect(self._copy_report)
        self.dismiss = QPushButton(icon("close", QPalette.ColorRole.Dark), "")
        self.dismiss.setObjectName("flat")
        self.dismiss.setAccessibleName("Dismiss")
        self.dismiss.setToolTip("Dismiss")
        self.dismiss.clicked.connect(self._go_on)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 8, 8)
        layout.setSpacing(12)
        layout.addWidget(self._icon)
        layout.addWidget(self.text, stretch=1)
        layout.addWidget(self.action)
        layout.addWidget(self.copy)
        layout.addWidget(self.dismiss)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._go_on)
        self.hide()

    def tell(self, notice: Notice) -> None:
        """Show a notice instead of the one before, or after it if that is a problem and about something else."""
        shown = self._notice
        is_news = shown is not None and shown.subject == notice.subject != ""
        if shown is not None and shown.is_problem and not self.isHidden() and not is_news:
            if notice not in (shown, *self._waiting):
                self._waiting.append(notice)
            return
        self._notice = notice
        self.text.setText(notice.text)
        role = QPalette.ColorRole.BrightText if notice.is_problem else QPalette.ColorRole.Highlight
        self._icon.setPixmap(icon("problem" if notice.is_problem else "check", role).pixmap(22, 22))
        self.action.setText(_REMEDIES.get(notice.remedy, ""))
        self.action.setVisible(notice.remedy in _REMEDIES)
        self.copy.setVisible(bool(notice.report))
        self.setProperty("problem", "true" if notice.is_problem else "false")
        if (style := self.style()) is not None:
            style.unpolish(self)
            style.polish(self)
        self.setAccessibleName("Problem" if notice.is_problem else "Notice")
        self.setAccessibleDescription(notice.text)
        self.show()
        if notice.is_problem:
            self._timer.stop()
        else:
            self._timer.start(_SHOWN)

    def act(self) -> None:
        """Do what the notice offers, if one is shown that offers something."""
        if self._notice is not None and self.isVisible() and self._notice.remedy in _REMEDIES:
            done = self._notice
            self._go_on()
            self.acted.emit(done.remedy, done.subject)

    def _copy_report(self) -> None:
        clipboard = QApplication.clipboard()
        if self._notice is not None and clipboard is not None:
            clipboard.setText(self._notice.report)

    def _go_on(self) -> None:
        self.hide()
        waiting = list(self._waiting)
        self._waiting.clear()
        for notice in waiting:
            self.tell(notice)
