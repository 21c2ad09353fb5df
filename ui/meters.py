"""Bars that show how loud the sound is, and how strongly each part of the face moves."""

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QSizePolicy, QWidget

_QUIETEST = -60.0  # dB below full scale, an empty bar
_FALL = 0.12  # of the bar per update, so that peaks can be seen
_LOUD_SHARE = 0.95  # of the bar, -3 dB
_THICKNESS = 6.0


class Bar(QWidget):
    """A thin bar, 0 to 1, that rises at once and falls slowly."""

    def __init__(self, name: str, fall: float = _FALL) -> None:
        super().__init__()
        self._share = 0.0
        self._fall = fall
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_share(self, share: float) -> None:
        """Show how full it is."""
        share = min(1.0, max(share, self._share - self._fall, 0.0))
        if share != self._share:
            self._share = share
            self.update()

    @property
    def share(self) -> float:
        """How much of the bar is full, 0 to 1."""
        return self._share

    def sizeHint(self) -> QSize:  # noqa: N802
        """Thin."""
        return QSize(72, 10)

    def paintEvent(self, _: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        groove = QRectF(0, (self.height() - _THICKNESS) / 2, self.width(), _THICKNESS)
        painter.setBrush(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawRoundedRect(groove, _THICKNESS / 2, _THICKNESS / 2)
        if self._share > 0:
            groove.setWidth(max(_THICKNESS, groove.width() * self._share))
            painter.setBrush(self.palette().color(self._role()))
            painter.drawRoundedRect(groove, _THICKNESS / 2, _THICKNESS / 2)

    def _role(self) -> QPalette.ColorRole:
        return QPalette.ColorRole.Highlight


class LevelMeter(Bar):
    """How loud it is, in decibels; red where it is too loud."""

    def __init__(self) -> None:
        super().__init__("Level")
        self.setMinimumWidth(72)

    def show_level(self, decibels: float) -> None:
        """Show how loud it is, 0 at full scale."""
        self.show_share(1 - decibels / _QUIETEST)

    def _role(self) -> QPalette.ColorRole:
        return QPalette.ColorRole.BrightText if self._share > _LOUD_SHARE else QPalette.ColorRole.Highlight
