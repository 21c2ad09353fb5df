"""Reads a picture file into plain RGB pixels; it does not know what a face is."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from engine.errors import PhotoError
from engine.media import Picture

MINIMUM_SIDE = 200  # pixels, of the longer side: less cannot hold a usable face with its surroundings
MAXIMUM_PIXELS = 50_000_000
WORKING_SIDE = 4096  # pixels: from twice this on, pictures are reduced for speed, but never below it
BACKGROUND = (192, 192, 192)  # neutral, behind the transparent parts of a picture

_FORMATS = ("JPEG", "MPO", "PNG", "WEBP")  # MPO: a phone's JPEG with a second picture


def read_photo(path: Path) -> Picture:
    """The picture in a JPEG, PNG or WebP file, upright, uint8 (height, width, 3) RGB.

    Its size is the file's; a picture of twice `WORKING_SIDE` or more is reduced by a whole number.
    Raises `PhotoError` for a file that is missing, not a picture, damaged, too small or too large.
    """
    if path.is_dir():
        raise PhotoError(f"{path} is a folder: give the path of one JPEG, PNG or WebP picture.")
    if not path.exists():
        raise PhotoError(f"{path} does not exist: give the path of a JPEG, PNG or WebP picture.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is judged below
            image = Image.open(path)
    except UnidentifiedImageError as error:
        raise PhotoError(f"{path} is not a JPEG, PNG or WebP picture: choose another file, or convert it.") from error
    except Image.DecompressionBombError as error:
        raise PhotoError(f"{path} has far more than 50 megapixels: scale it down first.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise PhotoError(f"{path} cannot be read ({error}): check the file and its permissions.") from error
    with image:
        if image.format not in _FORMATS:
            raise PhotoError(f"{path} is a {image.format} picture: convert it to JPEG, PNG or WebP.")
        width, height = image.size
        if width * height > MAXIMUM_PIXELS:
            found = f"{width}x{height} pixels, {width * height / 1e6:.0f} megapixels"
            raise PhotoError(f"{path} has {found}, and at most 50 are accepted: scale it down first.")
        if max(width, height) < MINIMUM_SIDE:
            raise PhotoError(f"{path} has {width}x{height} pixels: its longer side must have at least {MINIMUM_SIDE}.")
        try:
            return _decode(image)
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise PhotoError(f"{path} is damaged or incomplete ({error}): copy or export it again.") from error


def _decode(image: Image.Image) -> Picture:
    factor = max(image.size) // WORKING_SIDE
    if factor > 1:
        image.draft("RGB", (image.width // factor, image.height // factor))  # JPEG is decoded at a fraction at once
    factor = max(image.size) // WORKING_SIDE
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow's own conversion would clip to white
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    elif image.has_transparency_data:
        colours = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", colours.size, (*BACKGROUND, 255)), colours)
    image = image if image.mode == "RGB" else image.convert("RGB")
    return np.array(image.reduce(factor) if factor > 1 else image)
