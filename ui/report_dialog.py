"""A dialogue that shows what has failed in the window itself, to be copied; the rest of the program goes on."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QFontDatabase
from PyQt6.QtWidgets import QApplication, QDialog, QDialogButtonBox, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

_SIZE = (640, 360)  # pixels
_MOST_LINES = 500


class ReportDialog(QDialog):
    """One dialogue for all that fails; each report is shown once. `closing_wished` when the program shall end."""

    closing_wished = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("liveface: something has failed")
        self._told: set[str] = set()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.report = QPlainTextEdit()
        self.report.setReadOnly(True)
        self.report.setMaximumBlockCount(_MOST_LINES)
        self.report.setAccessibleName("Report")
        self.report.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        buttons = QDialogButtonBox()
        roles = QDialogButtonBox.ButtonRole
        self.copy = buttons.addButton("Copy report", roles.ActionRole)
        self.go_on = buttons.addButton("Go on", roles.AcceptRole)
        self.end = buttons.addButton("Close liveface", roles.DestructiveRole)
        layout = QVBoxLayout(self)
        for widget in (self.text, self.report, buttons):
            layout.addWidget(widget)
        for button, done in ((self.copy, self._copy), (self.go_on, self.accept), (self.end, self._end)):
            if button is not None:
                button.clicked.connect(done)
        self.resize(*_SIZE)

    def tell(self, text: str, report: str) -> None:
        """Show what has failed, unless it has been shown."""
        if report in self._told:
            return
        self._told.add(report)
        self.text.setText(text)
        self.report.appendPlainText(report)
        self.show()

    def _copy(self) -> None:
        if (clipboard := QApplication.clipboard()) is not None:
            clipboard.setText(self.report.toPlainText())

    def _end(self) -> None:
        self.accept()
        self.closing_wished.emit()
