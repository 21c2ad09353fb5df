"""Tests of reading media, on files that PyAV writes here."""

import re
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from liveface.app.files.media_files import audio_of, iterate_audio, read_audio, read_video
from liveface.engine.errors import AudioError, MediaError
from tests.app.fakes import write_sound

TONE = 440.0  # Hz


def tone(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    wave = 0.5 * np.sin(2 * np.pi * TONE * np.arange(round(seconds * rate)) / rate)
    return np.tile(wave.astype(np.float32), (channels, 1))


def assert_is_tone(sound: np.ndarray, seconds: float, tolerance: float, padding: int = 1) -> None:
    assert sound.dtype == np.float32
    assert abs(len(sound) - seconds * 16_000) <= padding
    sound = sound[: round(seconds * 16_000)]
    expected = tone(seconds, 16_000)[0][: len(sound)]
    middle = slice(800, len(expected) - 800)  # a resampler rings at a hard start
    np.testing.assert_allclose(sound[middle], expected[middle], atol=tolerance)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_any_rate_becomes_16_khz(tmp_path: Path, rate: int) -> None:
    path = write_sound(tmp_path / "a.wav", tone(1.5, rate), rate)
    assert_is_tone(read_audio(path), 1.5, 0.002)


def test_reading_ends_at_once_when_it_is_no_longer_wanted(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(10, 16_000), 16_000)
    checks: list[None] = []

    def check() -> None:
        checks.append(None)
        if len(checks) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        read_audio(path, check=check)
    assert len(checks) == 3


@pytest.mark.parametrize(
    ("codec", "kind", "tolerance"),
    [
        ("pcm_u8", np.uint8, 0.02),
        ("pcm_s16le", np.int16, 0.002),
        ("pcm_s32le", np.int32, 0.002),
        ("pcm_f32le", np.float32, 0.002),
        ("pcm_f64le", np.float64, 0.002),
    ],
)
def test_any_sample_format_is_read(tmp_path: Path, codec: str, kind: type, tolerance: float) -> None:
    sound = tone(1, 48_000, 2).astype(np.float64)
    if kind is np.uint8:
        samples = np.round(sound * 127 + 128).astype(kind)
    elif np.issubdtype(kind, np.integer):
        samples = np.round(sound * np.iinfo(kind).max).astype(kind)
    else:
        samples = sound.astype(kind)
    path = write_sound(tmp_path / "a.wav", samples, 48_000, codec, "stereo")
    assert_is_tone(read_audio(path), 1, tolerance)


@pytest.mark.parametrize(("name", "codec", "rate"), [("a.wav", "pcm_s32le", 192_000), ("a.m4a", "aac", 48_000)])
def test_eight_channels_are_mixed(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    path = write_sound(tmp_path / name, tone(1, rate, 8), rate, codec, layout="7.1")
    # AAC comes in pieces of 1024 samples, and its low-frequency channel loses the tone.
    assert_is_tone(read_audio(path), 1, 0.1, padding=345)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.flac", "flac"), ("a.m4a", "aac"), ("a.mp3", "libmp3lame"), ("a.ogg", "libopus")]
)
def test_compressed_sound_keeps_its_place(tmp_path: Path, name: str, codec: str) -> None:
    clicks = np.zeros((1, 96_000), np.float32)
    clicks[0, 48_000:48_048] = 0.9
    path = write_sound(tmp_path / name, clicks, 48_000, codec)
    sound = read_audio(path)
    assert abs(int(np.argmax(np.abs(sound))) - 16_008) <= 16


def test_blocks_join_to_the_whole_and_all_but_the_last_are_full(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(1.23, 44_100), 44_100)
    blocks = list(iterate_audio(path, 320))
    assert {len(block) for block in blocks[:-1]} == {320}
    np.testing.assert_array_equal(np.concatenate(blocks)[:, 0], read_audio(path))


def test_a_stereo_file_keeps_its_sides_when_two_channels_are_asked_for(tmp_path: Path) -> None:
    sides = np.stack([tone(1, 48_000)[0], np.zeros(48_000, np.float32)])
    path = write_sound(tmp_path / "a.wav", sides, 48_000, layout="stereo")
    stereo = np.concatenate(list(iterate_audio(path, 1920, 48_000, channels=2)))
    assert stereo.shape == (48_000, 2)
    assert np.abs(stereo[:, 0]).max() > 0.4
    assert np.abs(stereo[:, 1]).max() == 0


def test_sound_beyond_full_scale_is_clipped_there(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", np.full((1, 16_000), 1e30, np.float32), 16_000)
    assert read_audio(path).max() == 1


def test_a_truncated_wave_file_is_an_error(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(2, 16_000), 16_000)
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(AudioError, match="truncated"):
        read_audio(path)


def test_a_wave_file_that_ends_before_its_sound_is_an_error(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(2, 16_000), 16_000)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(AudioError, match="truncated"):
        read_audio(path)


def test_a_wave_file_of_unknown_length_is_read(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", tone(1, 16_000), 16_000)
    data = bytearray(path.read_bytes())
    size = data.index(b"data") + 4
    data[size : size + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(data))
    assert_is_tone(read_audio(path), 1, 0.002)


@pytest.mark.parametrize(("name", "codec"), [("a.flac", "flac"), ("a.m4a", "aac"), ("a.mka", "flac")])
def test_other_truncated_files_are_errors(tmp_path: Path, name: str, codec: str) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 160_000)).astype(np.float32)
    path = write_sound(tmp_path / name, noise, 16_000, codec)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(AudioError):
        read_audio(path)


@pytest.mark.parametrize(
    "size", [0x7FFFF000, 0x80000000, 2_000_000_000, 0x7FFFFFFF, 0xFFFFFFFF, 0, 0x7FFFF024, 0xFFFFFFDB]
)
@pytest.mark.parametrize("cut", [0, 1])
def test_a_wave_file_whose_writer_did_not_know_its_length_is_read_to_its_end(
    tmp_path: Path, size: int, cut: int
) -> None:
    path = write_sound(tmp_path / "a.wav", (tone(1, 16_000) * 32767).astype(np.int16), 16_000, "pcm_s16le")
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(bytes(data[: len(data) - cut]))
    assert_is_tone(read_audio(path), 1, 0.002)


@pytest.mark.parametrize("size", [40_000, 900_000_000])
def test_a_wave_file_that_promises_more_than_it_has_is_truncated(tmp_path: Path, size: int) -> None:
    path = write_sound(tmp_path / "a.wav", (tone(1, 16_000) * 32767).astype(np.int16), 16_000, "pcm_s16le")
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(AudioError, match="truncated"):
        read_audio(path)


@pytest.mark.parametrize(
    ("suffix", "codec", "second_rate", "second_layout"),
    [
        ("aac", "aac", 22_050, "mono"),
        ("mp3", "libmp3lame", 22_050, "stereo"),
        ("ogg", "flac", 22_050, "stereo"),
        ("ogg", "libopus", 48_000, "stereo"),
        ("flac", "flac", 44_100, "mono"),
    ],
)
def test_files_that_were_joined_are_read_to_the_end_whatever_their_rates(
    tmp_path: Path, suffix: str, codec: str, second_rate: int, second_layout: str
) -> None:
    first = write_sound(tmp_path / f"1.{suffix}", tone(1.5, 44_100), 44_100, "flac" if suffix == "ogg" else codec)
    second = write_sound(
        tmp_path / f"2.{suffix}",
        tone(1.5, second_rate, 2 if second_layout == "stereo" else 1),
        second_rate,
        codec,
        layout=second_layout,
    )
    joined = tmp_path / f"joined.{suffix}"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    for channels in (1, 2):
        sound = np.concatenate(list(iterate_audio(joined, 1600, channels=channels)))
        assert sound.shape[1] == channels
        assert abs(len(sound) / 16_000 - 3) < 0.25  # the encoders' padding
        for middle in (0.75, 2.25):
            piece = sound[round((middle - 0.2) * 16_000) : round((middle + 0.2) * 16_000), 0]
            strongest = np.argmax(np.abs(np.fft.rfft(piece))) / 0.4
            assert abs(strongest - TONE) < 5
            assert 0.2 < np.sqrt(np.mean(piece**2)) < 0.5


def test_damaged_packets_are_skipped_and_counted(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", tone(4, 44_100), 44_100, "libmp3lame")
    data = path.read_bytes()
    path.write_bytes(data[:12_000] + b"ID3 and more " * 100 + data[12_000:])
    told: list[str] = []
    sound = read_audio(path, tell=told.append)
    assert len(told) == 1
    assert re.fullmatch(r"a\.mp3: (1 damaged packet was|\d+ damaged packets were) skipped\.", told[0])
    assert abs(len(sound) / 16_000 - 4) < 0.2


def test_a_whole_file_is_read_without_a_word(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", tone(1, 44_100), 44_100, "libmp3lame")
    read_audio(path, tell=lambda text: pytest.fail(text))


def test_more_damage_than_sound_is_an_error(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mka", tone(2, 44_100), 44_100, "libmp3lame")
    data = bytearray(path.read_bytes())
    for place in range(2000, len(data) - 600, 40):
        data[place : place + 30] = bytes(30)
    path.write_bytes(bytes(data))
    with pytest.raises(AudioError, match=r"a\.mka"):
        read_audio(path)


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", 16_000),
        ("a.mp3", "libmp3lame", 44_100),
        ("a.aac", "aac", 44_100),
        ("a.m4a", "aac", 44_100),
        ("a.ogg", "libopus", 48_000),
        ("a.flac", "flac", 16_000),
    ],
)
def test_whatever_is_damaged_in_a_file_it_is_read_or_refused_in_one_sentence(
    tmp_path: Path, name: str, codec: str, rate: int
) -> None:
    sound = tone(0.5, rate)
    path = write_sound(tmp_path / name, (sound * 32767).astype(np.int16) if "s16" in codec else sound, rate, codec)
    whole = path.read_bytes()
    random = np.random.default_rng(13)
    for _ in range(60):
        data = bytearray(whole)
        for place in random.integers(0, len(data), random.integers(1, 20)):
            data[place] = random.integers(0, 256)
        path.write_bytes(bytes(data[: random.integers(1, len(data) + 1)] if random.random() < 0.3 else data))
        sentences = []
        try:
            assert np.isfinite(read_audio(path)).all()
        except AudioError as error:
            sentences.append(str(error))
        assert all(sentence and "\n" not in sentence for sentence in sentences)


def test_tags_in_an_encoding_of_long_ago_do_no_harm(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", tone(1, 44_100), 44_100, "libmp3lame")
    text = "Grün".encode("latin-1")
    info = b"LIST" + (4 + 8 + 6).to_bytes(4, "little") + b"INFOINAM" + (5).to_bytes(4, "little") + text + b"\0\0"
    wave_path = write_sound(tmp_path / "a.wav", tone(1, 16_000), 16_000)
    data = wave_path.read_bytes()
    place = data.index(b"data")
    wave_path.write_bytes(data[:place] + info + data[place:])
    assert len(read_audio(path)) > 15_000
    assert len(read_audio(wave_path)) == 16_000


@pytest.mark.parametrize("layout", ["5.1(side)", "7.1"])
def test_surround_sound_is_mixed_as_usual(tmp_path: Path, layout: str) -> None:
    count = {"5.1(side)": 6, "7.1": 8}[layout]
    sound = np.zeros((count, 48_000), np.float32)
    sound[2] = tone(1, 48_000)[0]  # a voice is in the centre
    path = write_sound(tmp_path / "a.wav", sound, 48_000, layout=layout)
    expected = 0.5 * np.sqrt(0.5) / (1 + (count - 4) / 2 * np.sqrt(0.5) + np.sqrt(0.5))
    for channels in (1, 2):
        mixed = np.concatenate(list(iterate_audio(path, 1600, channels=channels)))
        np.testing.assert_allclose(np.abs(mixed[2000:-2000]).max(axis=0), expected, rtol=0.01)


@pytest.mark.parametrize("sides", [1, 2])
def test_a_stereo_microphone_connected_the_wrong_way_is_heard(tmp_path: Path, sides: int) -> None:
    both = tone(1, 16_000, 2)
    both[1] *= -1
    path = write_sound(tmp_path / "a.wav", both, 16_000, layout="stereo")
    assert np.abs(read_audio(path)[2000:-2000]).max() == pytest.approx(0.5, abs=0.01)
    kept = np.concatenate(list(iterate_audio(path, 1600, channels=2)))
    np.testing.assert_allclose(kept[2000:-2000, 0], -kept[2000:-2000, 1], atol=1e-4)


@pytest.mark.parametrize("channel", [0, 17, 31])
def test_one_voice_on_one_of_32_channels_is_heard(tmp_path: Path, channel: int) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((32, 2, 16_000, 0, "NONE", ""))
        sound = np.zeros((16_000, 32), np.int16)
        sound[:, channel] = tone(1, 16_000)[0] * 32767
        file.writeframes(sound.tobytes())
    assert_is_tone(read_audio(tmp_path / "a.wav"), 1, 0.01)
    assert np.abs(np.concatenate(list(iterate_audio(tmp_path / "a.wav", 1600, channels=2)))).max() > 0.45


def test_a_file_of_0_seconds_is_an_error(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    with pytest.raises(AudioError, match="0 seconds"):
        read_audio(tmp_path / "a.wav")


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(AudioError, match="0 bytes"):
        read_audio(tmp_path / "a.wav")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="does not exist"):
        read_audio(tmp_path / "a.wav")


def test_text_is_not_sound(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("this is no sound " * 100)
    with pytest.raises(AudioError, match="not a media file"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sample_that_is_not_a_number_is_named_by_its_time(tmp_path: Path, value: float) -> None:
    sound = tone(1, 16_000)
    sound[0, 8_000] = value
    path = write_sound(tmp_path / "a.wav", sound, 16_000)
    with pytest.raises(AudioError, match=r"not a number at 0\.500 s"):
        read_audio(path)


def write_video(path: Path, pictures: int = 5, fps: int = 25) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        for index in range(pictures):
            image = np.zeros((48, 64, 3), np.uint8)
            image[:24] = 40 * index
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_video_gives_its_pictures_in_order_and_its_rate(tmp_path: Path) -> None:
    pictures, fps = read_video(write_video(tmp_path / "a.mkv", fps=30))
    assert pictures.shape == (5, 48, 64, 3)
    assert pictures.dtype == np.uint8
    assert fps == pytest.approx(30)
    np.testing.assert_allclose(pictures[:, 5, 5, 1], np.arange(5) * 40, atol=6)
    assert pictures[:, 40, 5].max() < 8


def test_a_video_without_sound_has_the_sound_beside_it(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mkv")
    write_sound(tmp_path / "a.wav", tone(1, 16_000), 16_000)
    assert len(audio_of(video)) == 16_000


def test_a_video_without_any_sound_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no sound"):
        audio_of(write_video(tmp_path / "a.mkv"))


def test_sound_has_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no pictures"):
        read_video(write_sound(tmp_path / "a.wav", tone(1, 16_000), 16_000))


def test_a_clip_as_grid_distributes_it_gives_75_pictures_and_3_seconds(data_folder: Path) -> None:
    clip = next((data_folder / "grid_original").rglob("*.mpg"))
    pictures, fps = read_video(clip)
    assert pictures.shape == (75, 288, 360, 3)
    assert fps == 25
    assert abs(len(audio_of(clip)) - 3 * 16_000) < 2000


def test_no_sample_is_louder_than_promised_though_resampling_goes_beyond_steps(tmp_path: Path) -> None:
    steps = np.sign(np.sin(np.arange(48_000) / 40)).astype(np.float32)[None]
    sound = read_audio(write_sound(tmp_path / "steps.wav", steps, 48_000))
    assert np.abs(sound).max() == 1
