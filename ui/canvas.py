"""The picture in the window, as large as it fits, in its own proportions."""

from PyQt6.QtCore import QRect, QSize, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from engine.media import Picture

_BACKGROUND = QColor(18, 18, 20)
_SMALLEST = QSize(256, 256)


class Canvas(QWidget):
    """Shows one picture at a time, in the screen's own pixels."""

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self.setMinimumSize(_SMALLEST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_picture(self, picture: Picture) -> None:
        """Show uint8 (height, width, 3) RGB from now on."""
        height, width = picture.shape[:2]
        # A copy, because Qt would go on reading the array's memory.
        self._image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """One pixel of the picture for each of the screen."""
        return self._image.size() / self.devicePixelRatioF() if not self._image.isNull() else QSize(512, 512)

    def paintEvent(self, _: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the picture centred, scaled once with a good filter."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), _BACKGROUND)
        if self._image.isNull():
            return
        ratio = self.devicePixelRatioF()
        fitted = self._image.scaled(
            self.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        fitted.setDevicePixelRatio(ratio)
        place = QRect(0, 0, round(fitted.width() / ratio), round(fitted.height() / ratio))
        place.moveCenter(self.rect().center())
        painter.drawImage(place.topLeft(), fitted)
