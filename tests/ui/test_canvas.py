"""Tests of how the face is shown."""

import numpy as np
from PyQt6.QtCore import QSize
from pytestqt.qtbot import QtBot

from liveface.ui.canvas import Canvas
from tests.ui.program import a_frame


def colour_at(canvas: Canvas, x: int, y: int) -> tuple[int, int, int]:
    colour = canvas.grab().toImage().pixelColor(x, y)
    return colour.red(), colour.green(), colour.blue()


def test_the_picture_keeps_its_proportions_and_colours(qtbot: QtBot) -> None:
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(400, 400)
    canvas.show_picture(a_frame().image)
    assert colour_at(canvas, 200, 200) == (200, 30, 60)
    assert colour_at(canvas, 5, 180) == (200, 30, 60)
    assert colour_at(canvas, 200, 90) != (200, 30, 60)
    assert canvas.sizeHint() == QSize(200, 100)


def test_a_picture_at_its_own_size_is_shown_pixel_for_pixel(qtbot: QtBot) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.show_picture(picture)
    for x, y in ((200, 0), (399, 150), (123, 145)):
        assert colour_at(canvas, x, y) == tuple(picture[y, x])


def test_a_bare_picture_has_no_words_and_all_its_corners(qtbot: QtBot) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.show_picture(picture)
    canvas.show_state("Live", "live")
    canvas.show_recorded(65)
    rounded = canvas.grab().toImage()
    canvas.show_bare(True)
    bare = canvas.grab().toImage()
    assert all(colour_at(canvas, x, y) == tuple(picture[y, x]) for x, y in ((0, 0), (399, 299), (30, 25), (370, 25)))
    assert rounded.pixelColor(0, 0) != bare.pixelColor(0, 0)


def test_a_screen_reader_hears_how_it_stands(qtbot: QtBot) -> None:
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.show_state("Muted", "problem")
    assert canvas.accessibleDescription() == "Muted"


def test_an_invitation_covers_the_picture_while_something_is_held_over_it(qtbot: QtBot) -> None:
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(400, 200)
    canvas.show_picture(a_frame().image)
    canvas.invite("Drop it")
    assert colour_at(canvas, 40, 40) != (200, 30, 60)
    canvas.invite("")
    assert colour_at(canvas, 40, 40) == (200, 30, 60)
