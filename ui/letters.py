"""The letters of buttons that work together with Alt: underlined only while Alt is held."""

from PyQt6.QtGui import QKeySequence
from PyQt6.QtWidgets import QAbstractButton, QWidget


def label(button: QAbstractButton, text: str) -> None:
    """Give a button its text, in which & stands before its letter."""
    button.setText(text.replace("&", ""))
    button.setShortcut(QKeySequence.mnemonic(text))  # after the text, which takes the letter away


def underline(window: QWidget, is_wanted: bool) -> None:
    """Show the letters of all buttons, or no longer."""
    for button in window.findChildren(QAbstractButton):
        letter = button.shortcut().toString().removeprefix("Alt+")
        plain = button.text().replace("&", "")
        place = plain.upper().find(letter) if len(letter) == 1 else -1
        if place >= 0:
            lettered = f"{plain[:place]}&{plain[place:]}"
            if is_wanted:
                button.setText(lettered)
            else:
                label(button, lettered)
