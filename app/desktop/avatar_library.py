"""The avatars one can choose in the window: those that are shipped, and photos that were imported and stay prepared."""

import re
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from liveface.app.desktop.notifications import Notice, Noticeboard
from liveface.app.files.avatar_files import load_avatar
from liveface.engine.errors import LivefaceError, OutputError
from liveface.engine.face.avatar import Avatar, prepare
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.face.photo import read_photo
from liveface.engine.media import Picture

_SIDE = 224  # pixels of a portrait's picture: 112 on a screen of twice the density
_MOST_WAITING = 16  # photos; more are refused
_REMOVED = ".removed-"  # before the folder's name, until the next start
_READ, _FOUND, _SAVED = 0.1, 0.4, 0.9  # of an import, about as its time is spent


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """`picture`: uint8 (H, W, 3) RGB, about square. `progress` is below 1 while it is being prepared."""

    key: str
    name: str
    picture: Picture
    is_shipped: bool
    progress: float = 1.0


class AvatarLibrary:
    """Reads and prepares in the thread "liveface gallery"; all methods may be called from any thread.

    A key is the name of an avatar's folder, in `shipped` or in `own`.
    """

    def __init__(self, shipped: Path, own: Path, load_mesh: Callable[[], FaceMesh], board: Noticeboard) -> None:
        self._shipped = shipped
        self._own = own
        self._load_mesh = load_mesh
        self._board = board
        self._mesh: FaceMesh | None = None
        self._changed = threading.Condition()
        self._portraits: dict[str, Portrait] = {}
        self._photos: deque[tuple[str, str, Path | bytes]] = deque()
        self._promised: set[str] = set()  # keys of photos that wait or are being prepared
        self._on_ready: Callable[[str], None] = lambda key: None
        self._on_removed: Callable[[str], None] = lambda key: None
        self._is_closing = False
        # It may be in a network when the program ends, and nothing is lost with it.
        self._thread = threading.Thread(target=self._work, name="liveface gallery", daemon=True)

    def open(self, on_ready: Callable[[str], None], on_removed: Callable[[str], None]) -> None:
        """Begin; these get the key of each avatar that is imported, in the gallery's thread, restored or removed."""
        self._on_ready, self._on_removed = on_ready, on_removed
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """End the thread; returns whether it has ended, or is still preparing a photo after `timeout` seconds."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def portraits(self) -> list[Portrait]:
        """All there are, the shipped ones first."""
        with self._changed:
            return list(self._portraits.values())

    def add(self, photo: Path | bytes) -> None:
        """Import a photo: a file's path, or what a file would hold. What is wrong with it comes as a notice."""
        name = photo.stem if isinstance(photo, Path) else "Pasted photo"
        with self._changed:
            if len(self._photos) >= _MOST_WAITING:
                self._board.post(Notice(f"{_MOST_WAITING} photos are waiting already: add more in a moment.", True))
                return
            key = self._free_key(name)
            self._promised.add(key)
            self._photos.append((key, name, photo))
            self._changed.notify_all()

    def remove(self, key: str) -> None:
        """Take an imported avatar away; it can be restored until the program ends."""
        with self._changed:
            portrait = self._portraits.get(key)
            if portrait is None or portrait.is_shipped or portrait.progress < 1:
                return
            shutil.rmtree(self._own / (_REMOVED + key), ignore_errors=True)  # an earlier one of that name
            try:
                self._own.joinpath(key).rename(self._own / (_REMOVED + key))
            except OSError as error:
                self._board.post(Notice(f"{portrait.name} cannot be removed ({error.strerror}).", True))
                return
            del self._portraits[key]
        self._on_removed(key)
        self._board.post(Notice(f"{portrait.name} was removed.", remedy="undo", subject=key))

    def restore(self, key: str) -> None:
        """Bring back what was removed."""
        try:
            self._own.joinpath(_REMOVED + key).rename(self._own / key)
            self._show(self._portrait_of(self._own / key, is_shipped=False))
        except (OSError, LivefaceError) as error:
            self._board.post(Notice(f"The avatar cannot be brought back ({error}).", True))
        else:
            self._on_ready(key)

    def folder(self, key: str) -> Path:
        """Where the avatar of that key is, if there is one."""
        own = self._own / key
        return own if own.is_dir() else self._shipped / key

    def load(self, key: str) -> Avatar:
        """The avatar of that key; raises `MediaError` if there is none."""
        return load_avatar(self.folder(key), self._load_mesh, self._tell)

    def _tell(self, text: str) -> None:
        self._board.post(Notice(text))

    def _work(self) -> None:
        self._read_folders()
        while (waiting := self._next()) is not None:
            self._import(*waiting)

    def _next(self) -> tuple[str, str, Path | bytes] | None:
        with self._changed:
            while not self._photos and not self._is_closing:
                self._changed.wait()
            return None if self._is_closing else self._photos.popleft()

    def _read_folders(self) -> None:
        for parent in (self._shipped, self._own):
            for folder in sorted(parent.iterdir() if parent.is_dir() else ()):
                if parent == self._own and folder.name.startswith("."):
                    shutil.rmtree(folder, ignore_errors=True)  # removed, or begun when the program was killed
                elif (folder / "avatar.json").is_file():
                    try:
                        self._show(self._portrait_of(folder, is_shipped=parent == self._shipped))
                    except LivefaceError as error:
                        self._board.post(Notice(error.told("window"), is_problem=True))

    def _portrait_of(self, folder: Path, is_shipped: bool) -> Portrait:
        avatar = load_avatar(folder, self._load_mesh, self._tell)
        return Portrait(folder.name, _titled(avatar.name), avatar.framed(_SIDE, _SIDE).photo, is_shipped)

    def _import(self, key: str, name: str, photo: Path | bytes) -> None:
        try:
            picture = _read(photo)
            waiting = Portrait(key, _titled(name), _reduced(picture), is_shipped=False, progress=_READ)
            self._show(waiting)
            self._mesh = self._mesh or self._load_mesh()
            self._show(replace(waiting, progress=_FOUND))
            avatar = prepare(picture, self._mesh, name)
            self._show(replace(waiting, progress=_SAVED))
            avatar.save(self._own / key)
        except Exception as error:  # whatever it is: other photos follow
            with self._changed:
                self._portraits.pop(key, None)
            text = error.told("window") if isinstance(error, LivefaceError) else f"{name} cannot be used ({error!r})."
            self._board.post(Notice(text, True, "photo", key))
        else:
            self._show(self._portrait_of(self._own / key, is_shipped=False))
            self._on_ready(key)
        with self._changed:
            self._promised.discard(key)

    def _show(self, portrait: Portrait) -> None:
        with self._changed:
            self._portraits[portrait.key] = portrait

    def _free_key(self, name: str) -> str:
        """A folder's name that nobody has, with plain letters only."""
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "photo"
        candidates = (plain, *(f"{plain}-{number}" for number in range(2, 10_000)))
        return next(
            key
            for key in candidates
            if key not in self._promised and not any((parent / key).exists() for parent in (self._shipped, self._own))
        )


def _titled(name: str) -> str:
    """A name as a person would write it."""
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def _read(photo: Path | bytes) -> Picture:
    if isinstance(photo, Path):
        return read_photo(photo)
    try:
        with tempfile.TemporaryDirectory(prefix="liveface-") as folder:
            path = Path(folder) / "photo.png"
            path.write_bytes(photo)
            return read_photo(path)
    except OSError as error:
        raise OutputError(
            f"The photo cannot be kept for a moment ({error.strerror}): make room on the disk."
        ) from error


def _reduced(picture: Picture) -> Picture:
    """The middle of a picture as a square, small enough for a list."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 3, (width - side) // 2  # a face is rather above the middle
    step = max(1, side // _SIDE)
    return picture[top : top + side : step, left : left + side : step].copy()
