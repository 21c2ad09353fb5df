"""Where the parts of the window are, and which of them have room."""

from typing import Protocol

from PyQt6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from liveface.ui.canvas import Canvas
from liveface.ui.controls import Controls
from liveface.ui.gallery import Gallery
from liveface.ui.live_panel import LivePanel
from liveface.ui.notice_bar import NoticeBar
from liveface.ui.settings_panel import SettingsPanel
from liveface.ui.source_bar import SourceBar

_MARGIN = 16  # pixels, like all below
_PANEL_WIDTH = 284
_WIDEST = 860  # of the bars under the face
_MIDDLE = 460  # the least that the face and the bars under it need


class Parts(Protocol):
    """What is arranged."""

    canvas: Canvas
    controls: Controls
    gallery: Gallery
    live: LivePanel
    notice: NoticeBar
    settings: SettingsPanel
    source: SourceBar


class Arrangement:
    """Belongs to one window. `panel` is live, settings or empty; `is_bare`: nothing but the face."""

    def __init__(self, window: QMainWindow, parts: Parts) -> None:
        self._window = window
        self._parts = parts
        self.is_bare = False
        self._wants_gallery = True
        self._first: QWidget | None = None  # what was asked for last
        self.panel = ""
        self.panels = QStackedWidget()
        self.panels.setFixedWidth(_PANEL_WIDTH)
        self.panels.addWidget(parts.live)
        self.panels.addWidget(parts.settings)
        over_face = QVBoxLayout(parts.canvas)
        over_face.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        over_face.addStretch(1)
        over_face.addLayout(_centred(parts.notice))
        middle = QVBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(parts.canvas, stretch=1)
        for widget in (parts.source, parts.controls):
            widget.setMaximumWidth(_WIDEST)
            middle.addLayout(_centred(widget))
        self._outer = QHBoxLayout()
        self._outer.setSpacing(_MARGIN)
        self._outer.addWidget(parts.gallery)
        self._outer.addLayout(middle, stretch=1)
        self._outer.addWidget(self.panels)
        central = QWidget()
        central.setLayout(self._outer)
        window.setCentralWidget(central)

    @property
    def shown_panel(self) -> str:
        """The panel that can be seen, or nothing."""
        return self.panel if self.panels.isVisible() else ""

    def toggle_panel(self, name: str) -> None:
        """Show that panel, or none if it is seen already."""
        self.panel = "" if self.shown_panel == name else name
        self._show_first(self.panels if self.panel else None)

    def toggle_gallery(self) -> None:
        """Show the faces, or hide them."""
        self._wants_gallery = not self._parts.gallery.isVisible()
        self._show_first(self._parts.gallery if self._wants_gallery else None)

    def fit(self) -> None:
        """Show what is wanted and has room beside the face, first what was asked for last."""
        window, parts = self._window, self._parts
        room = window.width() - _MIDDLE - 2 * _MARGIN
        wanted = {parts.gallery: self._wants_gallery, self.panels: bool(self.panel)}
        shown = dict.fromkeys(wanted, False)
        for side in sorted(wanted, key=lambda side: side is not self._first):
            needed = side.maximumWidth() + _MARGIN
            if wanted[side] and room >= needed:
                shown[side], room = True, room - needed
        for side, is_shown in shown.items():
            side.setVisible(is_shown and not self.is_bare)
        self.panels.setCurrentWidget(parts.settings if self.panel == "settings" else parts.live)
        for widget in (parts.source, parts.controls):
            widget.setVisible(not self.is_bare)
        margin = 0 if self.is_bare else _MARGIN
        self._outer.setContentsMargins(margin, margin, margin, margin)
        self._outer.activate()
        parts.controls.faces.setChecked(shown[parts.gallery])
        parts.controls.live.setChecked(shown[self.panels] and self.panel == "live")
        parts.controls.settings.setChecked(shown[self.panels] and self.panel == "settings")

    def _show_first(self, side: QWidget | None) -> None:
        """Make room for what was asked for, if the window may grow."""
        window = self._window
        if side is not None:
            self._first = side
            needed = _MIDDLE + 3 * _MARGIN + side.maximumWidth()
            if window.width() < needed and not window.isFullScreen():
                window.resize(needed, window.height())
        self.fit()


def _centred(widget: QWidget) -> QHBoxLayout:
    """In the middle, as wide as it may be."""
    row = QHBoxLayout()
    row.addStretch(1)
    row.addWidget(widget, 1000)
    row.addStretch(1)
    return row
