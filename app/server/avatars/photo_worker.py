"""Makes an avatar of a stranger's photo in a process of its own: whatever the file does, nothing here waits for it.

Knows nothing of who may upload, or of what becomes of the avatar.
"""

import asyncio
import logging
import os
import re
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from pathlib import Path

from liveface.app.files.schema import parse_object
from liveface.app.session.pipeline import ASSETS
from liveface.engine.errors import ERRORS, CapacityError, LivefaceError, PhotoError
from liveface.engine.face.photo import FORMATS
from liveface.engine.sentences import SENTENCES

MAXIMUM_BYTES = 10_000_000  # of a photo's file

_MEMORY = (
    2_000_000_000  # bytes: the largest photo that is accepted, 106 megapixels with transparency, needs over 1.5 GB
)
_SECONDS = 45.0  # the largest photo needs 6, on a busy machine several times as much
_WAITING = 4  # photos, one of which is worked on
_LIMITS = (("-c", 0), ("-n", 256))  # no file of its memory, few open files
_NICENESS = 5  # the faces that speak come first
_REFUSED = 2  # the exit status for what the command line explains
_OF_PHOTOS = {PhotoError.kind, *(code for code in SENTENCES if code.startswith("photo_"))}
_OF_MEMORY = re.compile("memory|alloc", re.IGNORECASE)  # in Python's, C++'s and the libraries' words
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF")
_ISO_MEDIA = b"ftyp"  # after four bytes of length: AVIF and HEIC
# The frozen program is the command line itself.
_PROGRAM = (sys.executable,) if hasattr(sys, "frozen") else (sys.executable, "-m", "liveface.app.cli")
_LOGGER = logging.getLogger("liveface")


class PhotoWorker:
    """Prepares photos one after the other with `liveface prepare`, and refuses when too many wait."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        """`seconds`: after which a photo is given up."""
        self._seconds = seconds
        self._waiting = 0
        self._guard: tuple[str, ...] | None = None  # what runs before the program, found out at the first photo
        self._turn = asyncio.Lock()

    async def prepare(self, photo: bytes, folder: Path, name: str, face: int | None = None) -> None:
        """Save the avatar of a photo's file as `folder`; `face` chooses among several, from the left, from 1.

        Raises `PhotoError` with the reason if none can be made, `CapacityError` if too many photos wait, and
        `LivefaceError` if it is not the photo's fault, which the log explains.
        """
        if not (photo.startswith(_BEGINNINGS) or photo[4:8] == _ISO_MEDIA):
            raise PhotoError(code="photo_no_picture", path=Path("photo"), formats=FORMATS)
        if self._waiting >= _WAITING:
            raise CapacityError(code="photos_waiting", found=self._waiting)
        self._waiting += 1
        try:
            async with self._turn:
                with tempfile.TemporaryDirectory(prefix="upload.", dir=folder.parent) as private:
                    path = Path(private) / "photo"
                    await asyncio.to_thread(path.write_bytes, photo)
                    status, written = await self._run(path, folder, name, face)
        finally:
            self._waiting -= 1
        if status:
            raise _failure(status, written)

    async def _run(self, photo: Path, folder: Path, name: str, face: int | None) -> tuple[int, str]:
        """The exit status of the process and what it wrote about its failure."""
        choice = [] if face is None else [f"--face={face}"]
        if self._guard is None:
            self._guard = (*await _without_network(), *_restricted())
        process = await asyncio.create_subprocess_exec(
            *(*self._guard, *_PROGRAM, "prepare", str(photo), f"--out={folder}", f"--name={name}", *choice),
            cwd=ASSETS.parent,
            env=_environment(photo.parent),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
        )
        try:
            async with asyncio.timeout(self._seconds):
                _, written = await process.communicate()
        except TimeoutError as error:
            raise PhotoError(code="photo_too_slow", seconds=round(self._seconds)) from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, written.decode(errors="replace").strip()


def _failure(status: int, written: str) -> LivefaceError:
    """Why a process has failed that `written` this."""
    complaint = written.splitlines()[-1] if written else ""
    told = (parse_object(complaint) or {}).get("error") if status == _REFUSED else None
    if isinstance(told, dict) and told["code"] in _OF_PHOTOS:
        return PhotoError(told["message"], code=told["code"], **told["details"])
    if status < 0 or _OF_MEMORY.search(written):
        return PhotoError(code="photo_takes_memory")
    _LOGGER.warning("Preparing a photo ended with status %d: %s", status, complaint)
    return LivefaceError(code="photo_worker_failed")


def _environment(folder: Path) -> dict[str, str]:
    """What the program cannot do without, and so no secret of ours; `folder` is its own."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return kept | {"HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8", ERRORS: "json"}


def _restricted() -> tuple[str, ...]:
    """The shell that limits itself and then becomes the program, so that nothing of it ever runs without limits."""
    shell = shutil.which("sh")
    if os.name != "posix" or shell is None:
        _LOGGER.warning("This system cannot limit what the decoding of photos takes: only the time is limited.")
        return ()
    # Where a system knows one of the limits not, such as that of memory on macOS, the others hold.
    limits = (f"ulimit {flag} {value} 2>/dev/null" for flag, value in (("-d", _MEMORY // 1024), *_LIMITS))
    return shell, "-c", f'{"; ".join(limits)}; renice -n {_NICENESS} $$ >/dev/null 2>&1; exec "$@"', "sh"


async def _without_network() -> tuple[str, ...]:
    """What takes the network away, where a user of this system may do that."""
    unshare = shutil.which("unshare")
    if sys.platform != "linux" or unshare is None:
        return ()
    alone = (unshare, "--user", "--map-current-user", "--net")
    trial = await asyncio.create_subprocess_exec(*alone, "true", stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    return alone if await trial.wait() == 0 else ()
