"""Finds the files of which a chained Ogg file was joined: each may have a rate and a codec of its own (RFC 3533).

Knows nothing of sound.
"""

import io
from pathlib import Path

_PAGE = b"OggS"
_HEADER = 27  # bytes before the table of segments
_FIRST = 0x02  # flag of a page that begins a stream


def ogg_links(path: Path) -> list[tuple[int, int]]:
    """Begin and end of each link in bytes; empty if it is no Ogg file or has only one."""
    with path.open("rb") as file:
        if file.read(4) != _PAGE:
            return []
        file.seek(0)
        begins, was_first = [], False
        while len(header := file.read(_HEADER)) == _HEADER:
            if header[:4] != _PAGE:
                if not _found_page(file, header):
                    break
                continue
            is_first = bool(header[5] & _FIRST)
            if is_first and not was_first:
                begins.append(file.tell() - _HEADER)
            was_first = is_first
            file.seek(sum(file.read(header[26])), io.SEEK_CUR)
        end = path.stat().st_size
    return list(zip(begins, [*begins[1:], end], strict=True)) if len(begins) > 1 else []


def _found_page(file: io.BufferedReader, seen: bytes) -> bool:
    """Go on to the next page after damage, of which `seen` was read; whether there is one."""
    begin = file.tell() - len(seen) + 1
    file.seek(begin)
    while block := file.read(1 << 16):
        place = block.find(_PAGE)
        if place >= 0:
            file.seek(begin + place)
            return True
        begin += max(1, len(block) - len(_PAGE) + 1)
        file.seek(begin)
    return False


class FilePart(io.RawIOBase):
    """The bytes from `begin` to `end` of a file, as a file."""

    def __init__(self, path: Path, begin: int, end: int) -> None:
        self._file = path.open("rb")
        self._begin, self._size = begin, end - begin
        self._file.seek(begin)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place in the part."""
        return self._file.tell() - self._begin

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the part."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._size}[whence]
        self._file.seek(self._begin + max(0, base + offset))
        return self.tell()

    def read(self, size: int = -1) -> bytes:
        """At most so many bytes, all that are left if below 0."""
        left = max(0, self._size - self.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def close(self) -> None:
        """Release the file."""
        self._file.close()
        super().close()
