"""Tests of the library: sound of any kind in pieces becomes frames in step with it, and nothing is lost or stale."""

import threading
from typing import Any

import numpy as np
import pytest

import liveface
import liveface.app.library.pipeline
from liveface.app.library.avatar import Avatar
from liveface.app.library.pipeline import Pipeline
from liveface.app.session.pipeline import Pipeline as Parts
from liveface.app.settings import Settings
from liveface.engine.errors import AudioError, ConfigurationError, LivefaceError
from liveface.engine.expression import REST, Expression
from liveface.engine.face import avatar as engine
from liveface.engine.media import Frame, Motion
from tests.app.fakes import FakeRenderer, FakeStreamer, VirtualClock, an_avatar

RATES = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)


@pytest.fixture(autouse=True)
def _fake_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A streamer of two frames' lookahead whose code is the sound's mean size, and a renderer that paints it."""

    def load(avatar: Avatar | None, settings: object) -> Parts:
        return Parts(FakeStreamer(2), FakeRenderer(VirtualClock()), an_avatar())  # type: ignore[arg-type]

    monkeypatch.setattr(liveface.app.library.pipeline, "load_parts", load)


def a_voice(seconds: float, rate: int) -> np.ndarray:
    return (0.1 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_the_sound_of_the_frames_is_the_sound_that_was_fed(rate: int) -> None:
    voice, random = a_voice(1.01, rate), np.random.default_rng(rate)
    with Pipeline(rate=rate) as face:
        frames = []
        for piece in np.split(voice, np.sort(random.integers(0, len(voice), 30))):
            face.feed(piece)
            frames += face.frames()
        face.flush()
        frames += face.frames()
    assert [frame.index for frame in frames] == list(range(26))
    sound = np.concatenate([frame.sound for frame in frames])
    assert {len(frame.sound) for frame in frames} == {rate // 25}
    np.testing.assert_array_equal(sound[: len(voice)], voice)
    assert not sound[len(voice) :].any()


@pytest.mark.parametrize("rate", RATES)
def test_a_frame_is_ready_when_its_sound_and_the_lookahead_have_been_fed(rate: int) -> None:
    hop, resampling = rate // 25, 0 if rate == 16_000 else round(0.002 * rate)
    with Pipeline(rate=rate) as face:
        assert face.latency == pytest.approx(0.12)
        assert face.feed(a_voice(0.12, rate)[: 3 * hop - 1]) == 0
        assert face.feed(np.zeros(1 + resampling, np.float32)) == 1
        assert face.ready == 1


def test_sixteen_bit_samples_and_doubles_are_the_same_sound() -> None:
    voice = (a_voice(0.4, 16_000) * 32768).astype(np.int16)
    heard = []
    for pcm in (voice, voice / 32768, (voice / 32768).astype(np.float32)):
        with Pipeline() as face:
            face.feed(pcm)
            face.flush()
            heard.append(np.concatenate([frame.sound for frame in face.frames()]))
    np.testing.assert_array_equal(heard[0], heard[1])
    np.testing.assert_array_equal(heard[0], heard[2])


def test_speech_may_follow_speech() -> None:
    with Pipeline(rate=24_000) as face:
        for number in range(3):
            face.feed(a_voice(0.1, 24_000))
            assert face.flush() == 3
            assert [frame.index for frame in face.frames()] == list(range(3 * number, 3 * number + 3))


def test_an_interrupt_forgets_what_was_not_taken_and_the_numbers_go_on() -> None:
    with Pipeline() as face:
        face.feed(a_voice(2, 16_000))
        frames = face.frames()
        shown = [next(frames).index for _ in range(3)]
        face.interrupt()
        assert list(frames) == []
        assert face.ready == 0
        face.feed(np.zeros(16_000, np.float32))
        later = list(face.frames())
    assert shown == [0, 1, 2]
    assert [frame.index for frame in later] == list(range(3, 3 + 23))
    assert not any(frame.sound.any() or frame.image[0, 0, 1] for frame in later)


def test_another_thread_may_interrupt() -> None:
    with Pipeline() as face:
        face.feed(a_voice(2, 16_000))
        shown = 0
        for _ in face.frames():
            shown += 1
            if shown == 5:
                other = threading.Thread(target=face.interrupt)
                other.start()
                other.join()
        assert shown == 5


def test_what_is_no_sound_is_refused_and_changes_nothing() -> None:
    with Pipeline(rate=24_000) as face:
        for wrong in (np.zeros((2, 9), np.float32), np.zeros(9, np.int32), [0.0], np.array([np.nan], np.float32)):
            with pytest.raises(AudioError):
                face.feed(wrong)  # type: ignore[arg-type]
        face.feed(a_voice(1, 24_000))
        assert face.flush() == 25


@pytest.mark.parametrize("rate", [0, 7_999, 16_001, 96_000])
def test_an_unusual_rate_is_refused(rate: int) -> None:
    with pytest.raises(ConfigurationError, match="such as 24000"):
        Pipeline(rate=rate)


def test_a_closed_pipeline_says_so() -> None:
    face = Pipeline()
    face.close()
    face.close()
    for use in (face.flush, lambda: list(face.frames()), face.interrupt, lambda: face.feed(np.zeros(1, np.float32))):
        with pytest.raises(LivefaceError, match="has been closed"):
            use()


def test_the_package_gives_what_it_names() -> None:
    assert {name: getattr(liveface, name).__name__ for name in liveface.__all__} == {
        name: name for name in liveface.__all__
    }
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = liveface.Nothing  # type: ignore[attr-defined]


def test_the_head_lives_equally_in_any_pieces_and_not_at_all_when_still(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Motion] = []

    class Noting(FakeRenderer):
        def draw(self, motions: list[Motion], avatars: list[engine.Avatar]) -> list[Frame]:
            drawn.extend(motions)
            return super().draw(motions, avatars)

    def load(avatar: Avatar | None, settings: Settings) -> Parts:
        return Parts(FakeStreamer(2), Noting(VirtualClock()), an_avatar(), settings.life())  # type: ignore[arg-type]

    monkeypatch.setattr(liveface.app.library.pipeline, "load_parts", load)

    def lived(pieces: int, **chosen: Any) -> list[Expression]:
        drawn.clear()
        with Pipeline(**chosen) as face:
            for piece in np.array_split(a_voice(4.0, 16_000), pieces):
                face.feed(piece)
                list(face.frames())
            face.flush()
            list(face.frames())
        return [motion.expression for motion in drawn]

    whole = lived(1)
    assert len(set(whole)) > 90
    assert lived(37) == whole
    assert lived(1, seed=1) != whole
    assert set(lived(5, still=True)) == {REST}
