"""A film that grows in pieces of half a second, so that it can be played whatever ends it, and becomes ordinary later.

Knows nothing of frames, and nothing of encoders.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from errno import EBADF
from pathlib import Path
from typing import Any

import av

from liveface.app.files.output_file import create_beside, put_in_place
from liveface.engine.errors import MediaError, OutputError

INCOMPLETE = "incomplete"  # in the name of a film that grows, or that something ended
_PIECE_MS = 500
_NAME = re.compile(rf" \({INCOMPLETE}(?: \d+)?\)$")


class GrowingFilm:
    """A fragmented MP4 file under a name of its own beside `path`; whole pieces of it survive the process.

    Nobody else takes it for a leftover while this process lives.
    """

    def __init__(self, path: Path) -> None:
        """Raises `OutputError` if it cannot be made."""
        self._path = path
        self.place, self._file = create_beside(path, INCOMPLETE)
        self._has_failed = False
        _lock(self._file.fileno())
        self.container: av.container.OutputContainer = av.open(
            self,
            "w",
            format="mp4",
            options={
                # The header comes with the first piece, when it is known how much the sound's encoder puts before it.
                "movflags": "+delay_moov+default_base_moof",
                "frag_duration": str(_PIECE_MS * 1000),
                "flush_packets": "1",
            },
        )

    def write(self, content: bytes) -> int:
        """Called by the container; after one failure nothing more is written, and what is there stays whole."""
        if self._has_failed:
            raise OSError(EBADF, "the film has ended")
        try:
            rest = memoryview(content)
            while len(rest):
                rest = rest[self._file.write(rest) or 0 :]
        except OSError:
            self._has_failed = True
            raise
        return len(content)

    def flush_to_disk(self) -> None:
        """Wait until what is written would survive a power failure; raises `OSError`."""
        os.fsync(self._file.fileno())

    def abandon(self) -> None:
        """End it in whatever state it is; the file stays where it is."""
        self._has_failed = True
        with suppress(OSError, av.FFmpegError):
            self.container.close()
        with suppress(OSError):
            self._file.truncate(_whole(self.place))
        self._file.close()

    def discard(self) -> None:
        """End it and delete the file."""
        self.abandon()
        self.place.unlink(missing_ok=True)

    def finish(self, replaces: bool) -> Path:
        """Make it an ordinary MP4 file at its path, and return that, or another name if it was taken meanwhile.

        Raises `OSError` or `av.FFmpegError` where its last piece cannot be written. Where there is no room for a
        second copy, the file stays in pieces, which players play as well.
        """
        self.container.close()
        self._file.close()
        return _settled(self.place, self._path, replaces)


def is_incomplete(path: Path) -> bool:
    """Whether a film of that name has not come to a good end."""
    return _NAME.search(path.stem) is not None


def is_playable(path: Path) -> bool:
    """Whether a film holds at least one picture."""
    try:
        with av.open(str(path)) as container:
            return next(container.decode(video=0), None) is not None
    except (OSError, IndexError, av.FFmpegError):
        return False


def leftovers(folder: Path, beginning: str) -> list[Path]:
    """Films in a folder that something ended, the oldest first; none that grows at this moment."""
    try:
        found = [path for path in folder.glob(f"{beginning}*.mp4") if is_incomplete(path) and not _is_locked(path)]
        return sorted(found, key=lambda path: path.stat().st_mtime)
    except OSError:
        return []


def recover(path: Path) -> Path:
    """Make an ordinary film of an incomplete one, and return where it is; the incomplete one is deleted.

    Raises `MediaError` if there is nothing in it that can be played, and leaves it alone.
    """
    try:
        return _settled(path, path.with_name(f"{_NAME.sub('', path.stem)}{path.suffix}"), False, must_convert=True)
    except (OSError, av.FFmpegError, OutputError) as error:
        raise MediaError(f"{path.name} cannot be recovered ({error}): it is left as it is.") from error


def _settled(pieces: Path, path: Path, replaces: bool, must_convert: bool = False) -> Path:
    ordinary: Path | None = None
    try:
        ordinary, file = create_beside(path, ".part")
        file.close()
        _convert(pieces, ordinary)
    except (OSError, av.FFmpegError, OutputError):
        if ordinary is not None:
            ordinary.unlink(missing_ok=True)
        if must_convert:
            raise
        return put_in_place(pieces, path, replaces)
    except BaseException:
        if ordinary is not None:
            ordinary.unlink(missing_ok=True)
        raise
    placed = put_in_place(ordinary, path, replaces)
    pieces.unlink(missing_ok=True)
    return placed


def _convert(pieces: Path, ordinary: Path) -> None:
    """Copy pictures and sound into a file whose index stands at its beginning; what is cut off at the end is left."""
    with av.open(str(pieces)) as source, av.open(str(ordinary), "w", "mp4", {"movflags": "+faststart"}) as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        if not streams:
            raise av.InvalidDataError(0, "it holds no pictures")
        count = 0
        for packet in _packets(source):
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
            count += 1
        if not count:
            raise av.InvalidDataError(0, "it holds no pictures")
    with ordinary.open("rb+") as file:
        os.fsync(file.fileno())


def _packets(source: av.container.InputContainer) -> Iterator["av.Packet[Any]"]:
    packets = source.demux()
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError):
            return
        if packet.dts is not None and not packet.is_corrupt:
            yield packet


def _whole(path: Path) -> int:
    """How many bytes of a film belong to boxes that are complete: the last piece may be cut off."""
    size, whole = path.stat().st_size, 0
    with path.open("rb") as file:
        while len(header := file.read(8)) == 8:
            end = file.tell() - 8 + int.from_bytes(header[:4], "big")
            if not file.tell() <= end <= size:
                break
            file.seek(end)
            whole = end if header[4:] != b"moof" else whole  # which is nothing without the data that follows
    return whole


def _lock(descriptor: int) -> None:
    """Mark a file as in use until this process ends, where the system can."""
    try:
        import fcntl
    except ImportError:
        return
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_locked(path: Path) -> bool:
    try:
        import fcntl
    except ImportError:
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False
