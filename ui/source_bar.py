"""What is heard: the microphone with its level, or a sound file with its transport."""

from pathlib import Path

from PyQt6.QtCore import QPointF, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent, QMouseEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QSlider, QStackedWidget, QWidget

from liveface.ui.contracts import Playback, Player
from liveface.ui.icons import icon
from liveface.ui.letters import label
from liveface.ui.meters import LevelMeter
from liveface.ui.picker import Picker

_STEP, _PAGE = 500, 5000  # ms by an arrow key, by a page key


class SourceBar(QStackedWidget):
    """`file_wished` asks for a sound file."""

    file_wished = pyqtSignal()

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.microphone = Picker("Microphone", "Default microphone", "microphone")
        self.meter = LevelMeter()
        self.meter.setToolTip("How loud it is")
        self.file_button = QPushButton(icon("music"), "")
        label(self.file_button, " Sound &file…")
        self.file_button.setToolTip("Let a sound file speak instead (Ctrl+Shift+O)")
        self.transport = Transport(player)
        self.back_button = QPushButton(icon("microphone"), "")
        label(self.back_button, " &Microphone")
        self.back_button.setToolTip("Listen to the microphone again")
        self.file_button.clicked.connect(self.file_wished)
        self.back_button.clicked.connect(lambda: player.open_file(None))
        for button in (self.file_button, self.back_button):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.addWidget(_row(self.microphone, self.meter, self.file_button, stretch=(3, 2, 0)))
        self.addWidget(_row(self.transport, self.back_button, stretch=(1, 0)))

    def look(self) -> None:
        """Show how it stands now."""
        reel = self._player.reel()
        self.setCurrentIndex(0 if reel is None else 1)
        if reel is not None:
            self.transport.show_reel(reel)


class Transport(QWidget):
    """Plays, pauses and winds a sound file."""

    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player
        self._is_playing = False
        self.button = QPushButton(icon("play"), "")
        self.button.setObjectName("flat")
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.clicked.connect(lambda: self._player.play(not self._is_playing))
        self.name = QLabel()
        self.name.setMinimumWidth(40)
        self.name.setMaximumWidth(180)
        self.slider = _PlaceSlider()
        self.slider.moved_to.connect(lambda milliseconds: self._player.seek(milliseconds / 1000))
        self.times = QLabel("0:00 / 0:00")
        self.times.setObjectName("quiet")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        for widget, stretch in ((self.button, 0), (self.name, 0), (self.slider, 1), (self.times, 0)):
            layout.addWidget(widget, stretch)

    def show_reel(self, reel: Playback) -> None:
        """Show where the file is."""
        if reel.is_playing != self._is_playing or not self.button.toolTip():
            self._is_playing = reel.is_playing
            self.button.setIcon(icon("pause" if reel.is_playing else "play"))
            self.button.setAccessibleName("Pause" if reel.is_playing else "Play")
            self.button.setToolTip("Pause (P)" if reel.is_playing else "Play (P)")
        stem = Path(reel.name).stem
        self.name.setText(self.name.fontMetrics().elidedText(stem, Qt.TextElideMode.ElideMiddle, 180))
        self.name.setToolTip(reel.name)
        if not self.slider.isSliderDown():
            self.slider.setRange(0, round(reel.length * 1000))
            self.slider.setValue(round(reel.position * 1000))
        self.times.setText(f"{_clock(reel.position)} / {_clock(reel.length)}")
        self.slider.setAccessibleDescription(f"{_clock(reel.position)} of {_clock(reel.length)}")


class _PlaceSlider(QSlider):
    """Jumps where it is clicked; `moved_to` is emitted by the user only, in milliseconds."""

    moved_to = pyqtSignal(int)

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setAccessibleName("Place in the file")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumWidth(60)
        self.sliderReleased.connect(lambda: self.moved_to.emit(self.value()))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Take the handle to the pointer."""
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._follow(event.position())
            self.setSliderDown(True)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Follow the pointer."""
        if event is not None and self.isSliderDown():
            self._follow(event.position())

    def mouseReleaseEvent(self, _: QMouseEvent | None) -> None:  # noqa: N802
        """Go on from there."""
        if self.isSliderDown():
            self.setSliderDown(False)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Wind by arrows, pages, home and end."""
        keys = Qt.Key
        steps = {keys.Key_Left: -_STEP, keys.Key_Right: _STEP, keys.Key_PageDown: -_PAGE, keys.Key_PageUp: _PAGE}
        steps |= {keys.Key_Home: -self.maximum(), keys.Key_End: self.maximum()}
        step = None if event is None else steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.setValue(self.value() + step)
            self.moved_to.emit(self.value())

    def _follow(self, place: QPointF) -> None:
        self.setValue(round(self.maximum() * min(1.0, max(0.0, place.x() / max(1, self.width())))))


def _row(*widgets: QWidget, stretch: tuple[int, ...]) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(12)
    for widget, share in zip(widgets, stretch, strict=True):
        layout.addWidget(widget, share)
    return row


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
