"""The requests about avatars: list, look, upload and delete. Knows nothing of how a photo becomes one."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from liveface.app.files.schema import FieldError, read
from liveface.app.server.avatars.avatar_store import AvatarStore
from liveface.app.server.avatars.photo_worker import MAXIMUM_BYTES
from liveface.app.server.refusals import OF_PHOTOS, RefusalError
from liveface.app.server.routes.description import Description, described
from liveface.app.server.schemas import AvatarEntry, AvatarList, Upload, Uploaded
from liveface.app.server.security import OWNER
from liveface.engine.errors import CapacityError

_RECEIVED_AT_ONCE = 8  # uploads, each of which may take `MAXIMUM_BYTES` of memory
_SECONDS = 30.0  # for the bytes of an upload
_CHUNK = 1 << 16  # bytes
_OF_UPLOADS = (
    *("face_number", "upload_too_slow", "upload_too_large", "photos_waiting", "uploads_waiting", "photo_worker_failed"),
    *OF_PHOTOS,
)
_MOST_SECRETS = 32  # that are compared for one request


def routes(avatars: AvatarStore, client: Callable[[web.Request], str]) -> list[web.RouteDef]:
    """The requests about avatars; `client` tells the address of who asks."""
    gallery = _Gallery(avatars, client)
    return [
        web.get("/avatars", gallery.names),
        web.post("/avatars", gallery.add),
        web.get("/avatars/{name}/photo.jpg", gallery.photo),
        web.delete("/avatars/{name}", gallery.remove),
    ]


class _Gallery:
    def __init__(self, avatars: AvatarStore, client: Callable[[web.Request], str]) -> None:
        self._avatars = avatars
        self._client = client
        self._received = 0

    @described(Description(answer=AvatarList))
    async def names(self, request: web.Request) -> web.Response:
        """The shipped avatars, and the uploads whose secrets are sent in Liveface-Owner, apart by commas."""
        about = [
            AvatarEntry(name=name, photo=_photo_address(name), uploaded=self._avatars.is_uploaded(name))
            for name in self._avatars.names(_secrets(request))
        ]
        return web.json_response(AvatarList(avatars=about))

    @described(Description(answer="image/jpeg", codes=("avatar_unknown",)))
    async def photo(self, request: web.Request) -> web.Response:
        """The picture of an avatar, 512 x 512."""
        picture = await self._avatars.preview(request.match_info["name"])
        return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})

    @described(
        Description(body="image/*", query=Upload, answer=Uploaded, status=201, headers=("Location",), codes=_OF_UPLOADS)
    )
    async def add(self, request: web.Request) -> web.Response:
        """Make an avatar of a photo: the bytes of a JPEG, PNG, WebP, AVIF or HEIC."""
        try:
            wanted = read(Upload, request.query, is_text=True)
        except FieldError:  # a name is always a text
            raise RefusalError("face_number") from None
        if self._received >= _RECEIVED_AT_ONCE:
            raise CapacityError(code="uploads_waiting", found=self._received)
        self._received += 1
        try:
            photo = await _read(request)
            upload = await self._avatars.add(photo, wanted.name, wanted.face, self._client(request))
        finally:
            self._received -= 1
        about = Uploaded(name=upload.name, secret=upload.secret, photo=_photo_address(upload.name))
        return web.json_response(about, status=201, headers={"Location": f"/avatars/{upload.name}"})

    @described(Description(status=204, is_owners=True, codes=("avatar_of_others",)))
    async def remove(self, request: web.Request) -> web.Response:
        """Forget an upload."""
        self._avatars.remove(request.match_info["name"], request.headers.get(OWNER, ""))
        return web.Response(status=204)


def _secrets(request: web.Request) -> list[str]:
    """What proves that uploads are the client's, apart by commas."""
    sent = [secret.strip() for secret in request.headers.get(OWNER, "").split(",")]
    return [secret for secret in sent if secret][:_MOST_SECRETS]


async def _read(request: web.Request) -> bytes:
    """The body, of which never more than `MAXIMUM_BYTES` are held."""
    photo = bytearray()
    if (request.content_length or 0) > MAXIMUM_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in request.content.iter_chunked(_CHUNK):
                photo += chunk
                if len(photo) > MAXIMUM_BYTES:
                    raise _too_large()
    except TimeoutError as error:
        raise RefusalError("upload_too_slow", seconds=round(_SECONDS)) from error
    return bytes(photo)


def _too_large() -> RefusalError:
    return RefusalError("upload_too_large", most=MAXIMUM_BYTES, megabytes=MAXIMUM_BYTES // 1_000_000)


def _photo_address(name: str) -> str:
    return f"/avatars/{name}/photo.jpg"
