"""The face, as large as it fits, in its own proportions, with a word on how it stands."""

from PyQt6.QtCore import QRect, QRectF, QSize, Qt
from PyQt6.QtGui import QBrush, QColor, QFocusEvent, QFont, QFontMetricsF, QImage, QPainter, QPaintEvent, QPalette, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from liveface.engine.media import Picture

_SMALLEST = QSize(200, 200)
_USUAL = QSize(512, 512)
_RADIUS = 20.0
_SHADE = QColor(12, 13, 15, 165)  # behind words on the picture
_WORDS = QColor(246, 247, 249)
_CHIP_HEIGHT, _CHIP_MARGIN, _DOT = 28.0, 14.0, 8.0
_LIT = QColor(99, 210, 176)
_WARNING = QColor(255, 93, 104)
_RESTING = QColor(150, 156, 166)
_DOTS = {"live": _LIT, "problem": _WARNING, "resting": _RESTING}


class Canvas(QWidget):
    """Shows one picture at a time, in the screen's own pixels. Bare, there is nothing but the picture."""

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self._state, self._dot = "", "resting"
        self._recorded = ""
        self._invitation = ""
        self._is_bare = self._shows_focus = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(_SMALLEST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("The face")

    @property
    def image(self) -> QImage:
        """What is shown, in its own size."""
        return self._image

    def show_picture(self, picture: Picture) -> None:
        """Show uint8 (height, width, 3) RGB from now on."""
        height, width = picture.shape[:2]
        # Converted to 32 bits, which is a copy, and which Qt scales four times as fast.
        image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        is_first = self._image.isNull()
        self._image = image.convertToFormat(QImage.Format.Format_RGB32)
        if is_first:
            self.updateGeometry()
        self.update()

    def show_state(self, words: str, dot: str) -> None:
        """Say in a corner how it stands; `dot` is live, problem or resting."""
        if (words, dot) != (self._state, self._dot):
            self._state, self._dot = words, dot
            self.setAccessibleDescription(words)
            self.update()

    def show_recorded(self, seconds: float | None) -> None:
        """Say in the other corner how long the recording is, or nothing."""
        words = "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
        if words != self._recorded:
            self._recorded = words
            self.update()

    def invite(self, words: str) -> None:
        """Cover the picture with an invitation to drop something, until it is empty again."""
        self._invitation = words
        self.update()

    def show_bare(self, is_bare: bool) -> None:
        """Show nothing but the picture, without rounded corners."""
        self._is_bare = is_bare
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """One pixel of the picture for each of the screen."""
        return _USUAL if self._image.isNull() else self._image.size() / self.devicePixelRatioF()

    def focusInEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802
        """Show that the keys have come here."""
        reasons = Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason
        self._shows_focus = event is not None and event.reason() in reasons
        self.update()

    def focusOutEvent(self, _: QFocusEvent | None) -> None:  # noqa: N802
        """Show that they have gone."""
        self._shows_focus = False
        self.update()

    def paintEvent(self, _: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the picture centred, scaled once with a good filter."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = self._place()
        if not self._image.isNull():
            self._draw_picture(painter, place)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self.palette().color(QPalette.ColorRole.Base))
            painter.drawRoundedRect(QRectF(place), _RADIUS, _RADIUS)
        if self._is_bare:
            return
        if self._shows_focus:
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 3))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(place).adjusted(1.5, 1.5, -1.5, -1.5), _RADIUS, _RADIUS)
        if self._invitation:
            self._draw_invitation(painter, QRectF(place))
            return
        if self._state:
            self._draw_chip(painter, QRectF(place), self._state, _DOTS[self._dot], is_left=True)
        if self._recorded:
            self._draw_chip(painter, QRectF(place), self._recorded, _WARNING, is_left=False)

    def _place(self) -> QRect:
        """Where the picture is."""
        size = QSize(1, 1) if self._image.isNull() else self._image.size()
        place = QRect(0, 0, *_pair(size.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)))
        place.moveCenter(self.rect().center())
        return place

    def _draw_picture(self, painter: QPainter, place: QRect) -> None:
        ratio = self.devicePixelRatioF()
        fitted = self._image.scaled(
            self.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        fitted.setDevicePixelRatio(ratio)
        if self._is_bare:
            painter.drawImage(place.topLeft(), fitted)
            return
        brush = QBrush(fitted)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(brush)
        painter.setBrushOrigin(place.topLeft())
        painter.drawRoundedRect(QRectF(place), _RADIUS, _RADIUS)

    def _draw_chip(self, painter: QPainter, place: QRectF, words: str, dot: QColor, is_left: bool) -> None:
        width = QFontMetricsF(self.font()).horizontalAdvance(words) + 2 * 12 + _DOT + 8
        left = place.left() + _CHIP_MARGIN if is_left else place.right() - _CHIP_MARGIN - width
        chip = QRectF(left, place.top() + _CHIP_MARGIN, width, _CHIP_HEIGHT)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_SHADE)
        painter.drawRoundedRect(chip, _CHIP_HEIGHT / 2, _CHIP_HEIGHT / 2)
        painter.setBrush(dot)
        painter.drawEllipse(QRectF(chip.left() + 12, chip.center().y() - _DOT / 2, _DOT, _DOT))
        painter.setPen(_WORDS)
        painter.drawText(chip.adjusted(12 + _DOT + 8, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, words)

    def _draw_invitation(self, painter: QPainter, place: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_SHADE)
        painter.drawRoundedRect(place, _RADIUS, _RADIUS)
        painter.setPen(QPen(_LIT, 2, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(place.adjusted(14, 14, -14, -14), _RADIUS - 6, _RADIUS - 6)
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 1.4)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(_WORDS)
        words = place.adjusted(48, 48, -48, -48)
        painter.drawText(words, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._invitation)


def _pair(size: QSize) -> tuple[int, int]:
    return size.width(), size.height()
