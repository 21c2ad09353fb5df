"""Tests of the faces to choose from."""

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from liveface.ui.gallery import Gallery
from tests.ui.program import a_portrait


@pytest.fixture
def gallery(qtbot: QtBot) -> Gallery:
    made = Gallery()
    qtbot.addWidget(made)
    made.resize(made.width(), 600)
    made.show()
    made.show_portraits([a_portrait("clara"), a_portrait("jonas"), a_portrait("anna", is_shipped=False)], "clara")
    return made


def test_the_worn_face_is_marked_without_being_chosen_again(gallery: Gallery, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(gallery.chosen):
        gallery.show_portraits([a_portrait("clara"), a_portrait("jonas")], "jonas")
    item = gallery.list.currentItem()
    assert item is not None
    assert item.text() == "Jonas"


def test_a_face_is_chosen_by_pointer_and_by_arrow_keys(gallery: Gallery, qtbot: QtBot) -> None:
    item = gallery.list.item(1)
    viewport = gallery.list.viewport()
    with qtbot.waitSignal(gallery.chosen) as chosen:
        qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=gallery.list.visualItemRect(item).center())
    assert chosen.args == ["jonas"]
    with qtbot.waitSignal(gallery.chosen) as chosen:
        qtbot.keyClick(gallery.list, Qt.Key.Key_Left)
    assert chosen.args == ["clara"]


def test_delete_removes_an_own_face_only(gallery: Gallery, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(gallery.removed):
        qtbot.keyClick(gallery.list, Qt.Key.Key_Delete)
    gallery.list.setCurrentRow(2)
    with qtbot.waitSignal(gallery.removed) as removed:
        qtbot.keyClick(gallery.list, Qt.Key.Key_Delete)
    assert removed.args == ["anna"]


def test_one_that_is_being_prepared_shows_how_far_and_cannot_be_chosen(gallery: Gallery, qtbot: QtBot) -> None:
    before = gallery.list.grab().toImage()
    gallery.show_portraits([a_portrait("clara"), a_portrait("me", is_shipped=False, progress=0.4)], "clara")
    item = gallery.list.item(1)
    assert item is not None
    assert item.data(Qt.ItemDataRole.AccessibleTextRole) == "Me, being prepared"
    with qtbot.assertNotEmitted(gallery.chosen):
        qtbot.keyClick(gallery.list, Qt.Key.Key_Right)
    assert gallery.list.grab().toImage() != before


def test_a_new_face_is_asked_for_by_a_button(gallery: Gallery, qtbot: QtBot) -> None:
    with qtbot.waitSignal(gallery.wished):
        gallery.add_button.click()
