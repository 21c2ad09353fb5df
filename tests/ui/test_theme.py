"""Tests of the colours: dark, light, and readable."""

import pytest
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QApplication

from liveface.ui.theme import DARK, LIGHT, Colours, Theme


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [part / 255 for part in QColor(colour).getRgb()[:3] if part is not None]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
def test_all_words_are_readable(colours: Colours) -> None:
    for ground in (colours.ground, colours.surface, colours.raised):
        assert contrast(colours.text, ground) > 7
        assert contrast(colours.quiet, ground) > 4.5
    assert contrast(colours.on_accent, colours.accent) > 4.5
    assert contrast(colours.accent, colours.surface) > 3
    assert contrast(colours.danger, colours.raised) > 3


def test_dark_and_light_are_worn_when_chosen(theme: Theme, qapp: QApplication) -> None:
    for choice, colours in (("light", LIGHT), ("dark", DARK)):
        theme.choose(choice)
        assert theme.is_dark == (choice == "dark")
        assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(colours.ground)
    theme.choose("system")
