"""Tests of the program behind the window, as the window uses it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import liveface.app.desktop.live_session
import liveface.app.desktop.supervisor
from liveface.app.desktop.supervisor import Kind
from liveface.engine.errors import (
    AudioError,
    BackendError,
    CheckpointError,
    ConfigurationError,
    DeviceError,
    OutputError,
)
from tests.app.desktop.desktop_stand import ENDLESS, NO_MICROPHONE, Stand, an_avatar
from tests.app.fakes import FakeSink


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch) -> dict[Kind, list[str]]:
    """Names of sound devices that seem to be there."""
    names: dict[Kind, list[str]] = {"input": [], "output": ["Loud"]}
    monkeypatch.setattr(liveface.app.desktop.supervisor, "_distinct", lambda kind: list(names[kind]))
    monkeypatch.setattr(liveface.app.desktop.supervisor, "look_again", lambda: True)
    monkeypatch.setattr(liveface.app.desktop.supervisor, "_SEARCH", 0.05)
    return names


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with Stand(tmp_path) as made:
        yield made


def test_it_performs_at_once_with_the_chosen_avatar_and_microphone(tmp_path: Path) -> None:
    with Stand(tmp_path, avatar="jonas", microphone="Headset", lookahead=2) as stand:
        stand.until_live()
        stand.until(lambda: len(stand.window.frames) > 5)
        [source] = stand.heard
        assert (source.heard.microphone, source.heard.file, source.heard.speaker) == ("Headset", None, None)
        assert stand.desktop.standing().avatar == "jonas"
        assert stand.streamers == []
    assert stand.desktop.failure is None
    assert stand.desktop.latest is not None


def test_it_stops_and_starts_again(stand: Stand) -> None:
    stand.until_live()
    stand.desktop.stop()
    stand.until(lambda: stand.desktop.standing().phase == "stopped")
    assert stand.desktop.figures() is None
    stand.desktop.start()
    stand.until_live()
    assert len(stand.heard) == 2


def test_another_avatar_is_worn_without_a_new_session(stand: Stand) -> None:
    stand.until_live()
    stand.desktop.change("avatar", "jonas")
    stand.until(lambda: stand.desktop._stagehand.stage and stand.desktop._stagehand.stage.avatar.name == "jonas")
    assert len(stand.heard) == 1
    assert stand.kept == [("avatar", "jonas")]


def test_a_worn_avatar_that_is_removed_gives_way_to_the_default_one_until_it_is_brought_back(
    stand: Stand, tmp_path: Path
) -> None:
    an_avatar("anna").save(tmp_path / "own" / "anna")
    stand.until_live()
    stand.desktop.change("avatar", "anna")
    stand.desktop._gallery._show(stand.desktop._gallery._portrait_of(tmp_path / "own" / "anna", is_shipped=False))
    stand.desktop._gallery.remove("anna")
    assert stand.desktop.standing().avatar == "clara"
    stand.desktop._gallery.restore("anna")
    assert stand.desktop.standing().avatar == "anna"


@pytest.mark.parametrize(("name", "value"), [("microphone", "Headset"), ("lookahead", 5)])
def test_what_is_heard_otherwise_begins_a_new_session(stand: Stand, name: str, value: object) -> None:
    stand.until_live()
    stand.desktop.change(name, value)
    stand.until(lambda: len(stand.heard) == 2 and stand.desktop.standing().phase == "live")
    assert getattr(stand.heard[-1].heard, name) == value
    assert stand.streamers == ([5] if name == "lookahead" else [])


def test_another_speaker_begins_a_new_session_only_where_something_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveface.app.desktop.live_session, "Speaker", lambda name, clock, on_notice: FakeSpeaker(stand))
    with Stand(tmp_path) as stand:
        stand.until_live()
        before = stand.desktop._stagehand.wish
        stand.desktop.change("speaker", "Loud")
        assert stand.desktop._stagehand.wish == before
        stand.desktop.change("hears_itself", True)
        stand.until(lambda: len(stand.heard) == 2 and stand.desktop.standing().phase == "live")
        assert stand.heard[-1].heard.speaker == "Loud"
        stand.desktop.change("speaker", "Louder")
        stand.until(lambda: len(stand.heard) == 3 and stand.desktop.standing().phase == "live")
        assert stand.heard[-1].heard.speaker == "Louder"


def test_the_delay_of_each_lookahead_is_told_before_it_is_measured(stand: Stand) -> None:
    assert [round(stand.desktop.expected_ms(ahead)) for ahead in (0, 2, 3)] == [65, 145, 185]


def test_without_a_microphone_the_face_lives_and_a_file_is_offered(stand_without: Stand) -> None:
    stand = stand_without
    stand.until(lambda: stand.desktop.standing().is_deaf)
    stand.until(lambda: len(stand.window.frames) > 5)
    [notice] = stand.news
    assert notice.text == "No microphone was found: connect one, or let a sound file speak."
    assert (notice.is_problem, notice.remedy) == (True, "sample")


def test_without_any_sound_library_the_face_lives_on(stand_without: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []

    def refuse() -> bool:
        asked.append(None)
        raise DeviceError("The PortAudio library is missing.")

    monkeypatch.setattr(liveface.app.desktop.supervisor, "look_again", refuse)
    stand_without.until(lambda: len(asked) > 2)
    assert stand_without.desktop.standing().phase == "live"
    assert stand_without.desktop.standing().is_deaf


def test_a_microphone_that_is_connected_later_is_heard(stand_without: Stand, connected: dict[Kind, list[str]]) -> None:
    stand = stand_without
    stand.until(lambda: stand.desktop.standing().is_deaf)
    connected["input"].append("Headset")
    stand.until(lambda: stand.heard)
    stand.until_live()
    assert not stand.desktop.standing().is_deaf
    assert stand.desktop.microphones() == ["Headset"]


def test_a_microphone_is_heard_though_the_window_has_listed_it_before(
    stand_without: Stand, connected: dict[Kind, list[str]]
) -> None:
    stand = stand_without
    stand.until(lambda: stand.desktop.standing().is_deaf)
    stand.desktop._stagehand._next_search = float("inf")
    connected["input"].append("Headset")
    stand.desktop.refresh()
    stand.until(lambda: stand.desktop.microphones() == ["Headset"])
    stand.desktop._stagehand._next_search = 0.0
    stand.until(lambda: stand.heard and not stand.desktop.standing().is_deaf)


def test_the_default_microphone_stands_in_until_the_wanted_one_is_connected(
    tmp_path: Path, connected: dict[Kind, list[str]]
) -> None:
    connected["input"].append("Built-in")
    made = Stand(tmp_path, microphone="Headset")
    made.refusals.append(DeviceError("There is no microphone “Headset”: choose one of “Built-in”."))
    with made as stand:
        stand.until_live()
        assert (stand.heard[-1].heard.microphone, stand.desktop.standing().is_deaf) == ("", False)
        stand.until(lambda: stand.news)
        connected["input"].append("Headset")
        stand.until(lambda: stand.heard[-1].heard.microphone == "Headset")
    assert stand.desktop.choices()["microphone"] == "Headset"
    assert stand.desktop.failure is None


@pytest.fixture
def stand_without(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    made.refusals.append(NO_MICROPHONE)
    with made:
        yield made


def test_a_file_is_heard_wound_paused_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveface.app.desktop.live_session, "Speaker", lambda name, clock, on_notice: FakeSpeaker(stand))
    with Stand(tmp_path) as stand:
        stand.until_live()
        stand.desktop.open_file(Path("talk.mp3"))
        stand.until(lambda: (reel := stand.desktop.reel()) is not None and reel.position > 0.1)
        assert stand.heard[-1].heard.speaker == ""
        stand.desktop.play(False)
        reel = stand.desktop.reel()
        assert reel is not None
        assert (reel.name, reel.length, reel.is_playing) == ("talk.mp3", 1.0, False)
        stand.desktop.seek(0.5)
        assert (reel := stand.desktop.reel()) is not None
        assert reel.position == 0.5
        stand.desktop.open_file(None)
        stand.until(lambda: stand.desktop.reel() is None)
        stand.until_live()


class FakeSpeaker(FakeSink):
    def __init__(self, stand: Stand) -> None:
        super().__init__(stand.clock)

    def delay(self) -> float:
        return 0.08


def test_what_is_played_here_holds_the_picture_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveface.app.desktop.live_session, "Speaker", lambda name, clock, on_notice: FakeSpeaker(stand))
    with Stand(tmp_path) as stand:
        stand.until_live()
        assert stand.desktop.held_back() == 0
        stand.desktop.change("hears_itself", True)
        stand.until(lambda: stand.desktop.held_back() == 0.08)


def test_without_a_speaker_the_face_is_seen_and_the_reason_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, on_notice: object) -> FakeSink:
        raise DeviceError("The speaker has gone.")

    monkeypatch.setattr(liveface.app.desktop.live_session, "Speaker", refuse)
    with Stand(tmp_path, hears_itself=True) as stand:
        stand.until_live()
        stand.until(lambda: [notice.text for notice in stand.news] == ["The speaker has gone."])
        assert not stand.desktop.standing().is_deaf
    assert stand.desktop.failure is None


def test_a_broken_file_is_explained_and_the_face_lives_on(stand: Stand) -> None:
    stand.until_live()
    stand.refusals.append(AudioError("talk.mp3 is broken."))  # it is not read once more without the speaker
    stand.desktop.open_file(Path("talk.mp3"))
    stand.until(lambda: stand.news)
    assert (stand.news[0].text, stand.news[0].remedy) == ("talk.mp3 is broken.", "file")
    stand.until(lambda: stand.desktop.standing().is_deaf)
    stand.desktop.open_file(None)
    stand.until(lambda: stand.desktop.standing().phase == "live" and not stand.desktop.standing().is_deaf)


@pytest.fixture
def reading(stand: Stand) -> Stand:
    """A long file is being read."""
    stand.until_live()
    stand.desktop.open_file(ENDLESS)
    stand.until(lambda: stand.reads > 2)
    assert stand.desktop.standing().phase == "starting"
    return stand


def test_a_file_that_is_being_read_is_left_for_another(reading: Stand) -> None:
    reading.desktop.change("avatar", "jonas")  # goes on reading
    before = reading.reads
    reading.until(lambda: reading.reads > before + 2)
    reading.desktop.open_file(Path("talk.mp3"))
    reading.until_live()
    assert reading.heard[-1].heard.file == Path("talk.mp3")


def test_a_file_that_is_being_read_is_left_by_stopping_and_read_anew_by_starting(reading: Stand) -> None:
    reading.desktop.stop()
    reading.until(lambda: reading.desktop.standing().phase == "stopped")
    before = reading.reads
    reading.desktop.start()
    reading.until(lambda: reading.reads > before + 2)


def test_a_file_that_is_being_read_does_not_hold_up_the_end(reading: Stand) -> None:
    assert reading.desktop.close(5.0)


def test_a_session_that_fails_is_explained_and_can_be_tried_again(stand: Stand) -> None:
    stand.until_live()

    def vanish(timeout: float) -> None:
        raise DeviceError("The microphone is lost.")

    stand.heard[0].read = vanish  # type: ignore[assignment, method-assign]
    stand.until(lambda: stand.news)
    assert (stand.news[0].text, stand.news[0].remedy) == ("The microphone is lost.", "retry")
    stand.until(lambda: stand.desktop.standing().is_deaf)
    stand.desktop.start()
    stand.until(lambda: len(stand.heard) == 2 and not stand.desktop.standing().is_deaf)


def test_a_device_that_does_not_let_go_does_not_keep_the_window_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveface.app.desktop.supervisor, "_CLOSING", 0.2)
    stand, released = Stand(tmp_path), threading.Event()
    stand.desktop.open()
    stand.until_live()
    stand.heard[0].close = lambda: released.wait(20) and None  # type: ignore[method-assign]
    assert not stand.desktop.close(0.1)
    released.set()
    assert stand.desktop.close(5.0)


@pytest.mark.parametrize("place", ["the source", "the engine", "the drawing", "the outputs", "the devices", "the face"])
def test_whatever_fails_is_told_with_a_report_and_starting_again_works(
    stand: Stand, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.until_live()
    hand = stand.desktop._stagehand
    stage = hand.stage
    assert stage is not None

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no such thing")

    with monkeypatch.context() as patched:
        match place:
            case "the source":
                stand.refusals.append(ZeroDivisionError("no such thing"))
                stand.desktop.start()
            case "the engine":
                stand.heard[0].read = fail  # type: ignore[assignment, method-assign]
            case "the drawing":
                patched.setattr(stage._wardrobe, "draw", fail)
            case "the outputs":
                patched.setattr(stand.outputs, "keep", fail)
                stand.desktop.snapshot()
            case "the devices":
                patched.setattr(hand, "_list_devices", fail)
                stand.desktop.refresh()
            case "the face":
                patched.setattr(stand.gallery, "load", fail)
                stand.desktop.change("avatar", "jonas")
        stand.until(lambda: stand.desktop.standing().phase == "stopped")
        stand.until(lambda: stand.news)
    notice = stand.news[-1]
    told = "Something has failed that should not (ZeroDivisionError: no such thing): "
    assert notice.text == f"{told}try again, and please pass on the report."
    assert (notice.is_problem, notice.remedy) == (True, "retry")
    assert "Traceback" in notice.report
    assert notice.report.splitlines()[0].startswith("liveface ")
    assert isinstance(stand.desktop.failure, ZeroDivisionError)
    before = len(stand.heard)
    stand.desktop.start()
    stand.until(lambda: len(stand.heard) > before)
    stand.until_live()
    assert stand.desktop.failure is None


@pytest.mark.parametrize("error", [BackendError("OpenVINO is not installed."), CheckpointError("Broken weights.")])
def test_what_keeps_it_from_loading_is_shown_and_kept(tmp_path: Path, error: Exception) -> None:
    stand = Stand(tmp_path)

    def refuse() -> None:
        raise error

    stand.desktop._stagehand._load_stage = refuse  # type: ignore[assignment]
    with stand:
        stand.until(lambda: stand.news)
        assert stand.news[0].text == str(error)
        assert stand.desktop.standing().phase == "stopped"
        assert stand.desktop.failure is error
        stand.desktop.mute(True)
        stand.desktop.interrupt()
        stand.desktop.snapshot()
        assert not stand.desktop.action_units().any()


def test_muted_it_stays_muted_in_a_new_session(stand: Stand) -> None:
    stand.desktop.mute(True)
    stand.until_live()
    stand.desktop.change("lookahead", 4)
    stand.until(lambda: len(stand.heard) == 2 and stand.desktop.standing().phase == "live")
    stand.window.frames.clear()
    stand.until(lambda: len(stand.window.frames) > 8)
    assert not np.concatenate([frame.pcm for frame in stand.window.frames[6:]]).any()


def test_with_push_to_talk_nothing_is_heard_before_there_is_a_window(tmp_path: Path) -> None:
    with Stand(tmp_path, is_push_to_talk=True) as stand:
        stand.until_live()
        stand.until(lambda: len(stand.window.frames) > 8)
        assert not np.concatenate([frame.pcm for frame in stand.window.frames]).any()


def test_a_recording_goes_on_over_a_change_and_is_finished_by_stopping(stand: Stand, tmp_path: Path) -> None:
    stand.until_live()
    stand.desktop.record(True)
    stand.until(lambda: (stand.desktop.standing().recorded or 0) > 0.2)
    stand.desktop.change("lookahead", 1)
    stand.until(lambda: len(stand.heard) == 2 and (stand.desktop.standing().recorded or 0) > 0.6)
    stand.desktop.stop()
    stand.until(lambda: stand.news)
    assert stand.news[0].text.startswith("Recording saved: liveface ")
    assert len(list(tmp_path.glob("*.mp4"))) == 1


def test_the_camera_follows_its_settings_while_it_is_on(stand: Stand) -> None:
    stand.until_live()
    stand.desktop.change("camera", "/dev/video7")
    assert not stand.call
    stand.desktop.send("camera", True)
    stand.until(lambda: "/dev/video7" in stand.call)
    stand.desktop.change("camera", "/dev/video8")
    stand.until(lambda: "/dev/video8" in stand.call)
    stand.until(lambda: stand.call["/dev/video7"].completed)
    stand.desktop.send("camera", False)
    stand.until(lambda: stand.call["/dev/video8"].completed)
    assert not stand.desktop.is_sent("camera")


def test_the_gate_and_the_gain_change_while_it_runs(stand: Stand) -> None:
    stand.until_live()
    assert stand.gate.settings.threshold is not None
    stand.desktop.change("has_noise_gate", False)
    stand.desktop.change("has_automatic_gain", False)
    assert (stand.gate.settings.threshold, stand.gate.settings.has_gain) == (None, False)
    assert len(stand.heard) == 1


def test_settings_that_cannot_be_kept_count_until_the_end(stand: Stand) -> None:
    def full(name: str, value: object) -> None:
        raise OutputError("The disk is full.")

    stand.desktop._remember = full
    stand.desktop.change("theme", "dark")
    assert stand.desktop.choices()["theme"] == "dark"
    stand.until(lambda: [notice.text for notice in stand.news] == ["The disk is full."])
    with pytest.raises(ConfigurationError):
        stand.desktop.change("theme", "pink")


def test_settings_that_two_threads_change_are_kept_one_after_the_other(stand: Stand) -> None:
    is_second_inside = threading.Event()
    kept: list[str] = []
    overlaps: list[str] = []

    def keep_slowly(name: str, value: object) -> None:
        kept.append(name)
        if len(kept) == 1:
            overlaps.extend([name] if is_second_inside.wait(0.2) else [])
        else:
            is_second_inside.set()

    stand.desktop._remember = keep_slowly
    first = threading.Thread(target=stand.desktop.change, args=("avatar", "jonas"))
    first.start()
    stand.until(lambda: kept)
    stand.desktop.change("theme", "dark")
    first.join()
    assert (kept, overlaps) == (["avatar", "theme"], [])


def test_it_closes_while_it_loads(tmp_path: Path) -> None:
    with Stand(tmp_path):
        pass
