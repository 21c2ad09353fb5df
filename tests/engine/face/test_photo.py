"""Reading pictures: every kind that people have, and every file that is not one."""

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from liveface.engine.errors import PhotoError
from liveface.engine.face.photo import BACKGROUND, WORKING_SIDE, read_photo

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


def test_what_telephones_call_a_hundred_megapixels_is_read(tmp_path: Path) -> None:
    quarters().resize((12_000, 9_000), Image.Resampling.NEAREST).save(tmp_path / "large.jpg")
    assert read_photo(tmp_path / "large.jpg").shape == (4500, 6000, 3)
    quarters().resize((10_000, 10_000), Image.Resampling.NEAREST).save(tmp_path / "large.png", compress_level=1)
    picture = read_photo(tmp_path / "large.png")
    assert picture.shape == (5000, 5000, 3)
    assert corners(picture) == [RED, GREEN, BLUE, WHITE]


def test_more_megapixels_are_refused_from_the_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 12_000, 10_000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(PhotoError, match="more than 110 megapixels"):
        read_photo(path)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_without_its_package_a_heic_photo_names_the_extra_and_avif_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pillow_heif.register_heif_opener()
    photo = quarters()
    photo.save(tmp_path / "photo.heic")
    photo.save(tmp_path / "photo.avif", quality=95)
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PhotoError, match=r"HEIC picture, which needs .* pip install \"liveface\[heif\]\", or convert"):
        read_photo(tmp_path / "photo.heic")
    assert read_photo(tmp_path / "photo.avif").shape == (photo.height, photo.width, 3)


@pytest.mark.parametrize("suffix", ["avif", "heic"])
def test_what_telephones_write_today_is_read_upright(tmp_path: Path, suffix: str) -> None:
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = tmp_path / f"photo.{suffix}"
    quarters().save(path, quality=95, exif=exif.tobytes(), format={"avif": "AVIF", "heic": "HEIF"}[suffix])
    picture = read_photo(path)
    assert picture.shape == (300, 200, 3)
    np.testing.assert_allclose(corners(picture), [BLUE, RED, WHITE, GREEN], atol=12)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(PhotoError):
        read_photo(path)


# Primaries and white, CIE XYZ under D50, of spaces that cameras and editors write.
SPACES = {
    "Display P3": ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407), 2.2),
    "Adobe RGB": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), 2.2),
    "ProPhoto RGB": ((0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491), 1.8),
}


def profile_of(name: str) -> bytes:
    """A colour profile as the International Color Consortium has it (ICC.1:2001-04), of three primaries and a gamma."""
    *primaries, gamma = SPACES[name]

    def place(xyz: tuple[float, ...]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in xyz)

    text = name.encode() + b"\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78),
        b"wtpt": place((0.9642, 1.0, 0.8249)),
        b"cprt": b"text\0\0\0\0nobody\0",
        **{key: place(xyz) for key, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)},
        **{key: b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) for key in (b"rTRC", b"gTRC", b"bTRC")},
    }
    table, data = struct.pack(">I", len(tags)), b""
    begin = 128 + 4 + 12 * len(tags)
    for key, body in tags.items():
        table += struct.pack(">4sII", key, begin + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    size = begin + len(data)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    header = header.ljust(68, b"\0") + b"".join(struct.pack(">i", round(v * 65536)) for v in (0.9642, 1.0, 0.8249))
    return header.ljust(128, b"\0") + table + data


def in_space(colour: tuple[int, int, int], name: str) -> tuple[int, int, int]:
    """A colour of sRGB as numbers of another space."""
    *primaries, gamma = SPACES[name]
    srgb = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.7141]])
    value = np.array(colour) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    there = np.linalg.solve(np.array(primaries).T, srgb @ linear)
    return tuple(int(v) for v in np.rint(255 * np.clip(there, 0, 1) ** (1 / gamma)))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
def test_a_colour_profile_is_honoured(tmp_path: Path, name: str, suffix: str) -> None:
    skin = (214, 160, 130)
    path = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (300, 200), in_space(skin, name)).save(path, icc_profile=profile_of(name), quality=95)
    np.testing.assert_allclose(read_photo(path)[100, 150], skin, atol=5)
    cut_out = Image.new("RGBA", (300, 200), (*in_space(skin, name), 255))
    cut_out.putpixel((0, 0), (0, 0, 0, 0))
    cut_out.save(tmp_path / "cut.png", icc_profile=profile_of(name))
    np.testing.assert_allclose(read_photo(tmp_path / "cut.png")[100, 150], skin, atol=3)


@pytest.mark.parametrize("profile", [b"nonsense", b"", b"\0" * 200, profile_of("Adobe RGB")[:200]])
def test_a_damaged_colour_profile_does_no_harm(tmp_path: Path, profile: bytes) -> None:
    Image.new("RGB", (300, 200), (214, 160, 130)).save(tmp_path / "photo.png", icc_profile=profile)
    np.testing.assert_allclose(read_photo(tmp_path / "photo.png")[100, 150], (214, 160, 130), atol=1)


def test_a_profile_of_another_kind_of_picture_does_no_harm(tmp_path: Path) -> None:
    Image.new("L", (300, 200), 150).save(tmp_path / "photo.png", icc_profile=profile_of("Adobe RGB"))
    np.testing.assert_allclose(read_photo(tmp_path / "photo.png")[100, 150], 150, atol=1)


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP"])
def test_megabytes_of_text_beside_the_picture_do_no_harm(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "photo.png"
    quarters().save(path)
    text = bytes(8 << 20)
    body = {
        b"tEXt": b"Comment\0" + b"x" * len(text),
        b"zTXt": b"Comment\0\0" + zlib.compress(text),
        b"iTXt": b"Comment\0\1\0\0\0" + zlib.compress(text),
        b"iCCP": b"profile\0\0" + zlib.compress(text),
    }[kind]
    content = path.read_bytes()
    path.write_bytes(content[:33] + chunk(kind, body) * 10 + content[33:])
    assert corners(read_photo(path)) == [RED, GREEN, BLUE, WHITE]


def rich_exif() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010F], exif[0x0110], exif[0x0131] = "Maker", "Model", "Software"
    exif[0x011A], exif[0x011B], exif[0x0128] = 72.0, 72.0, 2
    exif.get_ifd(0x8769)[0x829A] = 0.01
    exif.get_ifd(0x8769)[0x9003] = "2020:02:02 02:02:02"
    exif.get_ifd(0x8825)[2] = (1.0, 2.0, 3.0)
    return exif.tobytes()


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_whatever_is_damaged_in_what_the_camera_wrote_the_photo_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo.{suffix}"
    whole, random = rich_exif(), np.random.default_rng(13)
    small = quarters().resize((210, 140))
    for _ in range(800):
        exif = bytearray(whole)
        for place in random.integers(6, len(exif), random.integers(1, 6)):
            exif[place] = random.integers(0, 256)
        small.save(path, exif=bytes(exif[: random.integers(6, len(exif))] if random.random() < 0.2 else exif))
        assert read_photo(path).shape in ((210, 140, 3), (140, 210, 3))


def test_a_value_of_another_type_does_not_turn_the_photo_wrongly(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    content = bytearray(exif.tobytes())
    place = content.index(b"\x01\x12\x00\x03") + 3
    content[place] = 7  # bytes without a type
    quarters().save(tmp_path / "photo.jpg", exif=bytes(content), quality=95)
    assert read_photo(tmp_path / "photo.jpg").shape == (300, 200, 3)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
def test_whatever_is_damaged_in_a_file_it_is_read_or_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo.{suffix}"
    quarters().save(path, exif=rich_exif(), icc_profile=profile_of("Adobe RGB"), comment=b"taken by somebody")
    whole, random, sentences = path.read_bytes(), np.random.default_rng(13), []
    for _ in range(200):
        content = bytearray(whole)
        for place in random.integers(0, min(len(content), random.choice([200, 3000])), random.integers(1, 10)):
            content[place] = random.integers(0, 256)
        path.write_bytes(bytes(content))
        try:
            assert read_photo(path).ndim == 3
        except PhotoError as error:
            sentences.append(str(error))
    assert all("\n" not in sentence for sentence in sentences)


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
