"""What stands beside the picture in its file: which way up it is, and texts that are in the way of reading it.

Looks at bytes only, believes nothing that they say, and never fails: photos come with anything in them.
"""

import struct
import zlib

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_ORIENTATION = 0x0112
_SHORT, _LONG, _BYTE = 3, 4, 1  # types of a value
_MOST_ENTRIES = 1000
_LARGEST_TEXT = 1 << 17  # bytes unpacked: no text of use is longer, and a colour profile hardly ever
_LARGEST_PROFILE = 1 << 20  # bytes unpacked, which is what Pillow reads
_ALL_TEXTS = 1 << 22
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_BESIDE = (*_TEXTS, b"eXIf", b"iCCP")


def orientation(exif: bytes) -> int:
    """How the picture is turned, 1 to 8 as Exif has it; 1, upright, where nothing sensible is said."""
    exif = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return 1
    (place,) = struct.unpack_from(f"{order}I", exif, 4)
    if place + 2 > len(exif):
        return 1
    (count,) = struct.unpack_from(f"{order}H", exif, place)
    for entry in range(min(count, _MOST_ENTRIES)):
        start = place + 2 + 12 * entry
        if start + 12 > len(exif):
            break
        tag, kind, _ = struct.unpack_from(f"{order}HHI", exif, start)
        if tag == _ORIENTATION:
            form = {_SHORT: "H", _LONG: "I", _BYTE: "B"}.get(kind, "H")
            (value,) = struct.unpack_from(f"{order}{form}", exif, start + 8)
            return value if 1 <= value <= 8 else 1
    return 1


def without_long_texts(content: bytes) -> bytes:
    """A PNG file without the texts and profiles that are too long to be read; anything else as it is."""
    if not content.startswith(_PNG):
        return content
    parts, texts = [_PNG], 0
    for kind, begin, end in _png_chunks(content):
        body = content[begin + 8 : end - 4]
        if kind in _TEXTS:
            size = _unpacked(body, _LARGEST_TEXT)
            texts += size
            if size > _LARGEST_TEXT or texts > _ALL_TEXTS:
                continue
        if kind == b"iCCP" and _unpacked(body, _LARGEST_PROFILE) > _LARGEST_PROFILE:
            continue
        parts.append(content[begin:end])
    return b"".join(parts)


def without_metadata(content: bytes) -> bytes:
    """A JPEG, PNG or WebP file with nothing but what its picture needs; anything else as it is."""
    if content.startswith(_PNG):
        kept = [
            b for kind, a, e in _png_chunks(content) if (b := content[a:e]) and kind not in (*_TEXTS, b"eXIf", b"iCCP")
        ]
        return _PNG + b"".join(kept)
    if content.startswith(_JPEG):
        return _bare_jpeg(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _bare_webp(content)
    return content


def _png_chunks(content: bytes) -> list[tuple[bytes, int, int]]:
    """Kind, begin and end of all chunks; the last one may be cut off."""
    chunks, place = [], len(_PNG)
    while place + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        end = min(place + 12 + length, len(content))
        chunks.append((kind, place, end))
        place = end
    return chunks


def _unpacked(body: bytes, most: int) -> int:
    """How long a text is at least, unpacked if it is packed; a little more than `most` where it is longer."""
    keyword = body.find(b"\x00")
    size = len(body)
    for start in (keyword + 2, keyword + 3):  # after the method, and in iTXt after a flag
        packer = zlib.decompressobj()
        try:
            size = max(size, len(packer.decompress(body[start:], most + 1)))
        except zlib.error:
            continue
    return size


def _bare_jpeg(content: bytes) -> bytes:
    """Without the application's segments, but for JFIF's and Adobe's, which say what the colours are."""
    parts, place = [_JPEG], 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        if marker == 0xDA:  # the picture itself
            break
        end = place + 2 + struct.unpack_from(">H", content, place + 2)[0]
        is_application = 0xE1 <= marker <= 0xEF and marker != 0xEE
        if not is_application and marker != 0xFE:
            parts.append(content[place:end])
        place = end
    return b"".join(parts) + content[place:]


def _bare_webp(content: bytes) -> bytes:
    parts, place = [], 12
    while place + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, place)
        end = place + 8 + length + length % 2
        part = bytearray(content[place:end])
        if kind == b"VP8X" and len(part) > 8:
            part[8] &= ~0x2C  # profile, Exif and XMP are no longer there
        if kind not in (b"EXIF", b"XMP ", b"ICCP"):
            parts.append(bytes(part))
        place = end
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body
