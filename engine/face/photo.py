"""Reads a picture file into plain RGB pixels; it does not know what a face is."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, UnidentifiedImageError

from liveface.engine.errors import PhotoError
from liveface.engine.extras import installing
from liveface.engine.face.picture_bytes import orientation, without_long_texts, without_metadata
from liveface.engine.media import Picture

MINIMUM_SIDE = 200  # pixels, of the longer side: less cannot hold a usable face with its surroundings
MAXIMUM_PIXELS = 110_000_000  # telephones' "100 megapixels" are up to 108
WORKING_SIDE = 4096  # pixels: from twice this on, pictures are reduced for speed, but never below it
BACKGROUND = (192, 192, 192)  # neutral, behind the transparent parts of a picture
FORMATS = "JPEG, PNG, WebP, AVIF or HEIC"

_MEGAPIXELS = MAXIMUM_PIXELS // 1_000_000
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "HEIF")  # MPO: a phone's JPEG with a second picture
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_photo(path: Path) -> Picture:
    """The picture in a JPEG, PNG, WebP, AVIF or HEIC file, upright, in sRGB, uint8 (height, width, 3) RGB.

    Its size is the file's; a picture of twice `WORKING_SIDE` or more is reduced by a whole number.
    Raises `PhotoError` for a file that is missing, not a picture, damaged, too small or too large.
    """
    if path.is_dir():
        raise PhotoError(code="photo_is_folder", path=path, formats=FORMATS)
    if not path.exists():
        raise PhotoError(code="photo_absent", path=path, formats=FORMATS)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PhotoError(code="photo_unreadable", path=path, reason=error.strerror or type(error).__name__) from error
    try:
        return _read(path, without_long_texts(content))
    except PhotoError:
        bare = without_metadata(content)
        if bare == content:
            raise
    return _read(path, bare)  # what stood beside the picture may have been all that was wrong


def _read(path: Path, content: bytes) -> Picture:
    needs_heif = content[4:8] == b"ftyp" and content[8:12] not in (b"avif", b"avis") and not _can_read_heif()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the size, which is judged below, and of damage that does no harm
        try:
            image = Image.open(io.BytesIO(content))
        except UnidentifiedImageError as error:
            if needs_heif:
                raise _without_heif(path) from error
            raise PhotoError(code="photo_no_picture", path=path, formats=FORMATS) from error
        except Image.DecompressionBombError as error:
            raise PhotoError(code="photo_too_large", path=path, most=_MEGAPIXELS) from error
        except Exception as error:  # Pillow raises anything at what it does not expect
            if needs_heif:  # what it has taken for AVIF
                raise _without_heif(path) from error
            raise PhotoError(code="photo_damaged", path=path, reason=_shown(error)) from error
        with image:
            _check(path, image)
            try:
                return _decode(image)
            except MemoryError as error:
                raise PhotoError(code="photo_no_memory", path=path) from error
            except Exception as error:  # likewise
                raise PhotoError(code="photo_damaged", path=path, reason=_shown(error)) from error


def _can_read_heif() -> bool:
    """Whether HEIC can be read; from then on Pillow does."""
    try:
        import pillow_heif  # takes a moment to load
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _without_heif(path: Path) -> PhotoError:
    return PhotoError(
        f"{path} is a HEIC picture, which needs the package pillow-heif: {installing('heif')}, or convert it to JPEG."
    )


def _check(path: Path, image: Image.Image) -> None:
    if image.format not in _FORMATS:
        raise PhotoError(code="photo_other_format", path=path, found=image.format)
    width, height = image.size
    if width * height > MAXIMUM_PIXELS:
        raise PhotoError(code="photo_too_large", path=path, most=_MEGAPIXELS, width=width, height=height)
    if max(width, height) < MINIMUM_SIDE:
        raise PhotoError(code="photo_too_small", path=path, width=width, height=height, least=MINIMUM_SIDE)


def _shown(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _decode(image: Image.Image) -> Picture:
    factor = max(image.size) // WORKING_SIDE
    if factor > 1:
        image.draft("RGB", (image.width // factor, image.height // factor))  # JPEG is decoded at a fraction at once
    factor = max(image.size) // WORKING_SIDE
    image.load()
    about = dict(image.info)
    turn = _UPRIGHT.get(_turned(image))
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow's own conversion would clip to white
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    elif image.has_transparency_data and image.mode != "RGBA":
        image = image.convert("RGBA")
    elif image.mode in ("P", "1"):
        image = image.convert("RGB")
    if factor > 1:  # before the colours are converted, which takes longer
        image = image.reduce(factor)
    image = _in_srgb(image, about.get("icc_profile"))
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, (*BACKGROUND, 255)), image)
    image = image if image.mode == "RGB" else image.convert("RGB")
    return np.array(image if turn is None else image.transpose(turn))


def _turned(image: Image.Image) -> int:
    """How the picture is turned, as Exif numbers it."""
    exif = image.info.get("exif")
    if isinstance(exif, bytes) and exif:
        return orientation(exif)
    try:
        found = image.getexif().get(0x0112)  # some programs hide it in a text
    except Exception:  # Pillow raises anything at what it does not expect
        return 1
    return found if isinstance(found, int) else 1


def _in_srgb(image: Image.Image, profile: object) -> Image.Image:
    """The picture in the colours that every screen shows, if its file says in which ones it is."""
    if not isinstance(profile, bytes) or not profile:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except Exception:  # a damaged profile, or one that is not for such pictures: shown as if there were none
        return image
    return image if converted is None else converted
