"""What one can choose; every choice counts at once and is remembered."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from liveface.ui.contracts import Choices, Devices
from liveface.ui.picker import Picker
from liveface.ui.switch import Switch

_MOST_AHEAD = 6  # pictures
_SWITCHES = {
    "has_noise_gate": ("&Noise gate", "Silence between your words"),
    "has_automatic_gain": ("Automatic &gain", "The same loudness near and far"),
    "is_push_to_talk": ("&Push to talk", "Heard only while T is held"),
    "hears_itself": ("&Hear myself", "My own voice in the speaker"),
}


class SettingsPanel(QFrame):
    """Speaks to the program by itself; `changed` brings the name and the value of what was changed."""

    changed = pyqtSignal(str, object)

    def __init__(self, choices: Choices, devices: Devices) -> None:
        super().__init__()
        self.setObjectName("panel")
        self._choices = choices
        self._devices = devices
        chosen = choices.choices()
        self.switches = {name: Switch(*words) for name, words in _SWITCHES.items()}
        for name, switch in self.switches.items():
            switch.setChecked(chosen[name])
            switch.toggled.connect(lambda value, name=name: self._change(name, value))
        self.speaker = self._picker("speaker", "Speaker", "Default speaker")
        self.delay = _Delay(choices)
        self.delay.slider.setValue(chosen["lookahead"])
        self.delay.slider.valueChanged.connect(lambda value: self._change("lookahead", value))
        self.camera = self._picker("camera", "Virtual camera", "First that is free")
        self.fit = Segments("Picture in the camera", {"letterbox": "Whole", "crop": "Filling"})
        self.background = Segments("Beside the face", {"blur": "Blurred", "#202020": "Dark", "#ffffff": "White"})
        self.voice = self._picker("voice", "Virtual microphone", "Liveface microphone")
        self.theme = Segments("Appearance", {"system": "System", "light": "Light", "dark": "Dark"})
        for name, segments in (("camera_fit", self.fit), ("camera_background", self.background), ("theme", self.theme)):
            segments.choose(chosen[name])
            segments.chosen.connect(lambda value, name=name: self._change(name, value))

        inner = QWidget()
        inner.setObjectName("scrolled")
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 14, 12, 16)
        column.setSpacing(8)
        switches = self.switches
        _add(column, "Microphone", *(switches[name] for name in ("has_noise_gate", "has_automatic_gain")))
        column.addWidget(switches["is_push_to_talk"])
        _add(column, "Speaker", self.speaker, switches["hears_itself"])
        _add(column, "Delay", self.delay)
        _add(column, "Virtual camera", self.camera, self.fit, self.background)
        _add(column, "Virtual microphone", self.voice)
        _add(column, "Appearance", self.theme)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 4, 4, 4)
        outer.addWidget(area)

    def look(self) -> None:
        """Show which devices there are, and what the delay is."""
        self.speaker.offer(self._devices.speakers())
        self.voice.offer(self._devices.speakers())
        self.camera.offer(self._devices.cameras())
        self.delay.look()

    def _picker(self, name: str, title: str, first: str) -> Picker:
        picker = Picker(title, first)
        picker.choose(self._choices.choices()[name])
        picker.opened.connect(self._devices.refresh)
        picker.picked.connect(lambda value: self._change(name, value))
        return picker

    def _change(self, name: str, value: object) -> None:
        self._choices.change(name, value)
        self.changed.emit(name, value)


class _Delay(QWidget):
    """How far the face listens ahead, and what that costs."""

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self._choices = choices
        self.effect = QLabel()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _MOST_AHEAD)
        self.slider.setPageStep(1)
        self.slider.setTracking(False)  # each step begins a new session
        self.slider.setAccessibleName("Pictures heard ahead")
        self.slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.slider.setToolTip("How many pictures the face listens ahead")
        ends = QHBoxLayout()
        for text, side in (("quicker", Qt.AlignmentFlag.AlignLeft), ("truer lips", Qt.AlignmentFlag.AlignRight)):
            label = QLabel(text)
            label.setObjectName("quiet")
            ends.addWidget(label, alignment=side)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.effect)
        layout.addWidget(self.slider)
        layout.addLayout(ends)
        self.slider.sliderMoved.connect(lambda _: self.look())
        self.slider.valueChanged.connect(lambda _: self.look())
        self.look()

    def look(self) -> None:
        """Say what the place of the handle means."""
        ahead = self.slider.sliderPosition()
        text = f"{ahead} picture{'' if ahead == 1 else 's'}: {self._choices.expected_ms(ahead):.0f} ms"
        if text != self.effect.text():
            self.effect.setText(text)
            self.slider.setAccessibleDescription(text)


class Segments(QWidget):
    """A few buttons of which one is down; `chosen` brings its value."""

    chosen = pyqtSignal(str)

    def __init__(self, name: str, values: dict[str, str]) -> None:
        """`values`: what each means, and its text."""
        super().__init__()
        self.setAccessibleName(name)
        group = QButtonGroup(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        self.buttons: dict[str, QPushButton] = {}
        for value, text in values.items():
            button = QPushButton(text)
            button.setObjectName("segment")
            button.setCheckable(True)
            button.setAccessibleName(f"{name}: {text}")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _, value=value: self.chosen.emit(value))
            group.addButton(button)
            layout.addWidget(button, stretch=1)
            self.buttons[value] = button

    def choose(self, value: str) -> None:
        """Show that value as chosen, if there is a button for it."""
        if value in self.buttons:
            self.buttons[value].setChecked(True)


def _add(column: QVBoxLayout, title: str, *widgets: QWidget | QLayout) -> None:
    """Add a section."""
    if column.count():
        column.addSpacing(14)
    heading = QLabel(title)
    heading.setObjectName("title")
    column.addWidget(heading)
    for widget in widgets:
        if isinstance(widget, QWidget):
            column.addWidget(widget)
        else:
            column.addLayout(widget)
