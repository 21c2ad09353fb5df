"""Tests of encoding, by decoding with FFmpeg."""

import av
import numpy as np
import pytest

from liveface.app.server.webrtc.codecs import (
    VOICE_DELAY,
    VOICE_SAMPLES,
    PictureCodec,
    PictureEncoder,
    VoiceDecoder,
    VoiceEncoder,
    voice_length,
)
from liveface.app.session.pipeline import DEFAULT_AVATAR
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Picture

CODECS: tuple[PictureCodec, ...] = ("vp8", "h264")
DECODERS = {"vp8": "vp8", "h264": "h264"}


def pictures(count: int, side: int = 256) -> list[Picture]:
    face = Avatar.load(DEFAULT_AVATAR).framed(side, side).photo
    return [np.roll(face, number, axis=1) for number in range(count)]


def decoded(codec: PictureCodec, packets: list[bytes]) -> list[Picture]:
    decoder = av.CodecContext.create(DECODERS[codec], "r")
    found = [frame for packet in packets for frame in decoder.decode(av.Packet(packet))]
    found += decoder.decode(None)
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in found]  # type: ignore[union-attr, call-arg]


def is_key(codec: PictureCodec, packet: bytes) -> bool:
    if codec == "vp8":
        return not packet[0] & 1  # RFC 6386, section 9.1
    return b"\0\0\1\x65" in packet


@pytest.mark.parametrize("codec", CODECS)
def test_each_picture_is_one_packet_at_once_and_looks_as_it_was(codec: PictureCodec) -> None:
    encoder = PictureEncoder(codec, 2_000_000)
    originals = pictures(8)
    packets = [encoder.encode(picture, False) for picture in originals]
    assert all(packets)
    for original, seen in zip(originals, decoded(codec, packets), strict=True):
        assert np.abs(original.astype(int) - seen).mean() < 5


@pytest.mark.parametrize("codec", CODECS)
def test_a_key_picture_comes_when_it_is_asked_for_and_when_the_rate_changes(codec: PictureCodec) -> None:
    encoder = PictureEncoder(codec, 1_000_000)
    keys = []
    for number, picture in enumerate(pictures(12, 128)):
        if number == 8:
            encoder.bitrate = 500_000
        if is_key(codec, encoder.encode(picture, number == 4)):
            keys.append(number)
    assert keys == [0, 4, 8]


@pytest.mark.parametrize("codec", CODECS)
def test_the_bit_rate_is_kept(codec: PictureCodec) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (20, 128, 128, 3), np.uint8)
    for bitrate in (300_000, 1_200_000):
        encoder = PictureEncoder(codec, bitrate)
        size = sum(len(encoder.encode(noise[number % 20] // 8 + 100, False)) for number in range(75))
        assert size * 8 / 3 < 1.5 * bitrate


def test_sound_survives_and_is_late_by_what_is_stated() -> None:
    pcm = np.zeros(VOICE_SAMPLES * 50, np.float32)
    pcm[8000:8032] = 0.8 * np.sin(2 * np.pi * 2000 * np.arange(32) / 16_000) * np.hanning(32)
    encoder, decoder = VoiceEncoder(), VoiceDecoder()
    packets = [encoder.encode(block) for block in pcm.reshape(-1, VOICE_SAMPLES)]
    heard = np.concatenate([decoder.decode(packet) for packet in packets])
    assert len(heard) == 3 * len(pcm)
    delay = np.abs(heard).argmax() / 48_000 - np.abs(pcm).argmax() / 16_000
    assert delay == pytest.approx(VOICE_DELAY, abs=0.002)
    assert {voice_length(packet) for packet in packets} == {960}


@pytest.mark.parametrize(
    ("packet", "length"),
    [
        (b"", 0),
        (b"\x08", 960),
        (b"\x18", 2880),
        (b"\x60", 480),
        (b"\xfc", 960),
        (b"\xfd", 1920),
        (b"\xff\x03", 2880),
        (b"\xff\x3f", 0),
    ],
)
def test_the_length_of_a_packet_is_told_by_its_beginning(packet: bytes, length: int) -> None:
    assert voice_length(packet) == length


def test_what_is_no_opus_is_no_sound() -> None:
    assert len(VoiceDecoder().decode(b"\xff\xff\xff")) == 0
