"""Tests of the settings."""

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from liveface.ui.settings_panel import SettingsPanel
from tests.ui.program import FakeProgram


@pytest.fixture
def program() -> FakeProgram:
    return FakeProgram(values={"lookahead": 3, "hears_itself": True, "speaker": "Louder", "camera_fit": "crop"})


@pytest.fixture
def panel(qtbot: QtBot, program: FakeProgram) -> SettingsPanel:
    made = SettingsPanel(program, program)
    qtbot.addWidget(made)
    made.show()
    made.look()
    program.calls.clear()
    return made


def test_it_shows_what_was_chosen_before(panel: SettingsPanel, program: FakeProgram) -> None:
    assert panel.switches["hears_itself"].isChecked()
    assert not panel.switches["is_push_to_talk"].isChecked()
    assert panel.speaker.chosen == "Louder"
    assert panel.fit.buttons["crop"].isChecked()
    assert panel.delay.effect.text() == "3 pictures: 185 ms"
    assert program.calls == []


def test_the_slider_says_what_it_means_before_it_is_let_go(
    panel: SettingsPanel, program: FakeProgram, qtbot: QtBot
) -> None:
    slider = panel.delay.slider
    slider.setSliderDown(True)
    slider.setSliderPosition(1)
    assert panel.delay.effect.text() == "1 picture: 105 ms"
    assert program.calls == []
    slider.setSliderDown(False)
    assert program.calls == [("change", "lookahead", 1)]
    assert slider.accessibleDescription() == "1 picture: 105 ms"
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert program.calls[-1] == ("change", "lookahead", 6)


@pytest.mark.parametrize("name", ["has_noise_gate", "has_automatic_gain", "is_push_to_talk", "hears_itself"])
def test_a_switch_counts_at_once_and_by_the_space_bar(
    panel: SettingsPanel, program: FakeProgram, qtbot: QtBot, name: str
) -> None:
    before = panel.switches[name].isChecked()
    with qtbot.waitSignal(panel.changed) as changed:
        qtbot.keyClick(panel.switches[name], Qt.Key.Key_Space)
    assert changed.args == [name, not before]
    assert program.calls == [("change", name, not before)]


def test_a_device_that_was_chosen_stays_though_it_has_gone(panel: SettingsPanel, program: FakeProgram) -> None:
    panel.speaker.offer(["Loud"])
    assert panel.speaker.chosen == "Louder"
    assert panel.speaker.currentText() == "Louder (not connected)"
    panel.speaker.offer(["Loud", "Louder"])
    assert panel.speaker.currentText() == "Louder"


def test_a_device_is_chosen_by_keys(panel: SettingsPanel, program: FakeProgram, qtbot: QtBot) -> None:
    panel.speaker.setFocus()
    qtbot.keyClick(panel.speaker, Qt.Key.Key_Up)
    assert program.calls == [("change", "speaker", "Loud")]
    qtbot.keyClick(panel.speaker, Qt.Key.Key_Home)
    assert program.calls[-1] == ("change", "speaker", "")


def test_the_appearance_is_chosen(panel: SettingsPanel, program: FakeProgram) -> None:
    panel.theme.buttons["dark"].click()
    assert program.calls == [("change", "theme", "dark")]
