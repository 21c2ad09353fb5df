"""Tests of preparing strangers' photos in another process: real ones, broken ones and hostile ones."""

import asyncio
import struct
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from liveface.app.server.avatars import photo_worker
from liveface.app.server.avatars.photo_worker import PhotoWorker
from liveface.engine.errors import CapacityError, LivefaceError, PhotoError
from liveface.engine.face.avatar import Avatar


def encoded(picture: np.ndarray, kind: str = "JPEG") -> bytes:
    file = BytesIO()
    Image.fromarray(picture).save(file, kind)
    return file.getvalue()


def a_bomb(side: int) -> bytes:
    """A PNG of some kilobytes that says it is `side` pixels wide and high, and is."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = bytes(1 + side * 3)
    rows = b"".join(packer.compress(row) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def prepared(photo: bytes, folder: Path, worker: PhotoWorker | None = None, face: int | None = None) -> None:
    async def run() -> None:
        await (worker or PhotoWorker()).prepare(photo, folder, "someone", face)

    asyncio.run(run())


def test_a_photo_becomes_an_avatar(tmp_path: Path) -> None:
    prepared(encoded(skimage.data.astronaut()), tmp_path / "avatar")
    assert Avatar.load(tmp_path / "avatar").name == "someone"
    assert [path.name for path in tmp_path.iterdir()] == ["avatar"]


@pytest.mark.parametrize(
    ("photo", "reason"),
    [
        (b"", "not a JPEG"),
        (b"GIF89a", "not a JPEG"),
        (np.random.default_rng(0).bytes(10_000_000), "not a JPEG"),
        (b"\xff\xd8\xff" + np.random.default_rng(0).bytes(1_000_000), "The photo is not a JPEG"),
        (encoded(skimage.data.astronaut())[:20_000], "damaged"),
        (a_bomb(11_000), "more than 110 megapixels"),
        (a_bomb(60_000), "more than 110 megapixels"),
        (encoded(np.zeros((300, 300, 3), np.uint8)), "No face was found"),
    ],
    ids=["empty", "gif", "noise", "noise as jpeg", "truncated", "121 megapixels", "bomb", "no face"],
)
def test_a_photo_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, photo: bytes, reason: str) -> None:
    with pytest.raises(PhotoError, match=reason) as refused:
        prepared(photo, tmp_path / "avatar")
    assert str(tmp_path) not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_one_of_several_faces_is_asked_for_and_can_be_chosen(tmp_path: Path) -> None:
    head = skimage.data.astronaut()[:300, 75:375]
    pair = encoded(np.concatenate([head, head[:, ::-1]], axis=1), "PNG")
    with pytest.raises(PhotoError, match=r"shows 2 faces.*choose one with face=N") as refused:
        prepared(pair, tmp_path / "avatar")
    assert (refused.value.code, refused.value.details["count"]) == ("photo_several_faces", 2)
    prepared(pair, tmp_path / "avatar", face=2)
    assert Avatar.load(tmp_path / "avatar").points[1, 0] > 300


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="not decoded within"):
        prepared(encoded(skimage.data.astronaut()), tmp_path / "avatar", PhotoWorker(seconds=0.05))
    assert not list(tmp_path.iterdir())


def test_what_needs_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liveface.app.server.avatars.photo_worker._MEMORY", 30_000_000)
    with pytest.raises(PhotoError, match="memory"):
        prepared(encoded(skimage.data.astronaut()), tmp_path / "avatar")
    assert not list(tmp_path.iterdir())


def writing(status: int, text: str) -> tuple[str, ...]:
    """A program that fails with this status and complaint."""
    return sys.executable, "-c", f"import sys; sys.stderr.write({text!r}); sys.exit({status})"


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (1, "Traceback\n  File x\nKeyError: 5\n"),
        (1, "liveface: unexpected KeyError: 5\n"),
        (2, "liveface: The avatar cannot be written to /srv/liveface/avatar (no space left on device)\n"),
        (2, "liveface: /srv/models/mesh.onnx does not exist\n"),
        (2, "liveface: /srv/models/mesh.onnx does not exist\nand /tmp neither\n"),
        (3, ""),
    ],
)
def test_a_failure_of_the_server_is_logged_and_not_blamed_on_the_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int, text: str
) -> None:
    monkeypatch.setattr(photo_worker, "_PROGRAM", writing(status, text))
    with pytest.raises(LivefaceError, match="The server failed") as failed:
        prepared(encoded(skimage.data.astronaut()), tmp_path / "avatar")
    assert not isinstance(failed.value, PhotoError)
    assert "/" not in str(failed.value)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"status {status}: {text.strip().rpartition(chr(10))[2]}" in record.message


@pytest.mark.parametrize(
    "text", ["liveface: unexpected MemoryError: run", "terminate called after std::bad_alloc", "can't alloc\n\n"]
)
def test_memory_that_runs_out_is_told_as_the_photos_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(photo_worker, "_PROGRAM", writing(1, text))
    with pytest.raises(PhotoError, match="scale it down"):
        prepared(encoded(skimage.data.astronaut()), tmp_path / "avatar")


def test_photos_that_wait_are_bounded(tmp_path: Path) -> None:
    async def run() -> None:
        worker = PhotoWorker(seconds=0.3)
        photo = encoded(skimage.data.astronaut())
        results = await asyncio.gather(
            *(worker.prepare(photo, tmp_path / str(number), "someone") for number in range(6)), return_exceptions=True
        )
        assert [type(result) for result in results[4:]] == [CapacityError] * 2
        assert not [result for result in results[:4] if isinstance(result, CapacityError)]

    asyncio.run(run())


def shown(expression: str) -> tuple[str, ...]:
    """A program that complains of what it finds about itself."""
    told = f"{{'error': {{'code': 'photo_unusable', 'message': str({expression}), 'details': {{}}}}}}"
    code = f"import json, os, resource, socket, sys; sys.stderr.write(json.dumps({told})); sys.exit(2)"
    return sys.executable, "-c", code


def told_by(monkeypatch: pytest.MonkeyPatch, folder: Path, expression: str) -> str:
    monkeypatch.setattr(photo_worker, "_PROGRAM", shown(expression))
    with pytest.raises(PhotoError) as told:
        prepared(encoded(skimage.data.astronaut()), folder / "avatar")
    return str(told.value)


def test_it_is_told_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEFACE_TOKEN", "hunter2")
    monkeypatch.setenv("SOME_SECRET", "hunter2")
    names = told_by(monkeypatch, tmp_path, "sorted(os.environ)")
    assert "PATH" in names
    assert "TOKEN" not in names
    assert "SECRET" not in names


def test_it_is_limited_from_its_first_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = told_by(
        monkeypatch,
        tmp_path,
        "[resource.getrlimit(getattr(resource, f'RLIMIT_{kind}'))[1] for kind in ('DATA', 'CORE', 'NOFILE')]",
    )
    data, core, files = (int(number) for number in found.strip("[]").split(","))
    assert 1_999_000_000 < data <= 2_000_000_000  # the largest photo needs more than 1.5 GB
    assert (core, files) == (0, 256)


def test_a_system_without_limits_is_told_of_and_photos_are_prepared_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(photo_worker.shutil, "which", lambda name: None)
    prepared(encoded(skimage.data.astronaut()), tmp_path / "avatar")
    assert "only the time is limited" in caplog.text
