"""Tests of a viewing as two tracks, without a connection."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from liveface.app.server.sessions.broadcast import Broadcast, Subscription
from liveface.app.server.webrtc import tracks
from liveface.app.server.webrtc.codecs import PictureEncoder, VoiceDecoder
from liveface.app.server.webrtc.tracks import FaceTrack, MediaClock, VoiceTrack
from liveface.engine.media import HOP, Frame, Picture
from tests.app.server.loopback import BLACK, SILENCE, a_frame

LOUD = (0.5 * np.sin(2 * np.pi * 440 * np.arange(HOP) / 16_000)).astype(np.float32)


class RecordingEncoder(PictureEncoder):
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__("vp8", 500_000)
        self.keys: list[bool] = []

    def encode(self, image: Picture, is_key: bool) -> bytes:
        self.keys.append(is_key)
        return b"picture"


class Stage:
    def __init__(self) -> None:
        self.relay = Broadcast(asyncio.get_running_loop())
        self.clock = MediaClock()
        self.encoder = RecordingEncoder()
        self.sounds = self.relay.view()
        self.voice = VoiceTrack(self.sounds, self.clock, lambda: 50.0)

    def face(self, executor: ThreadPoolExecutor) -> FaceTrack:
        return FaceTrack(self.relay.view(), self.clock, executor, lambda pixels: self.encoder, lambda: 50.0)


def staged(test: Callable[[Stage], Awaitable[None]]) -> None:
    async def run() -> None:
        await test(Stage())

    asyncio.run(run())


async def filled(viewing: Subscription, count: int) -> None:
    async with asyncio.timeout(5):
        while viewing.waiting < count:
            await asyncio.sleep(0)


def test_a_frames_picture_and_sound_have_the_same_time() -> None:
    async def test(stage: Stage) -> None:
        with ThreadPoolExecutor(1) as executor:
            face = stage.face(executor)
            for index in (10, 11, 13):
                stage.relay.send(a_frame(index))
                picture, first, second = await face.recv(), await stage.voice.recv(), await stage.voice.recv()
                assert picture.pts is not None
                assert picture.pts / 90_000 == first.pts / 48_000 == index / 25  # type: ignore[operator]
                assert second.pts == first.pts + 960  # type: ignore[operator]

    staged(test)


def test_a_picture_that_repeats_the_one_before_is_sent_only_as_a_key_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "_LEAST_BETWEEN_KEYS", 0.0)

    async def test(stage: Stage) -> None:
        with ThreadPoolExecutor(1) as executor:
            face = stage.face(executor)
            for index in range(3):
                stage.relay.send(Frame(index, BLACK, SILENCE, False))
            stage.relay.send(a_frame(3))
            assert [(await face.recv()).pts for _ in range(2)] == [0, 3 * 3600]
            assert stage.encoder.keys == [True, False]
            face.want_key()
            last = stage.relay.latest
            assert last is not None
            stage.relay.send(Frame(4, last.image, SILENCE, False))
            assert (await face.recv()).pts == 4 * 3600
            assert stage.encoder.keys == [True, False, True]

    staged(test)


def test_who_asks_for_many_key_pictures_gets_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "_LEAST_BETWEEN_KEYS", 3600.0)

    async def test(stage: Stage) -> None:
        with ThreadPoolExecutor(1) as executor:
            face = stage.face(executor)
            for index in range(5):
                face.want_key()
                stage.relay.send(a_frame(index))
                await face.recv()
            assert sum(stage.encoder.keys) == 1

    staged(test)


def test_sound_from_before_the_first_packet_is_left_out_and_later_none() -> None:
    async def test(stage: Stage) -> None:
        for index in range(4):
            stage.relay.send(a_frame(index))
        await filled(stage.sounds, 4)
        assert (await stage.voice.recv()).pts == 3 * 1920
        for index in range(4, 8):
            stage.relay.send(a_frame(index))
        await filled(stage.sounds, 4)
        times = [(await stage.voice.recv()).pts for _ in range(9)]
        assert times == [3 * 1920 + 960 * number for number in range(1, 10)]

    staged(test)


def test_the_rest_of_a_frame_is_silent_after_an_interruption() -> None:
    async def test(stage: Stage) -> None:
        decoder = VoiceDecoder()
        for index in range(3):
            stage.relay.send(a_frame(index, pcm=LOUD))
            heard = [decoder.decode(bytes(await stage.voice.recv())) for _ in range(2)]
            assert all(np.abs(pcm).max() > 0.2 for pcm in heard)
        stage.relay.send(a_frame(3, pcm=LOUD))
        assert np.abs(decoder.decode(bytes(await stage.voice.recv()))).max() > 0.2
        stage.relay.clear()
        rest = decoder.decode(bytes(await stage.voice.recv()))
        assert np.abs(rest[-480:]).max() < 0.1  # what the codec held back comes first

    staged(test)


def test_the_tracks_end_with_the_viewing() -> None:
    async def test(stage: Stage) -> None:
        with ThreadPoolExecutor(1) as executor:
            face = stage.face(executor)
            waiting = [asyncio.ensure_future(track.recv()) for track in (face, stage.voice)]
            await asyncio.sleep(0)
            stage.relay.close(completed=True)
            for recv in waiting:
                with pytest.raises(MediaStreamError):
                    await recv
            assert face.readyState == stage.voice.readyState == "ended"

    staged(test)


def test_the_media_clock_starts_with_the_first_frame_and_is_never_set_again() -> None:
    clock = MediaClock()
    assert clock.elapsed(10.0) is None
    clock.begin(50, 10.0)
    clock.begin(51, 99.0)
    assert clock.elapsed(10.0) == pytest.approx(2.0)
    assert clock.elapsed(11.0) == pytest.approx(3.0)


class BrokenEncoder(RecordingEncoder):
    def encode(self, image: Picture, is_key: bool) -> bytes:
        raise ValueError("The pencil broke.")


def test_what_fails_in_encoding_is_told_and_ends_the_track() -> None:
    async def test(stage: Stage) -> None:
        failures: list[Exception] = []
        broken = BrokenEncoder()
        with ThreadPoolExecutor(1) as executor:
            face = FaceTrack(
                stage.relay.view(), stage.clock, executor, lambda pixels: broken, lambda: 50.0, failures.append
            )
            stage.relay.send(a_frame(0))
            with pytest.raises(MediaStreamError):
                await face.recv()
        odd = np.zeros((HOP, 2, 2), np.float32)
        stage.relay.send(Frame(1, BLACK, odd, True))
        await asyncio.sleep(0)
        voice = VoiceTrack(stage.relay.view(), stage.clock, lambda: 50.0, failures.append)
        with pytest.raises(MediaStreamError):
            await voice.recv()
        assert [type(failure) for failure in failures] == [ValueError, ValueError]
        assert (face.readyState, voice.readyState) == ("ended", "ended")

    staged(test)


def test_a_track_that_was_ended_while_it_was_at_work_tells_of_no_failure() -> None:
    async def test(stage: Stage) -> None:
        failures: list[Exception] = []
        executor = ThreadPoolExecutor(1)
        viewing = stage.relay.view()
        face = FaceTrack(viewing, stage.clock, executor, lambda pixels: BrokenEncoder(), lambda: 50.0, failures.append)
        executor.submit(face.stop)  # before the picture
        stage.relay.send(a_frame(0))
        with pytest.raises(MediaStreamError):
            await face.recv()
        assert not failures
        executor.shutdown()

    staged(test)
