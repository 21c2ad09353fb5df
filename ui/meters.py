"""A bar that shows how loud the sound is."""

from math import log10

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

_QUIETEST = -60.0  # dB below full scale, an empty bar
_FALL = 0.12  # of the bar per update, so that peaks can be seen
_EMPTY, _FULL, _LOUD = QColor(48, 48, 52), QColor(92, 184, 140), QColor(220, 120, 80)
_LOUD_SHARE = 0.95  # of the bar, -3 dB


class LevelMeter(QWidget):
    """Rises at once, falls slowly."""

    def __init__(self) -> None:
        super().__init__()
        self._share = 0.0
        self.setFixedSize(QSize(96, 8))

    def show_level(self, peak: float) -> None:
        """Show the peak of the latest sound, full scale 1."""
        share = 1 - 20 * log10(peak) / _QUIETEST if peak > 0 else 0.0
        self._share = min(1.0, max(share, self._share - _FALL, 0.0))
        self.update()

    @property
    def share(self) -> float:
        """How much of the bar is full, 0 to 1."""
        return self._share

    def paintEvent(self, _: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for share, colour in ((1.0, _EMPTY), (self._share, _LOUD if self._share > _LOUD_SHARE else _FULL)):
            painter.setBrush(colour)
            painter.drawRoundedRect(QRectF(0, 0, self.width() * share, self.height()), 4, 4)
