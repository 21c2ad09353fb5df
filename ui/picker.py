"""A list from which one device is picked by its name."""

from collections.abc import Sequence

from PyQt6.QtCore import QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QComboBox, QSizePolicy

from liveface.ui.icons import icon

_HEIGHT, _RADIUS, _MARGIN, _ICON = 36, 10.0, 12, 18


class Picker(QComboBox):
    """The first entry stands for the empty name. `opened` is emitted before the list is shown."""

    opened = pyqtSignal()
    picked = pyqtSignal(str)

    def __init__(self, name: str, first: str, symbol: str = "") -> None:
        """`first` is the text of the first entry, `symbol` an icon."""
        super().__init__()
        self._first = first
        self._symbol = symbol
        self._names: list[str] = []
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumWidth(96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.addItem(first, "")
        self.activated.connect(lambda index: self.picked.emit(self.itemData(index)))

    def offer(self, names: Sequence[str]) -> None:
        """Show these names; what is chosen stays, though it may be absent at the moment."""
        view = self.view()
        if list(names) == self._names or (view is not None and view.isVisible()):
            return
        self._names = list(names)
        chosen = self.chosen
        self.clear()
        self.addItem(self._first, "")
        for name in dict.fromkeys([*self._names, *([chosen] if chosen else [])]):
            self.addItem(name if name in self._names else f"{name} (not connected)", name)
        self.setCurrentIndex(max(0, self.findData(chosen)))

    def choose(self, name: str) -> None:
        """Show that name as chosen."""
        if name and self.findData(name) < 0:
            self.addItem(name, name)
        self.setCurrentIndex(max(0, self.findData(name)))

    @property
    def chosen(self) -> str:
        """The name that is chosen."""
        return str(self.currentData() or "")

    def showPopup(self) -> None:  # noqa: N802
        """Open the list."""
        self.opened.emit()
        super().showPopup()

    def sizeHint(self) -> QSize:  # noqa: N802
        """As high as a button."""
        return QSize(200, _HEIGHT)

    def paintEvent(self, _: QPaintEvent | None) -> None:  # noqa: N802
        """Draw the closed list."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette, roles = self.palette(), QPalette.ColorRole
        pen = painter.pen()
        pen.setColor(palette.color(roles.Highlight if self.hasFocus() else roles.AlternateBase))
        pen.setWidthF(2)
        painter.setPen(pen)
        painter.setBrush(palette.color(roles.Midlight if self.underMouse() else roles.AlternateBase))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), _RADIUS, _RADIUS)
        inner = self.rect().adjusted(_MARGIN, 0, -_MARGIN, 0)
        top = (self.height() - _ICON) // 2
        icon("chevron").paint(painter, QRect(inner.right() - _ICON + 1, top, _ICON, _ICON))
        if self._symbol:
            icon(self._symbol).paint(painter, QRect(inner.left(), top, _ICON, _ICON))
            inner.setLeft(inner.left() + _ICON + 8)
        inner.setRight(inner.right() - _ICON - 4)
        text = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, inner.width())
        painter.setPen(palette.color(roles.Text))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, text)
