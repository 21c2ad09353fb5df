"""Icons: lines on a grid of 24, drawn in the colours of the theme at whatever size is needed."""

from PyQt6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PyQt6.QtGui import QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PyQt6.QtSvg import QSvgRenderer

_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{colour}" stroke-width="1.8" '
    'stroke-linecap="round" stroke-linejoin="round">{body}</svg>'
)
_BODIES = {
    "play": '<path d="M8 5.5v13l10.5-6.5z" fill="{colour}"/>',
    "pause": '<path d="M8.5 6v12M15.5 6v12" stroke-width="3"/>',
    "stop": '<rect x="6.5" y="6.5" width="11" height="11" rx="2.5" fill="{colour}"/>',
    "microphone": '<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21"/>',
    "muted": (
        '<path d="M15 9V6a3 3 0 0 0-5.7-1.3M9 9v2a3 3 0 0 0 4.6 2.5M5.5 11a6.5 6.5 0 0 0 10.3 5.3M18.5 11a6.5 6.5 0 0 '
        '1-.8 3.1M12 17.5V21M4 3l16 18"/>'
    ),
    "interrupt": '<path d="M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4'
    'A2.5 2.5 0 0 1 4 13.5z"/><path d="M9.7 7.7l4.6 4.6M14.3 7.7l-4.6 4.6"/>',
    "talk": '<path d="M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5'
    'H11l-4.5 4v-4A2.5 2.5 0 0 1 4 13.5z"/><path d="M8.5 10h.01M12 10h.01M15.5 10h.01" stroke-width="2.4"/>',
    "record": '<circle cx="12" cy="12" r="8.5"/><circle cx="12" cy="12" r="4" fill="{colour}"/>',
    "snapshot": '<path d="M4 9a2 2 0 0 1 2-2h2.2l1.5-2.5h4.6L15.8 7H18a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 '
    '1-2-2z"/><circle cx="12" cy="12.8" r="3.4"/>',
    "camera": '<rect x="3" y="6.5" width="12.5" height="11" rx="2.5"/><path d="M15.5 11l5.5-3v8l-5.5-3z"/>',
    "voice": '<path d="M4 10.5v3M8 7.5v9M12 4.5v15M16 8.5v7M20 10.5v3"/>',
    "settings": '<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>',
    "live": '<path d="M3 12.5h4l2.5-7 4.5 13 2.5-6H21"/>',
    "faces": '<circle cx="9" cy="8.5" r="3.5"/><path d="M2.5 19.5a6.5 6.5 0 0 1 13 0M15.5 5.2a3.5 3.5 0 0 1 '
    '0 6.6M18 14.5a6.5 6.5 0 0 1 3.5 5"/>',
    "photo": '<rect x="4" y="4" width="16" height="16" rx="4"/><path d="M12 8.5v7M8.5 12h7"/>',
    "music": '<path d="M9 17.5V6l10-2v11.5"/><circle cx="6.5" cy="17.5" r="2.5"/><circle cx="16.5" cy="15.5" r="2.5"/>',
    "close": '<path d="M6.5 6.5l11 11M17.5 6.5l-11 11"/>',
    "chevron": '<path d="M7 10l5 5 5-5"/>',
    "check": '<path d="M5.5 12.5l4.5 4.5 8.5-9.5"/>',
    "problem": '<circle cx="12" cy="12" r="8.5"/><path d="M12 7.8v5M12 16.2v.01" stroke-width="2"/>',
}


def icon(
    name: str,
    role: QPalette.ColorRole = QPalette.ColorRole.ButtonText,
    down: tuple[str, QPalette.ColorRole] | None = None,
) -> QIcon:
    """An icon that changes its colour with the theme; `down` is another one for a button that is down."""
    return QIcon(_Drawn((name, role), down or (name, role)))


class _Drawn(QIconEngine):
    """Draws one of two icons, newly each time."""

    def __init__(self, up: tuple[str, QPalette.ColorRole], down: tuple[str, QPalette.ColorRole]) -> None:
        super().__init__()
        self._up = up
        self._down = down

    def paint(self, painter: QPainter | None, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        group = QPalette.ColorGroup.Disabled if mode == QIcon.Mode.Disabled else QPalette.ColorGroup.Normal
        name, role = self._down if state == QIcon.State.On else self._up
        colour = QGuiApplication.palette().color(group, role).name()
        drawing = _HEAD.format(colour=colour, body=_BODIES[name].replace("{colour}", colour))
        if painter is not None:
            QSvgRenderer(QByteArray(drawing.encode())).render(painter, QRectF(rect))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _Drawn(self._up, self._down)
