"""The faces to choose from, and the ways to bring a new one: a button, dropping, pasting."""

from collections.abc import Sequence

from PyQt6.QtCore import QModelIndex, QPoint, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QBrush, QColor, QImage, QKeyEvent, QPainter, QPalette, QPen, QPixmap
from PyQt6.QtWidgets import (
    QFrame,
    QLabel,
    QListView,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from liveface.ui.contracts import Portrait
from liveface.ui.icons import icon
from liveface.ui.letters import label

_CELL = QSize(100, 122)
_SIDE, _RADIUS = 88.0, 14.0
_KEY, _PICTURE, _PROGRESS, _IS_SHIPPED = (Qt.ItemDataRole.UserRole + number for number in range(4))
_TURN = 360 * 16  # Qt counts sixteenths of a degree
_DIM = QColor(12, 13, 15, 150)


class Gallery(QFrame):
    """`chosen` and `removed` bring the key of an avatar, `wished` asks for a new one."""

    chosen = pyqtSignal(str)
    removed = pyqtSignal(str)
    wished = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        title = QLabel("Faces")
        title.setObjectName("title")
        self.list = _Portraits()
        self.list.setAccessibleName("Faces")
        self.list.setAccessibleDescription("Choose who speaks. Delete removes a face that you have added.")
        self.list.setItemDelegate(_PortraitPainter(self.list))
        self.list.currentItemChanged.connect(self._choose)
        self.list.removal_wished.connect(self._remove)
        title.setBuddy(self.list)
        self.add_button = QPushButton(icon("photo"), "")
        label(self.add_button, " Add a ph&oto…")
        self.add_button.setAccessibleDescription("Make a face of a photo. You can also drop one here, or paste one.")
        self.add_button.setToolTip(
            "Make a face of a photo (Ctrl+O). You can also drop one here, or paste one (Ctrl+V)."
        )
        self.add_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.add_button.clicked.connect(self.wished)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 14, 8, 14)
        layout.setSpacing(10)
        layout.addWidget(title)
        layout.addWidget(self.list, stretch=1)
        layout.addWidget(self.add_button)
        self.setFixedWidth(2 * _CELL.width() + 14 + 8 + 12)
        self._shown: list[Portrait] = []
        self._worn = ""

    def show_portraits(self, portraits: Sequence[Portrait], worn: str) -> None:
        """Show these, that one chosen."""
        if list(portraits) != self._shown:
            self._shown = list(portraits)
            self._fill()
        elif worn == self._worn:
            return
        self._worn = worn
        self.list.blockSignals(True)
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item is not None and item.data(_KEY) == worn:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)

    def _fill(self) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        for portrait in self._shown:
            item = QListWidgetItem(portrait.name)
            height, width = portrait.picture.shape[:2]
            image = QImage(portrait.picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
            item.setData(_KEY, portrait.key)
            item.setData(_PICTURE, QPixmap.fromImage(image))
            item.setData(_PROGRESS, portrait.progress)
            item.setData(_IS_SHIPPED, portrait.is_shipped)
            item.setToolTip(portrait.name)
            if portrait.progress < 1:
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{portrait.name}, being prepared")
                item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.list.addItem(item)
            if portrait.progress < 1:
                self.list.scrollToItem(item)
        self.list.blockSignals(False)

    def _choose(self, item: QListWidgetItem | None) -> None:
        if item is not None and item.data(_PROGRESS) == 1:
            self._worn = item.data(_KEY)
            self.chosen.emit(self._worn)

    def _remove(self, item: QListWidgetItem) -> None:
        if not item.data(_IS_SHIPPED):
            self.removed.emit(item.data(_KEY))


class _Portraits(QListWidget):
    """A grid of pictures that is used by pointer or keys."""

    removal_wished = pyqtSignal(QListWidgetItem)

    def __init__(self) -> None:
        super().__init__()
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setGridSize(_CELL)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Delete removes."""
        item = self.currentItem()
        if event is not None and event.key() == Qt.Key.Key_Delete and item is not None:
            self.removal_wished.emit(item)
        else:
            super().keyPressEvent(event)

    def _show_menu(self, place: QPoint) -> None:
        item = self.itemAt(place)
        viewport = self.viewport()
        if item is None or item.data(_IS_SHIPPED) or item.data(_PROGRESS) < 1 or viewport is None:
            return
        menu = QMenu(self)
        remove = menu.addAction("&Remove")
        if menu.exec(viewport.mapToGlobal(place)) is remove:
            self.removal_wished.emit(item)


class _PortraitPainter(QStyledItemDelegate):
    """Draws a portrait as a rounded picture with its name, and how far its preparation is."""

    def sizeHint(self, _: QStyleOptionViewItem, __: QModelIndex) -> QSize:  # noqa: N802
        """The same for all."""
        return _CELL

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw one."""
        assert painter is not None
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        cell = QRectF(option.rect)
        place = QRectF(cell.center().x() - _SIDE / 2, cell.top() + 5, _SIDE, _SIDE)
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        self._draw_picture(painter, place, index.data(_PICTURE))
        progress = index.data(_PROGRESS)
        roles = QPalette.ColorRole
        if progress < 1:
            self._draw_progress(painter, place, progress, option.palette.color(roles.Highlight))
        if is_chosen or option.state & QStyle.StateFlag.State_MouseOver:
            role = roles.Highlight if is_chosen else roles.Mid
            painter.setPen(QPen(option.palette.color(role), 2.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(place.adjusted(-3, -3, 3, 3), _RADIUS + 3, _RADIUS + 3)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(option.palette.color(roles.Text), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(place.adjusted(1, 1, -1, -1), _RADIUS - 1, _RADIUS - 1)
        words = "Preparing…" if progress < 1 else index.data(Qt.ItemDataRole.DisplayRole)
        painter.setPen(option.palette.color(roles.Text if is_chosen else roles.Dark))
        name = QRectF(cell.left() + 4, place.bottom() + 5, cell.width() - 8, 20)
        words = option.fontMetrics.elidedText(words, Qt.TextElideMode.ElideRight, int(name.width()))
        painter.drawText(name, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, words)
        painter.restore()

    def _draw_picture(self, painter: QPainter, place: QRectF, picture: QPixmap) -> None:
        device = painter.device()
        ratio = 1.0 if device is None else device.devicePixelRatioF()
        fitted = picture.scaled(
            (place.size() * ratio).toSize(),
            Qt.AspectRatioMode.IgnoreAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
        fitted.setDevicePixelRatio(ratio)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(fitted))
        painter.setBrushOrigin(place.topLeft())
        painter.drawRoundedRect(place, _RADIUS, _RADIUS)

    def _draw_progress(self, painter: QPainter, place: QRectF, progress: float, colour: QColor) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_DIM)
        painter.drawRoundedRect(place, _RADIUS, _RADIUS)
        ring = QRectF(0, 0, 36, 36)
        ring.moveCenter(place.center())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for share, shade in ((1.0, QColor(255, 255, 255, 60)), (progress, colour)):
            painter.setPen(QPen(shade, 4, cap=Qt.PenCapStyle.RoundCap))
            painter.drawArc(ring, _TURN // 4, -round(share * _TURN))
