"""Where the parts of the window are, and which of them have room."""

from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from ui.window import Window

_MARGIN = 16  # pixels, like all below
_PANEL_WIDTH = 284
_WIDEST = 860  # of the bars under the face
_WIDE, _WIDER = 760, 1040  # widths of the window from which the gallery and a panel have room beside the face


class Arrangement:
    """Belongs to one window. `panel` is live, settings or empty; `is_bare`: nothing but the face."""

    def __init__(self, window: "Window") -> None:
        self._window = window
        self.is_bare = False
        self.wants_gallery = True
        self.panel = ""
        self.panels = QStackedWidget()
        self.panels.setFixedWidth(_PANEL_WIDTH)
        self.panels.addWidget(window.live)
        self.panels.addWidget(window.settings)
        over_face = QVBoxLayout(window.canvas)
        over_face.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        over_face.addStretch(1)
        over_face.addLayout(_centred(window.notice))
        middle = QVBoxLayout()
        middle.setSpacing(12)
        middle.addWidget(window.canvas, stretch=1)
        for widget in (window.source, window.controls):
            widget.setMaximumWidth(_WIDEST)
            middle.addLayout(_centred(widget))
        self._outer = QHBoxLayout()
        self._outer.setSpacing(_MARGIN)
        self._outer.addWidget(window.gallery)
        self._outer.addLayout(middle, stretch=1)
        self._outer.addWidget(self.panels)
        central = QWidget()
        central.setLayout(self._outer)
        window.setCentralWidget(central)

    @property
    def shown_panel(self) -> str:
        """The panel that can be seen, or nothing."""
        return self.panel if self.panels.isVisible() else ""

    def fit(self, is_asked: bool = False) -> None:
        """Show what has room; what was just asked for is shown in any case, the rest gives way to it."""
        window, width = self._window, self._window.width()
        has_panel = bool(self.panel) and (width >= _WIDER or is_asked)
        has_gallery = self.wants_gallery and (width >= _WIDE or (is_asked and not has_panel))
        window.gallery.setVisible(has_gallery and not self.is_bare)
        self.panels.setVisible(has_panel and not self.is_bare)
        self.panels.setCurrentWidget(window.settings if self.panel == "settings" else window.live)
        for widget in (window.source, window.controls):
            widget.setVisible(not self.is_bare)
        margin = 0 if self.is_bare else _MARGIN
        self._outer.setContentsMargins(margin, margin, margin, margin)
        self._outer.activate()
        window.controls.faces.setChecked(has_gallery)
        window.controls.live.setChecked(has_panel and self.panel == "live")
        window.controls.settings.setChecked(has_panel and self.panel == "settings")


def _centred(widget: QWidget) -> QHBoxLayout:
    """In the middle, as wide as it may be."""
    row = QHBoxLayout()
    row.addStretch(1)
    row.addWidget(widget, 1000)
    row.addStretch(1)
    return row
