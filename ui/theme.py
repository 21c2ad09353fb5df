"""The window's colours and shapes, dark and light, and which of the two is worn."""

from dataclasses import dataclass

from PyQt6.QtCore import QObject, Qt
from PyQt6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PyQt6.QtWidgets import QApplication

_FAMILIES = ["Inter", "SF Pro Text", "Segoe UI Variable Text", "Segoe UI", "Noto Sans", "Cantarell", "DejaVu Sans"]
_SMALLEST_TEXT = 10.0  # points, where the desktop asks for less or for nothing


@dataclass(frozen=True, slots=True)
class Colours:
    """`line`: borders, grooves; `hover`: under the pointer; `quiet`: less important text; `danger`: what is wrong."""

    ground: str
    surface: str
    raised: str
    hover: str
    line: str
    text: str
    quiet: str
    accent: str
    on_accent: str
    danger: str


DARK = Colours(
    ground="#121316",
    surface="#1a1c20",
    raised="#25282e",
    hover="#30343b",
    line="#2f333a",
    text="#f1f2f4",
    quiet="#a0a6b1",
    accent="#63d2b0",
    on_accent="#06231a",
    danger="#ff7b83",
)
LIGHT = Colours(
    ground="#f4f4f1",
    surface="#ffffff",
    raised="#ebebe6",
    hover="#dfdfd9",
    line="#dcdcd6",
    text="#1b1d20",
    quiet="#5d6269",
    accent="#0b7d61",
    on_accent="#ffffff",
    danger="#c32f3d",
)

_STYLE = """
* {{ outline: none; }}
QWidget {{ color: {text}; }}
QMainWindow, QDialog {{ background: {ground}; }}
QToolTip {{ background: {raised}; color: {text}; border: 1px solid {line}; padding: 5px 8px; }}
#panel {{ background: {surface}; border-radius: 16px; }}
#quiet {{ color: {quiet}; }}
#title {{ font-weight: 600; }}
#figure {{ font-size: {large}pt; font-weight: 600; }}
#card {{ background: {raised}; border-radius: 12px; }}
#card[problem="true"] {{ border: 1px solid {danger}; }}

QPushButton {{ background: {raised}; border: 2px solid transparent; border-radius: 10px; padding: 6px 14px; }}
QPushButton:hover {{ background: {hover}; }}
QPushButton:pressed {{ background: {line}; }}
QPushButton:focus {{ border-color: {accent}; }}
QPushButton:disabled {{ color: {quiet}; }}
#card QPushButton {{ background: {hover}; }}
#card QPushButton#flat {{ background: transparent; }}
#card QPushButton:hover {{ background: {line}; }}
QPushButton#main {{
    background: {accent}; color: {on_accent}; font-weight: 600; padding: 9px 12px; border-radius: 20px; margin: 0 6px;
}}
QPushButton#main:hover {{ background: {accent_hover}; }}
QPushButton#main:focus {{ border-color: {text}; }}
QPushButton#flat {{ background: transparent; padding: 4px; }}
QPushButton#flat:hover {{ background: {hover}; }}
QPushButton#segment {{ padding: 5px 10px; }}
QPushButton#segment:checked {{ background: {tint}; color: {accent}; font-weight: 600; }}

#controls QToolButton {{
    background: transparent; border: 2px solid transparent; border-radius: 12px; padding: 7px 5px; color: {quiet};
    font-size: {small}pt; min-width: 28px;
}}
#controls QToolButton:hover {{ background: {hover}; color: {text}; }}
#controls QToolButton:pressed {{ background: {line}; }}
#controls QToolButton:focus {{ border-color: {accent}; }}
#controls QToolButton:checked {{ background: {raised}; color: {text}; }}
#controls QToolButton:disabled {{ color: {line}; }}

QListWidget {{ background: transparent; border: none; }}
QScrollArea, #scrolled {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: 8px; margin: 0; }}
QScrollBar::handle:vertical {{ background: {line}; border-radius: 4px; min-height: 32px; }}
QScrollBar::handle:vertical:hover {{ background: {quiet}; }}
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
    background: none; height: 0; width: 0;
}}
QScrollBar:horizontal {{ height: 0; }}

QComboBox QAbstractItemView {{
    background: {raised}; border: 1px solid {line}; padding: 4px; selection-background-color: {hover};
    selection-color: {text};
}}
QComboBox QAbstractItemView::item {{ min-height: 28px; padding: 0 8px; }}
QMenu {{ background: {raised}; border: 1px solid {line}; padding: 6px; }}
QMenu::item {{ padding: 6px 18px; border-radius: 6px; }}
QMenu::item:selected {{ background: {hover}; }}

QSlider {{ min-height: 26px; }}
QSlider::groove:horizontal {{ height: 4px; background: {line}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {accent}; border-radius: 2px; }}
QSlider::sub-page:horizontal:disabled {{ background: {line}; }}
QSlider::handle:horizontal {{
    width: 16px; height: 16px; margin: -8px 0; border-radius: 10px; background: {text}; border: 2px solid {surface};
}}
QSlider::handle:horizontal:focus {{ border-color: {accent}; }}
QSlider::handle:horizontal:disabled {{ background: {quiet}; }}
"""


class Theme(QObject):
    """Dresses the application; follows the system until told otherwise."""

    def __init__(self, application: QApplication) -> None:
        super().__init__(application)
        self._application = application
        self._choice = "system"
        self._worn: Colours | None = None
        font = application.font()
        font.setFamilies([*_FAMILIES, font.family()])
        font.setPointSizeF(max(font.pointSizeF(), _SMALLEST_TEXT))
        font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
        application.setStyle("Fusion")
        application.setFont(font)
        if (hints := QGuiApplication.styleHints()) is not None:
            hints.colorSchemeChanged.connect(self._wear)
        self._wear()

    def choose(self, choice: str) -> None:
        """`choice` is system, light or dark."""
        self._choice = choice
        if (hints := QGuiApplication.styleHints()) is not None:
            scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
            hints.setColorScheme(scheme.get(choice, Qt.ColorScheme.Unknown))
        self._wear()

    @property
    def is_dark(self) -> bool:
        """Whether the dark colours are worn."""
        hints = QGuiApplication.styleHints()
        is_system_light = hints is not None and hints.colorScheme() == Qt.ColorScheme.Light
        return self._choice == "dark" or (self._choice == "system" and not is_system_light)

    def _wear(self) -> None:
        colours = DARK if self.is_dark else LIGHT
        if colours == self._worn:
            return
        self._worn = colours
        points = self._application.font().pointSizeF()
        self._application.setPalette(_palette(colours))
        self._application.setStyleSheet(
            _STYLE.format(
                **{name: getattr(colours, name) for name in Colours.__slots__},
                tint=_mixed(colours.accent, colours.surface, 0.2),
                accent_hover=QColor(colours.accent).lighter(108).name(),
                small=points * 0.85,
                large=points * 1.7,
            )
        )


def _mixed(colour: str, ground: str, share: float) -> str:
    """A share of a colour on another one."""
    parts = zip(QColor(colour).getRgb()[:3], QColor(ground).getRgb()[:3], strict=True)
    return QColor(*(round(share * (one or 0) + (1 - share) * (other or 0)) for one, other in parts)).name()


def _palette(colours: Colours) -> QPalette:
    """The roles in which painted widgets find their colours."""
    roles = QPalette.ColorRole
    palette = QPalette()
    for role, colour in {
        roles.Window: colours.ground,
        roles.WindowText: colours.text,
        roles.Base: colours.surface,
        roles.AlternateBase: colours.raised,
        roles.Text: colours.text,
        roles.Button: colours.raised,
        roles.ButtonText: colours.text,
        roles.PlaceholderText: colours.quiet,
        roles.Dark: colours.quiet,  # the one before is another one under a style sheet
        roles.Midlight: colours.hover,
        roles.Mid: colours.line,
        roles.Highlight: colours.accent,
        roles.HighlightedText: colours.on_accent,
        roles.BrightText: colours.danger,
        roles.ToolTipBase: colours.raised,
        roles.ToolTipText: colours.text,
    }.items():
        palette.setColor(role, QColor(colour))
    for role in (roles.ButtonText, roles.Text, roles.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours.quiet))
    return palette
