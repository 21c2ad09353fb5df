"""Tests of the avatars that can be chosen, with a face finder that is told what it finds."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import liveface.app.desktop.avatar_library
from liveface.app.desktop.avatar_library import AvatarLibrary, Portrait
from liveface.app.desktop.notifications import Notice, Noticeboard
from liveface.engine.errors import PhotoError
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.landmarks import POINT_COUNT, FaceMesh
from liveface.engine.face.photo import read_photo
from liveface.engine.media import Picture

_SOON = 20.0  # s


def an_avatar(name: str) -> Avatar:
    points = np.random.default_rng(0).uniform(80, 180, (POINT_COUNT, 3)).astype(np.float32)
    return Avatar(name, np.full((256, 256, 3), 120, np.uint8), points)


def fake_prepare(image: Picture, mesh: FaceMesh, name: str, face: int | None = None) -> Avatar:
    """A dark picture has no face, a very bright one has two."""
    if image.mean() < 50:
        raise PhotoError("No face was found in the photo: choose another photo.")
    if image.mean() > 200:
        raise PhotoError(code="photo_several_faces", count=2, places="1 at (1, 2)")
    return an_avatar(name)


class Stand:
    """A gallery with its surroundings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = folder / "own"
        self.board = Noticeboard()
        self.ready: list[str] = []
        self.gone: list[str] = []
        self.changed = threading.Event()
        an_avatar("clara").save(folder / "shipped" / "clara")
        self.gallery = self.new()

    def new(self) -> AvatarLibrary:
        return AvatarLibrary(self.folder / "shipped", self.own, lambda: None, self.board)  # type: ignore[arg-type, return-value]

    def photo(self, name: str, brightness: int = 120) -> Path:
        path = self.folder / name
        cv2.imwrite(str(path), np.full((300, 260, 3), brightness, np.uint8))
        return path

    def until(self, is_so: Callable[[], object]) -> None:
        for _ in range(int(_SOON / 0.005)):
            if is_so():
                return
            self.changed.wait(0.005)
        raise AssertionError("it never became so")

    def shown(self, name: str) -> Portrait | None:
        return next((portrait for portrait in self.gallery.portraits() if portrait.name == name), None)

    def told(self) -> Notice:
        told: list[Notice] = []
        self.until(lambda: told.extend(self.board.take()) or told)
        return told[0]


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.setattr(liveface.app.desktop.avatar_library, "prepare", fake_prepare)
    stand = Stand(tmp_path)
    stand.gallery.open(stand.ready.append, stand.gone.append)
    stand.until(lambda: stand.gallery.portraits())
    yield stand
    stand.gallery.close(5)


def test_shipped_avatars_are_shown_with_a_small_picture(stand: Stand) -> None:
    portrait = stand.shown("Clara")
    assert portrait is not None
    assert (portrait.key, portrait.is_shipped, portrait.progress) == ("clara", True, 1.0)
    assert portrait.picture.shape == (224, 224, 3)


def test_an_imported_photo_becomes_an_avatar_that_stays(stand: Stand) -> None:
    stand.gallery.add(stand.photo("Aunt Anna.jpg"))
    stand.until(lambda: stand.ready == ["aunt-anna"])
    assert stand.gallery.load("aunt-anna").name == "Aunt Anna"
    assert stand.gallery.folder("aunt-anna") == stand.own / "aunt-anna"
    again = stand.new()
    again.open(stand.ready.append, stand.gone.append)
    stand.until(lambda: len(again.portraits()) == 2)
    assert [(portrait.key, portrait.is_shipped) for portrait in again.portraits()][1] == ("aunt-anna", False)
    again.close(5)


def test_two_photos_of_one_name_become_two_avatars(stand: Stand) -> None:
    photo = stand.photo("clara.png")
    for _ in range(2):
        stand.gallery.add(photo)
    stand.until(lambda: len(stand.ready) == 2)
    assert stand.ready == ["clara-2", "clara-3"]
    assert stand.gallery.folder("clara") == stand.folder / "shipped" / "clara"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's list of open files")
def test_pasted_bytes_are_read_from_a_file_that_is_closed(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    is_open: list[bool] = []

    def watch(path: Path) -> Picture:
        is_open.append(path.resolve() in [one.resolve() for one in Path("/proc/self/fd").iterdir()])
        return read_photo(path)

    monkeypatch.setattr(liveface.app.desktop.avatar_library, "read_photo", watch)
    stand.gallery.add(stand.photo("a.png").read_bytes())
    stand.until(lambda: stand.ready)
    assert is_open == [False]  # Windows opens no file twice


def test_pasted_bytes_become_an_avatar(stand: Stand) -> None:
    stand.gallery.add(stand.photo("a.png").read_bytes())
    stand.until(lambda: stand.ready == ["pasted-photo"])


@pytest.mark.parametrize(
    ("name", "brightness", "words"),
    [
        ("cat.jpg", 10, "No face was found in the photo: choose another photo."),
        ("us.jpg", 250, "The photo shows 2 faces, from left to right 1 at (1, 2): crop the photo so"),
    ],
)
def test_a_refused_photo_is_explained_in_words_for_a_window(
    stand: Stand, name: str, brightness: int, words: str
) -> None:
    stand.gallery.add(stand.photo(name, brightness))
    notice = stand.told()
    assert notice.text.startswith(words)
    assert (notice.is_problem, notice.remedy) == (True, "photo")
    assert len(stand.gallery.portraits()) == 1
    assert not list(stand.own.glob("*"))


def test_what_is_no_picture_is_refused_by_its_name_only(stand: Stand) -> None:
    (stand.folder / "letter.pdf").write_text("Dear all")
    stand.gallery.add(stand.folder / "letter.pdf")
    text = stand.told().text
    assert text.startswith("letter.pdf is not a JPEG, PNG, WebP, AVIF or HEIC picture")


def test_a_removed_avatar_can_be_brought_back_until_the_next_start(stand: Stand) -> None:
    stand.gallery.add(stand.photo("anna.jpg"))
    stand.until(lambda: stand.ready)
    stand.gallery.remove("anna")
    assert stand.shown("Anna") is None
    notice = stand.told()
    assert (notice.remedy, notice.subject) == ("undo", "anna")
    assert (stand.ready, stand.gone) == (["anna"], ["anna"])
    stand.gallery.restore("anna")
    assert stand.shown("Anna") is not None
    assert stand.ready == ["anna", "anna"]
    stand.gallery.remove("anna")
    again = stand.new()
    again.open(stand.ready.append, stand.gone.append)
    stand.until(lambda: not list(stand.own.iterdir()))
    again.close(5)


def test_a_name_can_be_removed_twice(stand: Stand) -> None:
    for count in (1, 2):
        stand.gallery.add(stand.photo("anna.jpg"))
        stand.until(lambda count=count: len(stand.ready) == count)
        stand.gallery.remove("anna")
        assert stand.told().remedy == "undo"


def test_a_mistake_with_one_photo_leaves_the_next_ones_alone(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Avatar:
        raise MemoryError("too large")

    monkeypatch.setattr(liveface.app.desktop.avatar_library, "prepare", fail)
    stand.gallery.add(stand.photo("anna.jpg"))
    assert "anna cannot be used" in stand.told().text
    monkeypatch.setattr(liveface.app.desktop.avatar_library, "prepare", fake_prepare)
    stand.gallery.add(stand.photo("anna.jpg"))
    stand.until(lambda: stand.ready == ["anna"])


def test_a_shipped_avatar_cannot_be_removed(stand: Stand) -> None:
    stand.gallery.remove("clara")
    assert stand.shown("Clara") is not None


def test_photos_beyond_what_can_wait_are_refused(stand: Stand) -> None:
    blocked, release = threading.Event(), threading.Event()

    def slow_mesh() -> FaceMesh:
        blocked.set()
        release.wait(_SOON)
        return None  # type: ignore[return-value]

    stand.gallery._load_mesh = slow_mesh
    photo = stand.photo("a.png")
    stand.gallery.add(photo)
    blocked.wait(_SOON)
    for _ in range(17):
        stand.gallery.add(photo)
    release.set()
    assert "16 photos are waiting" in stand.told().text


def test_a_damaged_avatar_is_told_and_left_out(stand: Stand) -> None:
    stand.gallery.add(stand.photo("anna.jpg"))
    stand.until(lambda: stand.ready)
    (stand.own / "anna" / "mesh.npy").write_bytes(b"")
    again = stand.new()
    again.open(stand.ready.append, stand.gone.append)
    assert "damaged" in stand.told().text
    again.close(5)
