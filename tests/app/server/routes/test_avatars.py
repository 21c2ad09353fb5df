"""Tests of listing, uploading and deleting avatars over HTTP, with a stand-in for what finds faces."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from yarl import URL

from liveface.app.server.avatars.photo_worker import MAXIMUM_BYTES
from liveface.app.server.routes import avatars as gallery
from tests.app.server.application_fakes import Client, World, a_jpeg, visited


def test_the_list_names_each_avatar_with_its_picture(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        avatars = (await (await client.get("/avatars")).json())["avatars"]
        assert avatars == [
            {"name": name, "photo": f"/avatars/{name}/photo.jpg", "uploaded": False} for name in ("clara", "jonas")
        ]
        response = await client.get(avatars[0]["photo"])
        assert response.content_type == "image/jpeg"
        picture = cv2.imdecode(np.frombuffer(await response.read(), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape == (512, 512, 3)

    visited(tmp_path, visit)


def test_an_uploaded_photo_can_be_chosen_and_only_who_sent_it_can_delete_it(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        response = await client.post("/avatars", params={"name": "Zoë at home", "face": "2"}, data=a_jpeg())
        assert response.status == 201
        upload = await response.json()
        assert upload["name"].startswith("zo-at-home-")
        assert response.headers["Location"] == f"/avatars/{upload['name']}"
        assert world.worker.asked == [(a_jpeg(), upload["name"], 2)]
        for secrets, seen in (("", []), ("of nothing", []), (f"of nothing, {upload['secret']}", [upload["name"]])):
            response = await client.get("/avatars", headers={"Liveface-Owner": secrets})
            assert upload["secret"] not in await response.text()
            assert [avatar["name"] for avatar in (await response.json())["avatars"]] == ["clara", "jonas", *seen]
        assert (await client.get(upload["photo"])).status == 200
        assert (await client.delete(f"/avatars/{upload['name']}")).status == 404
        assert (await client.delete("/avatars/clara", headers={"Liveface-Owner": ""})).status == 404
        headers = {"Liveface-Owner": upload["secret"]}
        assert (await client.delete("/avatars/clara", headers=headers)).status == 404
        assert (await client.delete(f"/avatars/{upload['name']}", headers=headers)).status == 204
        assert (await client.get(upload["photo"])).status == 404
        assert not list((tmp_path / "uploads").iterdir())

    visited(tmp_path, visit)


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_that_is_too_large_is_refused_before_it_fills_memory(tmp_path: Path, is_announced: bool) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAXIMUM_BYTES // 100_000 + 2):
            yield bytes(100_000)

    async def visit(client: Client, world: World) -> None:
        data = BytesIO(bytes(MAXIMUM_BYTES + 1)) if is_announced else endless()
        response = await client.post("/avatars", data=data)
        assert response.status == 413
        assert "10 MB" in (await response.json())["error"]["message"]
        assert not world.worker.asked

    visited(tmp_path, visit)


def test_an_upload_that_does_not_come_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "_SECONDS", 0.05)

    async def visit(client: Client, world: World) -> None:
        waiting = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"\xff\xd8\xff"
            await waiting.wait()
            yield b""

        response = await client.post("/avatars", data=slow())
        assert response.status == 408
        waiting.set()

    visited(tmp_path, visit)


def test_uploads_that_arrive_together_are_bounded(tmp_path: Path) -> None:
    async def visit(client: Client, world: World) -> None:
        going_on = asyncio.Event()

        async def held() -> AsyncIterator[bytes]:
            yield b"\xff\xd8\xff"
            await going_on.wait()

        uploads = [asyncio.create_task(client.post("/avatars", data=held())) for _ in range(12)]
        while sum(upload.done() for upload in uploads) < 4:
            await asyncio.sleep(0.01)
        going_on.set()
        statuses = sorted([response.status for response in await asyncio.gather(*uploads)])
        assert statuses == [201] * 8 + [503] * 4

    visited(tmp_path, visit)


@pytest.mark.parametrize("face", ["0x1", "-1", "many", "100", ""])
def test_a_face_is_chosen_by_a_small_number(tmp_path: Path, face: str) -> None:
    async def visit(client: Client, world: World) -> None:
        assert (await client.post("/avatars", params={"face": face}, data=a_jpeg())).status == 400
        assert not world.worker.asked

    visited(tmp_path, visit)


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", "clara%00", "clara%2f..%2fjonas"]
)
def test_no_name_reaches_the_file_system(tmp_path: Path, name: str) -> None:
    async def visit(client: Client, world: World) -> None:
        for address in (f"/avatars/{name}/photo.jpg", f"/avatars/{name}"):
            method = client.get if address.endswith("jpg") else client.delete
            assert (await method(URL(address, encoded=True))).status in (404, 405)

    visited(tmp_path, visit)
