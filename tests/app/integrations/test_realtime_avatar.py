"""Tests of a face that is owned by a framework for voice agents, with stand-ins for the engine."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import numpy as np
import pytest

from liveface.app.integrations.realtime_avatar import RealtimeAvatar, Spoken
from liveface.app.session.clock import Clock, MonotonicClock
from liveface.app.session.pipeline import Pipeline
from liveface.engine.errors import AudioError, ConfigurationError
from tests.app.fakes import FakeRenderer, FakeStreamer, VirtualClock, an_avatar

RATE = 24_000


def a_face(
    clock: Clock | None = None, rate: int = RATE, seconds: Callable[[int], float] = lambda index: 0.0
) -> RealtimeAvatar:
    """Without a clock, time flies: the session's threads are as fast as the machine."""
    clock = clock or VirtualClock()
    performer = Pipeline(FakeStreamer(), FakeRenderer(clock, seconds), an_avatar())  # type: ignore[arg-type]
    return RealtimeAvatar(performer, rate, clock)


def noise(seconds: float, rate: int = RATE) -> bytes:
    """PCM16 without a zero."""
    return np.random.default_rng(0).integers(1, 30_000, round(seconds * rate)).astype("<i2").tobytes()


def performed(face: RealtimeAvatar, owner: Callable[[], Awaitable[None]]) -> None:
    async def perform() -> None:
        await face.start()
        try:
            async with asyncio.timeout(30):
                await owner()
        finally:
            await face.stop()

    asyncio.run(perform())


async def until(face: RealtimeAvatar, mark: object) -> list[Spoken]:
    taken = [await following(face)]
    while mark not in taken[-1].marks:
        taken.append(await following(face))
    return taken


async def following(face: RealtimeAvatar) -> Spoken:
    spoken = await face.next()
    assert spoken is not None
    return spoken


async def until_it_fails(face: RealtimeAvatar) -> list[Spoken]:
    taken = []
    with suppress(AudioError):
        while True:
            taken.append(await following(face))
    return taken


def fail(index: int) -> float:
    if index == 20:
        raise AudioError("not a number")
    return 0.0


def joined(taken: list[Spoken]) -> np.ndarray:
    sounds = [spoken.sound for spoken in taken if spoken.sound is not None]
    return np.concatenate([np.zeros(0, np.int16), *sounds])


def is_open(spoken: Spoken) -> bool:
    return spoken.image is not None and bool(spoken.image[0, 0, 1])


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_all_sound_comes_back_as_it_was_pushed_in_pieces_of_40_ms(rate: int) -> None:
    face = a_face(rate=rate)
    pcm = noise(3.0, rate)

    async def speak() -> None:
        for start in range(0, len(pcm), 5000):
            await face.say(pcm[start : start + 5000])
        await face.mark("end")
        taken = await until(face, "end")
        sound = joined(taken)
        said = np.frombuffer(pcm, "<i2")
        assert abs(len(said) - np.count_nonzero(sound)) <= 3
        np.testing.assert_array_equal(sound[sound != 0], said[: np.count_nonzero(sound)])
        assert {len(spoken.sound) for spoken in taken if spoken.sound is not None} == {rate // 25}
        assert {spoken.image.shape for spoken in taken if spoken.image is not None} == {(48, 64, 3)}
        assert (face.width, face.height) == (64, 48)

    performed(face, speak)


def test_pictures_come_before_and_after_the_sound_too_and_then_with_a_closed_mouth() -> None:
    face = a_face(MonotonicClock())

    async def speak() -> None:
        taken = [await following(face) for _ in range(10)]
        await face.say(noise(0.6))
        await face.mark("end")
        taken += await until(face, "end")
        assert not any(map(is_open, taken[:10]))
        assert any(is_open(spoken) and spoken.sound is not None for spoken in taken)
        assert sum(spoken.sound is not None for spoken in taken) >= 15
        while is_open(spoken := await following(face)) or spoken.image is None:
            assert spoken.sound is None

    performed(face, speak)


def test_marks_come_back_in_order_after_the_sound_before_them() -> None:
    face = a_face()

    async def speak() -> None:
        await face.mark("first")
        await face.say(noise(0.4))
        await face.mark("middle")
        await face.mark("same")
        await face.say(noise(0.2))
        await face.mark("last")
        heard = await until(face, "first")
        assert len(joined(heard)) <= RATE // 25  # the picture with the first sound is not before its end
        heard += await until(face, "middle")
        assert heard[-1].marks == ("middle", "same")
        rest = await until(face, "last")
        assert np.count_nonzero(joined(heard)) >= 0.4 * RATE - 2
        assert np.count_nonzero(joined(heard)) + np.count_nonzero(joined(rest)) == pytest.approx(0.6 * RATE, abs=2)

    performed(face, speak)


def test_an_interrupt_closes_the_mouth_and_its_sound_is_never_heard_again() -> None:
    face = a_face(MonotonicClock(), seconds=lambda index: 0.005)

    async def speak() -> None:
        await face.say(noise(5.0))
        await face.mark("forgotten")
        while not is_open(await following(face)):
            pass
        await face.next()
        assert face.interrupt() == ["forgotten"]
        await face.say(b"\x01\x00" * RATE)
        await face.mark("end")
        taken = []
        while not taken or is_open(taken[-1]):
            taken.append(await following(face))
        later = await until(face, "end")
        assert not any(map(is_open, later))  # what is said now is too quiet
        taken += later
        assert set(joined(taken).tolist()) <= {0, 1}
        assert np.count_nonzero(joined(taken)) == pytest.approx(RATE, abs=2)

    performed(face, speak)


def test_an_interrupt_of_silence_forgets_nothing_that_comes_later() -> None:
    face = a_face()

    async def speak() -> None:
        await face.next()
        assert face.interrupt() == []
        await face.mark("alone")
        await until(face, "alone")
        await face.say(noise(0.2))
        await face.mark("end")
        assert np.count_nonzero(joined(await until(face, "end"))) == pytest.approx(0.2 * RATE, abs=2)

    performed(face, speak)


def test_nothing_is_said_to_an_owner_that_takes_nothing() -> None:
    face = a_face()

    async def speak() -> None:
        while not face._source.is_paused:
            await asyncio.sleep(0.01)
        pcm = noise(2.0)
        await face.say(pcm)
        await face.mark("end")
        await asyncio.sleep(0.3)  # minutes of virtual time
        assert len(face._waiting) == 1
        assert face._source.ahead == 2.0
        sound = joined(await until(face, "end"))
        np.testing.assert_array_equal(sound[sound != 0], np.frombuffer(pcm, "<i2")[: np.count_nonzero(sound)])
        assert np.count_nonzero(sound) == pytest.approx(2 * RATE, abs=2)

    performed(face, speak)


def test_an_owner_that_stops_to_take_loses_pictures_and_no_sound() -> None:
    face = a_face()

    async def speak() -> None:
        pcm = noise(5.0)
        await face.say(pcm)
        await face.mark("end")
        taken = []
        while not taken or taken[-1].sound is None:
            taken.append(await following(face))
        while not face._source.is_paused:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)  # minutes of virtual time
        assert len(face._waiting) <= 17
        assert sum(spoken.image is not None for spoken in face._waiting) <= 3
        taken += await until(face, "end")
        sound = joined(taken)
        np.testing.assert_array_equal(sound[sound != 0], np.frombuffer(pcm, "<i2")[: np.count_nonzero(sound)])
        assert np.count_nonzero(sound) == pytest.approx(5 * RATE, abs=2)

    performed(face, speak)


def test_what_fails_in_the_engine_is_raised_to_the_owner_once_and_then_there_are_no_more_pictures() -> None:
    face = a_face(seconds=fail)

    async def watch() -> None:
        with pytest.raises(AudioError):
            await until(face, "never")
        assert await face.next() is None

    performed(face, watch)


def test_an_owner_that_waits_for_a_picture_is_told_that_the_face_was_stopped() -> None:
    face = a_face()

    async def watch() -> None:
        await face.next()
        stopping = asyncio.create_task(face.stop())
        while await face.next() is not None:
            pass
        await stopping

    performed(face, watch)


def test_no_sound_of_a_face_that_fails_is_lost_though_more_was_pushed_than_can_wait() -> None:
    face = a_face(seconds=fail)
    pcm = noise(125.0)

    async def speak() -> None:
        saying = asyncio.create_task(face.say(pcm))
        taken = await until_it_fails(face)
        sound = joined(taken + face.take_rest())
        not_added = np.frombuffer(await saying, "<i2")
        assert len(not_added) > 0
        said = np.concatenate([sound[sound != 0], not_added])
        np.testing.assert_array_equal(said, np.frombuffer(pcm, "<i2"))

    performed(face, speak)


def test_what_was_marked_comes_in_order_out_of_a_face_that_fails() -> None:
    face = a_face(seconds=fail)

    async def speak() -> None:
        await face.say(noise(2.0))
        await face.mark("middle")
        await face.say(noise(1.0))
        await face.mark("end")
        taken = await until_it_fails(face)
        taken += face.take_rest()
        assert [spoken.marks for spoken in taken if spoken.marks] == [("middle",), ("end",)]
        middle, end = (next(i for i, spoken in enumerate(taken) if mark in spoken.marks) for mark in ("middle", "end"))
        assert np.count_nonzero(joined(taken[: middle + 1])) == pytest.approx(2 * RATE, abs=2)
        assert np.count_nonzero(joined(taken[: end + 1])) == pytest.approx(3 * RATE, abs=2)

    performed(face, speak)


def test_a_rate_that_no_picture_divides_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="choose a usual rate"):
        a_face(rate=24_001)
