"""Tests of the numbers in pictures: through codecs, scaling and torn reading."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveface.app.measure.frame_marks import MarkedRenderer, block_size, marked, read, read_blocks
from liveface.app.session.pipeline import DEFAULT_AVATAR
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Picture
from tests.app.fakes import FakeRenderer, FakeStreamer, VirtualClock, an_avatar

PHOTO = Avatar.load(DEFAULT_AVATAR).framed(512, 512).photo


@given(st.integers(0, (1 << 20) - 1))
def test_every_number_is_read_back(number: int) -> None:
    assert read(marked(PHOTO[:128, :160], number)) == number


def test_only_the_corner_of_a_copy_is_changed() -> None:
    before = PHOTO.copy()
    picture = marked(PHOTO, 7)
    np.testing.assert_array_equal(PHOTO, before)
    cell = block_size(512, 512)
    changed = np.argwhere((picture != PHOTO).any(axis=2))
    assert (changed.max(axis=0) < (4 * cell, 8 * cell)).all()


def test_a_picture_without_a_number_gives_none() -> None:
    assert read(PHOTO) is None
    assert read(np.zeros_like(PHOTO)) is None
    assert read(np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)) is None


@pytest.mark.parametrize("size", [(200, 200), (333, 333), (720, 720), (1024, 1024)])
def test_a_scaled_picture_is_read(size: tuple[int, int]) -> None:
    for number in (0, 1, 511, 512, 123_456):
        assert read(np.asarray(cv2.resize(marked(PHOTO, number), size), np.uint8)) == number


@pytest.mark.parametrize(("codec", "rate"), [("libx264", 300_000), ("libvpx", 300_000)])
@pytest.mark.parametrize("side", [256, 512])
def test_the_numbers_survive_a_poor_video(codec: str, rate: int, side: int) -> None:
    photo = np.asarray(cv2.resize(PHOTO, (side, side)), np.uint8)
    numbers = list(range(250, 262))
    assert [read(picture) for picture in transcoded([marked(photo, n) for n in numbers], codec, rate)] == numbers


def transcoded(pictures: list[Picture], codec: str, rate: int) -> list[Picture]:
    encoder = av.CodecContext.create(codec, "w")
    encoder.height, encoder.width = pictures[0].shape[:2]  # type: ignore[attr-defined]
    encoder.pix_fmt, encoder.bit_rate, encoder.time_base = "yuv420p", rate, Fraction(1, 25)  # type: ignore[attr-defined]
    encoder.options = {"deadline": "realtime", "cpu-used": "8"} if codec == "libvpx" else {"tune": "zerolatency"}
    decoder = av.CodecContext.create("h264" if codec == "libx264" else "vp8", "r")
    frames = [av.VideoFrame.from_ndarray(picture, "rgb24") for picture in pictures]
    for index, frame in enumerate(frames):
        frame.pts = index
    packets = [packet for frame in [*frames, None] for packet in encoder.encode(frame)]  # type: ignore[attr-defined]
    decoded = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]  # type: ignore[attr-defined]
    return [frame.to_ndarray(format="rgb24") for frame in decoded]


def test_a_picture_painted_half_is_not_taken_for_another() -> None:
    misread = 0
    for number in range(300):
        before, after = marked(PHOTO, number), marked(PHOTO, number + 1)
        for row in range(0, 64, 8):
            torn = np.concatenate([after[:row], before[row:]])
            misread += read(torn) not in (None, number, number + 1)
    assert misread <= 3


def test_a_corner_can_be_read_by_itself() -> None:
    picture = marked(PHOTO, 4711)
    assert read_blocks(picture[:64, :128, 0], 16) == 4711


def test_a_marked_renderer_numbers_what_another_one_draws() -> None:
    renderer = MarkedRenderer(FakeRenderer(VirtualClock(1)))
    motions = FakeStreamer(0).feed(np.ones(640 * 3, np.float32))
    frames = renderer.draw(motions, [an_avatar(128, 128)] * 3)
    assert [read(frame.image) for frame in frames] == [frame.index for frame in frames] == [0, 1, 2]
