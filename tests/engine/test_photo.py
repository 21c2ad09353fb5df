"""Reading pictures: every kind that people have, and every file that is not one."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import PhotoError
from engine.photo import BACKGROUND, WORKING_SIDE, read_photo

ORIENTATION = 0x0112  # the Exif tag


def quarters() -> Image.Image:
    """A 300x200 picture: red, green over blue, white, so that a turn or a swap of channels shows."""
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[:100, :150, 0] = pixels[:100, 150:, 1] = pixels[100:, :150, 2] = 255
    pixels[100:, 150:] = 255
    return Image.fromarray(pixels)


def corners(picture: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(int(value) for value in picture[y, x]) for y in (20, -20) for x in (20, -20)]


RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
def test_png_webp_and_jpeg_are_read_as_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    quarters().save(path, quality=95)
    picture = read_photo(path)
    assert picture.shape == (200, 300, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.writeable
    np.testing.assert_allclose(corners(picture), [RED, GREEN, BLUE, WHITE], atol=6)


def test_the_format_is_judged_by_the_content_not_by_the_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    quarters().save(path, format="WEBP", lossless=True)
    assert corners(read_photo(path)) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (8, [GREEN, WHITE, RED, BLUE]),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_exif_rotation_is_applied(
    tmp_path: Path, suffix: str, orientation: int, expected: list[tuple[int, ...]]
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"turned.{suffix}"
    quarters().save(path, exif=exif, lossless=True)
    picture = read_photo(path)
    assert picture.shape[:2] == ((300, 200) if orientation in (6, 8) else (200, 300))
    assert corners(picture) == expected


def test_exif_rotation_survives_the_change_of_mode(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = tmp_path / "turned.png"
    grey = np.tile(np.linspace(0, 65535, 300).astype(np.uint16), (200, 1))
    Image.fromarray(grey).save(path, exif=exif)
    assert read_photo(path).shape == (300, 200, 3)


def test_transparent_parts_show_a_neutral_background(tmp_path: Path) -> None:
    picture = quarters().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 150, 100))
    picture.save(tmp_path / "cut.png")
    assert corners(read_photo(tmp_path / "cut.png")) == [BACKGROUND, GREEN, BLUE, WHITE]


def test_a_palette_with_a_transparent_colour_is_read(tmp_path: Path) -> None:
    picture = quarters().convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    red = picture.getpixel((0, 0))
    picture.save(tmp_path / "palette.png", transparency=red)
    assert corners(read_photo(tmp_path / "palette.png")) == [BACKGROUND, GREEN, BLUE, WHITE]


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 300).astype(np.uint16), (200, 1))
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    picture = read_photo(tmp_path / "deep.png")
    np.testing.assert_allclose(picture[100, :, 0], np.linspace(0, 255, 300), atol=1.5)


def test_eight_bit_grey_with_alpha_is_read(tmp_path: Path) -> None:
    quarters().convert("LA").save(tmp_path / "grey.png")
    picture = read_photo(tmp_path / "grey.png")
    assert picture.shape == (200, 300, 3)
    assert (picture[..., 0] == picture[..., 1]).all()


def test_a_cmyk_jpeg_is_read(tmp_path: Path) -> None:
    quarters().convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    np.testing.assert_allclose(corners(read_photo(tmp_path / "print.jpg")), [RED, GREEN, BLUE, WHITE], atol=8)


def test_a_very_large_jpeg_is_reduced_but_not_below_the_working_side(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    quarters().resize((8640, 5760)).save(path)  # 49.8 megapixels
    picture = read_photo(path)
    assert picture.shape == (2880, 4320, 3)
    assert max(picture.shape) >= WORKING_SIDE
    np.testing.assert_allclose(corners(picture), [RED, GREEN, BLUE, WHITE], atol=8)


def test_a_large_png_is_reduced_too(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    quarters().resize((8200, 600), Image.Resampling.NEAREST).save(path, compress_level=1)
    assert read_photo(path).shape == (300, 4100, 3)


def test_a_hundred_megapixels_are_refused_from_the_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(PhotoError, match=r"10000x10000 pixels, 100 megapixels, and at most 50"):
        read_photo(path)


def test_a_picture_that_pillow_takes_for_a_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.webp"
    header = struct.pack("<I", 0x10) + (16000).to_bytes(3, "little") + (16000).to_bytes(3, "little")
    content = b"WEBPVP8X" + struct.pack("<I", 10) + header
    path.write_bytes(b"RIFF" + struct.pack("<I", len(content)) + content)
    with pytest.raises(PhotoError):
        read_photo(path)


def test_one_pixel_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    with pytest.raises(PhotoError, match="1x1 pixels: its longer side must have at least 200"):
        read_photo(tmp_path / "dot.png")


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PhotoError, match=r"cut\.\w+ (is damaged or incomplete|cannot be read|is not a JPEG)"):
        read_photo(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x00\x00\x00\x00WEBP"])
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=r"photo\.jpg"):
        read_photo(path)


def test_other_picture_formats_are_refused_with_the_remedy(tmp_path: Path) -> None:
    quarters().save(tmp_path / "old.bmp")
    with pytest.raises(PhotoError, match="is a BMP picture: convert it to JPEG, PNG or WebP"):
        read_photo(tmp_path / "old.bmp")


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="is a folder"):
        read_photo(tmp_path)
    with pytest.raises(PhotoError, match="does not exist"):
        read_photo(tmp_path / "missing.jpg")
