"""Tells what somebody drops on the window or pastes into it: a photo, or a sound file."""

from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData
from PyQt6.QtGui import QImage

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif")
SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".aac", ".mp4", ".mkv", ".webm", ".mov")


@dataclass(frozen=True, slots=True)
class Arrivals:
    """`photos`: files, or what PNG files would hold. `sound`: a file. `others`: files that cannot be used."""

    photos: list[Path | bytes]
    sound: Path | None = None
    others: tuple[Path, ...] = ()


def arrivals_in(data: QMimeData | None) -> Arrivals:
    """What can be used of dropped or pasted data."""
    if data is None:
        return Arrivals([])
    files = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
    photos: list[Path | bytes] = [file for file in files if file.suffix.lower() in PHOTO_SUFFIXES]
    sounds = [file for file in files if file.suffix.lower() in SOUND_SUFFIXES]
    others = tuple(file for file in files if file.suffix.lower() not in PHOTO_SUFFIXES + SOUND_SUFFIXES)
    if not files and data.hasImage():
        image = data.imageData()
        if isinstance(image, QImage) and not image.isNull():
            photos.append(_as_png(image))
    return Arrivals(photos, sounds[0] if sounds else None, others)


def _as_png(image: QImage) -> bytes:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return content.data()
