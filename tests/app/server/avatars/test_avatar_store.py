"""Tests of the faces that can be chosen, with a stand-in for what finds faces in photos."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from liveface.app.server.avatars import avatar_store as avatar_shelf
from liveface.app.server.avatars.avatar_store import AvatarStore
from liveface.app.server.avatars.photo_worker import PhotoWorker
from liveface.app.session.pipeline import ASSETS
from liveface.engine.errors import NotFoundError
from liveface.engine.face.avatar import Avatar
from tests import faces
from tests.app.server.application_fakes import FakeWorker, StillClock

HOUR = 3600.0


def shelved(folder: Path, use: Callable[[AvatarStore, StillClock], Awaitable[None]]) -> None:
    for name in ("clara", "jonas"):
        faces.avatar().save(folder / "shipped" / name)
    (folder / "uploads").mkdir()
    clock = StillClock()

    async def run() -> None:
        await use(AvatarStore(clock, folder / "uploads", FakeWorker(), folder / "shipped"), clock)

    asyncio.run(run())


def test_the_shipped_portraits_can_all_be_framed() -> None:
    async def run() -> None:
        shelf = AvatarStore(StillClock(), Path("unused"), PhotoWorker())
        assert shelf.names() == sorted(path.parent.name for path in (ASSETS / "avatars").glob("*/avatar.json"))
        for name in shelf.names():
            assert (await shelf.framed(name, 256, 192)).photo.shape == (192, 256, 3)
            assert not shelf.is_uploaded(name)

    asyncio.run(run())


def test_who_asks_for_the_same_gets_the_same_object(tmp_path: Path) -> None:
    async def use(shelf: AvatarStore, clock: StillClock) -> None:
        several = await asyncio.gather(*(shelf.framed("clara", 128, 128) for _ in range(5)))
        assert len(set(map(id, several))) == 1
        assert await shelf.framed("clara", 128, 130) is not several[0]
        assert await shelf.framed("jonas", 128, 128) is not several[0]

    shelved(tmp_path, use)


def test_what_is_kept_ready_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(avatar_shelf, "_PIXELS", 3 * 128 * 128)

    async def use(shelf: AvatarStore, clock: StillClock) -> None:
        first = await shelf.framed("clara", 128, 128)
        await shelf.framed("jonas", 128, 128)
        assert await shelf.framed("clara", 128, 128) is first
        await shelf.framed("jonas", 256, 128)
        assert await shelf.framed("clara", 128, 128) is first
        await shelf.framed("jonas", 512, 512)  # larger than all that is kept, and given all the same
        assert await shelf.framed("clara", 128, 128) is not first

    shelved(tmp_path, use)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../shipped/clara", "clara/", "Clara", "clara\x00", "/etc", "x" * 9999]
)
def test_a_name_is_looked_up_and_never_a_path(tmp_path: Path, name: str) -> None:
    async def use(shelf: AvatarStore, clock: StillClock) -> None:
        with pytest.raises(NotFoundError, match="No avatar is named"):
            await shelf.framed(name, 128, 128)
        with pytest.raises(NotFoundError):
            await shelf.preview(name)
        with pytest.raises(NotFoundError):
            shelf.remove(name, "")
        assert shelf.names() == ["clara", "jonas"]

    shelved(tmp_path, use)


@pytest.mark.parametrize(
    ("wished", "begins"),
    [("../../Me & You", "me-you-"), ("", "face-"), ("😀", "face-"), ("a" * 500, "a" * 24 + "-"), ("--x", "x-")],
)
def test_an_upload_gets_a_harmless_name_of_its_own(tmp_path: Path, wished: str, begins: str) -> None:
    async def use(shelf: AvatarStore, clock: StillClock) -> None:
        first, second = await shelf.add(b"photo", wished), await shelf.add(b"photo", wished)
        assert first.name != second.name
        assert first.secret != second.secret
        assert first.name.startswith(begins)
        assert set(first.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert sorted(path.name for path in (tmp_path / "uploads").iterdir()) == sorted([first.name, second.name])
        assert shelf.is_uploaded(first.name)

    shelved(tmp_path, use)


def test_an_upload_is_deleted_by_its_secret_only(tmp_path: Path) -> None:
    async def use(shelf: AvatarStore, clock: StillClock) -> None:
        upload, other = await shelf.add(b"photo", "me"), await shelf.add(b"photo", "me")
        avatar = await shelf.framed(upload.name, 128, 128)
        for secret in ("", other.secret, "\udcff"):
            with pytest.raises(NotFoundError, match="only who uploaded"):
                shelf.remove(upload.name, secret)
        shelf.remove(upload.name, upload.secret)
        with pytest.raises(NotFoundError):
            await shelf.framed(upload.name, 128, 128)
        assert len(shelf) == 3
        assert shelf.names() == ["clara", "jonas"], "nobody else sees it"
        assert shelf.names([upload.secret, other.secret]) == ["clara", "jonas", other.name]
        assert avatar.photo.shape == (128, 128, 3)  # who shows it goes on

    shelved(tmp_path, use)


def test_an_upload_that_is_deleted_while_it_is_framed_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load, is_deleted = Avatar.load, threading.Event()

    def load_late(folder: Path) -> Avatar:
        is_deleted.wait(10)
        return load(folder)

    monkeypatch.setattr(Avatar, "load", load_late)

    async def use(shelf: AvatarStore, clock: StillClock) -> None:
        upload = await shelf.add(b"photo", "me")
        framing = asyncio.create_task(shelf.framed(upload.name, 128, 128))
        await asyncio.sleep(0)
        shelf.remove(upload.name, upload.secret)
        is_deleted.set()
        with pytest.raises(NotFoundError, match="No avatar is named") as told:
            await framing
        assert str(tmp_path) not in str(told.value)
        assert upload.name not in {name for name, _, _ in shelf._framed}

    shelved(tmp_path, use)


def test_an_upload_expires_unless_it_is_used(tmp_path: Path) -> None:
    async def use(shelf: AvatarStore, clock: StillClock) -> None:
        used, unused = await shelf.add(b"photo", "used"), await shelf.add(b"photo", "unused")
        clock.moment += 0.9 * HOUR
        await shelf.framed(used.name, 128, 128)
        clock.moment += 0.9 * HOUR
        assert shelf.names([used.secret, unused.secret]) == ["clara", "jonas", used.name]
        assert [path.name for path in (tmp_path / "uploads").iterdir()] == [used.name]
        with pytest.raises(NotFoundError):
            await shelf.framed(unused.name, 128, 128)
        clock.moment += 10 * HOUR
        assert shelf.names() == ["clara", "jonas"]

    shelved(tmp_path, use)


def test_a_client_has_a_share_and_its_own_least_used_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveface.app.server.avatars.avatar_store._SHARE", 2)

    async def use(shelf: AvatarStore, clock: StillClock) -> None:
        other = await shelf.add(b"photo", "other", client="192.0.2.9")
        first, second = [await shelf.add(b"photo", "face", client="192.0.2.1") for _ in range(2)]
        clock.moment += 1
        await shelf.framed(first.name, 64, 64)
        third = await shelf.add(b"photo", "face", client="::ffff:192.0.2.1")
        assert all(shelf.is_uploaded(one.name) for one in (other, first, third))
        with pytest.raises(NotFoundError):
            shelf.is_uploaded(second.name)
        assert not (tmp_path / "uploads" / second.name).exists()

    shelved(tmp_path, use)


def test_where_there_is_no_room_the_least_used_of_the_client_that_has_most_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveface.app.server.avatars.avatar_store._UPLOADS", 3)

    async def use(shelf: AvatarStore, clock: StillClock) -> None:
        lonely = await shelf.add(b"photo", "lonely", client="192.0.2.9")
        clock.moment += 1
        first, second = [await shelf.add(b"photo", "face", client="192.0.2.1") for _ in range(2)]
        new = await shelf.add(b"photo", "new", client="192.0.2.5")
        assert all(shelf.is_uploaded(one.name) for one in (lonely, second, new))
        with pytest.raises(NotFoundError):
            shelf.is_uploaded(first.name)

    shelved(tmp_path, use)


def test_a_preview_is_a_small_jpeg(tmp_path: Path) -> None:
    async def use(shelf: AvatarStore, clock: StillClock) -> None:
        data = await shelf.preview("clara")
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        expected = cv2.cvtColor((await shelf.framed("clara", 512, 512)).photo, cv2.COLOR_RGB2BGR)
        assert np.abs(picture.astype(int) - expected).mean() < 10

    shelved(tmp_path, use)
