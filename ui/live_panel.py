"""How it goes, in numbers, and what the face does."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout

from liveface.ui.contracts import LiveMetrics
from liveface.ui.meters import Bar

_STRONGEST = 5.0  # intensity of an Action Unit
_NOTHING = "–"


class LivePanel(QFrame):
    """Four figures, and a bar for each Action Unit."""

    def __init__(self, units: Sequence[tuple[int, str]]) -> None:
        """`units`: number and word of each."""
        super().__init__()
        self.setObjectName("panel")
        title = QLabel("Live")
        title.setObjectName("title")
        self.fps = _Figure("pictures a second")
        self.typical = _Figure("mic to picture, p50")
        self.worst = _Figure("mic to picture, p95")
        self.skipped = _Figure("pictures skipped")
        figures = QGridLayout()
        figures.setSpacing(10)
        for number, figure in enumerate((self.fps, self.skipped, self.typical, self.worst)):
            figures.addWidget(figure, number // 2, number % 2)
        self.lost = QLabel()
        self.lost.setObjectName("quiet")
        self.lost.setWordWrap(True)
        heading = QLabel("Action Units")
        heading.setObjectName("title")
        self.bars = [Bar(f"Action Unit {number}, {word}", fall=1.0) for number, word in units]
        rows = QGridLayout()
        rows.setHorizontalSpacing(10)
        rows.setVerticalSpacing(6)
        rows.setColumnStretch(2, 1)
        for row, ((number, word), bar) in enumerate(zip(units, self.bars, strict=True)):
            label = QLabel(str(number))
            label.setObjectName("quiet")
            rows.addWidget(label, row, 0)
            rows.addWidget(QLabel(word), row, 1)
            rows.addWidget(bar, row, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 16)
        layout.setSpacing(10)
        layout.addWidget(title)
        layout.addLayout(figures)
        layout.addWidget(self.lost)
        layout.addSpacing(6)
        layout.addWidget(heading)
        layout.addLayout(rows)
        layout.addStretch(1)
        self.show_figures(None)

    def show_figures(self, figures: LiveMetrics | None) -> None:
        """Show what is measured, or nothing."""
        delay = None if figures is None else figures.delay
        self.fps.show_value(_NOTHING if figures is None else f"{figures.fps:.1f}")
        self.skipped.show_value(_NOTHING if figures is None else f"{figures.skipped}")
        self.typical.show_value(_NOTHING if delay is None else f"{delay[0]:.0f} ms")
        self.worst.show_value(_NOTHING if delay is None else f"{delay[1]:.0f} ms")
        lost = 0.0 if figures is None else figures.lost_ms
        self.lost.setText(f"{lost / 1000:.1f} s of sound were lost" if lost else "")
        self.lost.setVisible(bool(lost))

    def show_units(self, units: NDArray[np.float32]) -> None:
        """Show the intensities 0 to 5 of all units, float32 (n_units,)."""
        for bar, intensity in zip(self.bars, units, strict=True):
            bar.show_share(float(intensity) / _STRONGEST)


class _Figure(QFrame):
    """A number with what it means."""

    def __init__(self, meaning: str) -> None:
        super().__init__()
        self.setObjectName("card")
        self.value = QLabel(_NOTHING)
        self.value.setObjectName("figure")
        self._meaning = meaning
        words = QLabel(meaning)
        words.setObjectName("quiet")
        words.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.setSpacing(0)
        layout.addWidget(self.value)
        layout.addWidget(words)

    def show_value(self, text: str) -> None:
        if text != self.value.text():
            self.value.setText(text)
            self.setAccessibleName(f"{text} {self._meaning}")
