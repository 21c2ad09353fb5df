"""The faces that can be chosen: the shipped portraits and those that clients have uploaded.

A name from a client is only ever looked up here; no path is made of it.
"""

import asyncio
import re
import secrets
import shutil
from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from liveface.app.files.avatar_files import load_avatar
from liveface.app.server.avatars.photo_worker import PhotoWorker
from liveface.app.server.security import is_same_secret, network_of
from liveface.app.session.clock import Clock
from liveface.app.session.pipeline import ASSETS, load_face_mesh
from liveface.engine.errors import LivefaceError, NotFoundError
from liveface.engine.face.avatar import Avatar

_UPLOADS = 32  # at once, each a folder of at most 10 MB
_SHARE = 8  # of them, of one client
_LIFE = 3600.0  # s without being used, after which an upload is forgotten
_PIXELS = 8_000_000  # of framed avatars that are kept ready: 30 of 512x512
_PREVIEW = 512  # pixels, of a portrait's picture: a page shows it where the face will speak
_LONGEST_NAME = 24  # letters of the name that a client wishes


@dataclass(frozen=True, slots=True)
class Upload:
    """A name under which an uploaded face can be chosen, and the secret with which it can be deleted."""

    name: str
    secret: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """`secret`: None for a shipped portrait, which stays. `used`: when it was chosen last, in seconds.

    `client`: the network of who uploaded it.
    """

    folder: Path
    secret: str | None = None
    used: float = 0.0
    client: str = ""


class AvatarStore:
    """Belongs to one event loop; what takes time is done in other threads, one after the other."""

    def __init__(self, clock: Clock, folder: Path, worker: PhotoWorker, shipped: Path = ASSETS / "avatars") -> None:
        """`folder`: private and empty, for uploads. `shipped`: the folder of prepared avatars that are always there."""
        self._clock = clock
        self._folder = folder
        self._worker = worker
        folders = sorted(about.parent for about in shipped.glob("*/avatar.json"))
        self._entries = {folder.name: _Entry(folder) for folder in folders}
        self._framed: OrderedDict[tuple[str, int, int], Avatar] = OrderedDict()
        self._framing = asyncio.Lock()

    def names(self, secrets: Collection[str] = ()) -> list[str]:
        """The shipped ones, then the uploads to which one of the secrets belongs: the others' are nobody's business."""
        self._forget_old()
        return [
            name
            for name, entry in self._entries.items()
            if entry.secret is None or any(is_same_secret(secret, entry.secret) for secret in secrets)
        ]

    def __len__(self) -> int:
        """How many there are, everybody's uploads included."""
        self._forget_old()
        return len(self._entries)

    def is_uploaded(self, name: str) -> bool:
        """Whether a client has brought it."""
        return self._entry(name).secret is not None

    async def framed(self, name: str, width: int, height: int) -> Avatar:
        """The avatar at the size of the output, the same object each time; raises `NotFoundError`."""
        self._touch(name)
        key = (name, width, height)
        async with self._framing:
            if key not in self._framed:
                folder = self._entry(name).folder
                try:
                    avatar = await asyncio.to_thread(lambda: load_avatar(folder, load_face_mesh).framed(width, height))
                except LivefaceError:
                    if name in self._entries:
                        raise
                if name not in self._entries:  # deleted meanwhile
                    raise _unknown(name)
                self._framed[key] = avatar
            self._framed.move_to_end(key)
            while len(self._framed) > 1 and sum(wide * high for _, wide, high in self._framed) > _PIXELS:
                self._framed.popitem(last=False)
            return self._framed[key]

    async def preview(self, name: str) -> bytes:
        """A JPEG picture; raises `NotFoundError`."""
        avatar = await self.framed(name, _PREVIEW, _PREVIEW)
        return await asyncio.to_thread(encode_photo, avatar)

    async def add(self, photo: bytes, name: str, face: int | None = None, client: str = "") -> Upload:
        """Prepare an uploaded photo; its name begins with the letters and digits of the wished one.

        `client`: the address of who uploads it. Where there is no room, the upload that was not used for longest goes:
        the client's own where it has its share, else one of the client that has most. Raises `PhotoError` with what is
        wrong with the photo, `CapacityError` if too many wait.
        """
        client = network_of(client)
        wished = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_NAME].strip("-") or "face"
        upload = Upload(f"{wished}-{secrets.token_hex(8)}", secrets.token_urlsafe(24))
        folder = self._folder / upload.name
        await self._worker.prepare(photo, folder, upload.name, face)
        self._make_room(client)
        self._entries[upload.name] = _Entry(folder, upload.secret, self._clock.now(), client)
        return upload

    def _make_room(self, client: str) -> None:
        """For one more upload; only now, so that a photo of which no avatar can be made costs nobody theirs."""
        self._forget_old()
        uploads = {name: entry for name, entry in self._entries.items() if entry.secret is not None}
        counts = Counter(entry.client for entry in uploads.values())
        if counts[client] >= _SHARE:
            crowd = client
        elif len(uploads) >= _UPLOADS:
            crowd = counts.most_common(1)[0][0]
        else:
            return
        self._forget(
            min((name for name in uploads if uploads[name].client == crowd), key=lambda name: uploads[name].used)
        )

    def remove(self, name: str, secret: str) -> None:
        """Forget an upload; raises `NotFoundError` if there is none of that name and secret."""
        entry = self._entries.get(name)
        if entry is None or entry.secret is None or not is_same_secret(secret, entry.secret):
            raise NotFoundError(code="avatar_of_others", name=name[:64])
        self._forget(name)

    def _touch(self, name: str) -> None:
        self._forget_old()
        self._entries[name] = replace(self._entry(name), used=self._clock.now())

    def _entry(self, name: str) -> _Entry:
        if name not in self._entries:
            raise _unknown(name)
        return self._entries[name]

    def _forget_old(self) -> None:
        oldest = self._clock.now() - _LIFE
        for name, entry in list(self._entries.items()):
            if entry.secret is not None and entry.used < oldest:
                self._forget(name)

    def _forget(self, name: str) -> None:
        """Sessions that show it go on with what they have."""
        folder = self._entries.pop(name).folder
        for key in [key for key in self._framed if key[0] == name]:
            del self._framed[key]
        shutil.rmtree(folder, ignore_errors=True)


def encode_photo(avatar: Avatar) -> bytes:
    """The picture of an avatar as JPEG."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(avatar.photo, cv2.COLOR_RGB2BGR))
    return data.tobytes()


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(code="avatar_unknown", name=name[:64])
