"""A switch with a word and a line that explains it."""

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QCheckBox, QSizePolicy

from liveface.ui.letters import label

_WIDTH, _HEIGHT, _KNOB = 36.0, 20.0, 14.0
_GAP = 4.0


class Switch(QCheckBox):
    """A check box that looks like a switch, at the right of its text."""

    def __init__(self, text: str, explanation: str) -> None:
        super().__init__()
        label(self, text)
        self._explanation = explanation
        self.setAccessibleDescription(explanation)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Two lines of text."""
        return QSize(200, round(2 * self.fontMetrics().lineSpacing() + _GAP + 8))

    def hitButton(self, _: object) -> bool:  # noqa: N802
        """Everywhere."""
        return True

    def paintEvent(self, _: QPaintEvent | None) -> None:  # noqa: N802
        """Draw text and switch."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette, roles = self.palette(), QPalette.ColorRole
        line = self.fontMetrics().lineSpacing()
        text = QRectF(0, 4, self.width() - _WIDTH - 12, line)
        painter.setPen(palette.color(roles.Text))
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextShowMnemonic, self.text())
        painter.setPen(palette.color(roles.Dark))
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 0.88)
        painter.setFont(font)
        painter.drawText(text.translated(0, line + _GAP - 2), Qt.AlignmentFlag.AlignVCenter, self._explanation)
        groove = QRectF(self.width() - _WIDTH - 2, 4, _WIDTH, _HEIGHT)
        if self.hasFocus():
            pen = painter.pen()
            pen.setColor(palette.color(roles.Highlight))
            pen.setWidthF(2)
            painter.setPen(pen)
            painter.drawRoundedRect(groove.adjusted(-2.5, -2.5, 2.5, 2.5), _HEIGHT / 2 + 2.5, _HEIGHT / 2 + 2.5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(roles.Highlight if self.isChecked() else roles.Mid))
        painter.drawRoundedRect(groove, _HEIGHT / 2, _HEIGHT / 2)
        rest = (_HEIGHT - _KNOB) / 2
        left = groove.right() - rest - _KNOB if self.isChecked() else groove.left() + rest
        painter.setBrush(palette.color(roles.HighlightedText if self.isChecked() else roles.Dark))
        painter.drawEllipse(QRectF(left, groove.top() + rest, _KNOB, _KNOB))
