"""Tests of the virtual microphone on a real sound server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from liveface.app.audio import virtual_microphone
from liveface.app.audio.devices import SoundDevice
from liveface.app.audio.pulse import endpoints, modules
from liveface.engine.errors import DeviceError
from tests.app.audio.sound_server import sound_server


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with sound_server(tmp_path) as environment:
        monkeypatch.setenv("PULSE_SERVER", environment["PULSE_SERVER"])
        monkeypatch.setattr(
            virtual_microphone, "choose", lambda kind, name: SoundDevice(0, name, 1, 48_000, False, name)
        )
        yield


def microphones() -> list[str]:
    return [endpoint.description for endpoint in endpoints("input") or []]


def test_it_is_made_found_again_after_a_crash_and_taken_away(server: None) -> None:
    before = modules()
    assert virtual_microphone.create() == virtual_microphone.SINK
    assert microphones() == ["Desk", virtual_microphone.NAME]
    assert virtual_microphone.create() == virtual_microphone.SINK
    assert len(modules()) == len(before) + 2
    virtual_microphone.remove()
    virtual_microphone.remove()
    assert modules() == before


def test_the_half_that_a_crash_left_is_completed(server: None) -> None:
    virtual_microphone.create()
    last = modules()[-1]
    virtual_microphone.unload(last.number)
    virtual_microphone.create()
    assert microphones() == ["Desk", virtual_microphone.NAME]


def test_nothing_is_left_behind_where_it_cannot_be_used(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_found(kind: str, name: str) -> SoundDevice:
        raise DeviceError("There is none.")

    monkeypatch.setattr(virtual_microphone, "choose", none_found)
    before = modules()
    with pytest.raises(DeviceError, match="libasound2-plugins"):
        virtual_microphone.create()
    assert modules() == before


def test_a_machine_without_a_sound_server_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nowhere")
    with pytest.raises(DeviceError, match="PulseAudio or PipeWire"):
        virtual_microphone.create()
