"""Tests of the bars."""

from pytestqt.qtbot import QtBot

from liveface.ui.meters import Bar, LevelMeter


def test_the_level_rises_at_once_and_falls_slowly(qtbot: QtBot) -> None:
    meter = LevelMeter()
    qtbot.addWidget(meter)
    meter.show_level(0.0)
    assert meter.share == 1
    meter.show_level(-90.0)
    assert 0.8 < meter.share < 1
    for _ in range(20):
        meter.show_level(-90.0)
    assert meter.share == 0
    assert not meter.grab().isNull()


def test_a_bar_stays_between_empty_and_full(qtbot: QtBot) -> None:
    bar = Bar("Jaw drop", fall=1.0)
    qtbot.addWidget(bar)
    for shown, expected in ((2.0, 1.0), (0.3, 0.3), (-1.0, 0.0)):
        bar.show_share(shown)
        assert bar.share == expected
    assert bar.accessibleName() == "Jaw drop"
